#!/usr/bin/env bash
# go.temporal.io/sdk v1.51.0 (workflow.Mutex and workflow.Semaphore in the test environment), Go 1.26.
#
# Guess: a coroutine that waits for a workflow.Mutex gets it when the holder unlocks, and one that waits for two places of
#        a Semaphore gets them in its turn, as with sync.Mutex and semaphore.Weighted, whose place they take in workflows.
# Seen:  it waits until the others have gone. A holder that unlocks and locks again in a loop keeps the mutex for all its
#        turns, and whoever asks for one place overtakes who waits for two. There is no queue: each waits with Await for a
#        condition, which is looked at only when the other coroutine blocks, and by then the lock is taken again. A
#        Sleep between Unlock and Lock lets the next one in.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'EOF'
module finding

go 1.26.0

require go.temporal.io/sdk v1.51.0
EOF
cat >main.go <<'EOF'
package main

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"
)

func mutex(ctx workflow.Context) error {
	start := workflow.Now(ctx)
	mutex := workflow.NewMutex(ctx)
	all := workflow.NewWaitGroup(ctx)
	for _, name := range []string{"first", "second"} {
		all.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer all.Done()
			for range 3 {
				if err := mutex.Lock(ctx); err != nil {
					panic(err)
				}
				fmt.Printf("%s has the mutex at %v\n", name, workflow.Now(ctx).Sub(start))
				workflow.Sleep(ctx, time.Minute)
				mutex.Unlock()
			}
		})
	}
	all.Wait(ctx)
	return nil
}

// places lets two coroutines take one place of two, ten times for a minute each, and one take both.
func places(ctx workflow.Context) error {
	start := workflow.Now(ctx)
	places := workflow.NewSemaphore(ctx, 2)
	all := workflow.NewWaitGroup(ctx)
	take := func(after time.Duration, n int64, turns int) {
		all.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer all.Done()
			workflow.Sleep(ctx, after)
			for range turns {
				if err := places.Acquire(ctx, n); err != nil {
					panic(err)
				}
				if n == 2 {
					fmt.Printf("who asked for two at 40s has them at %v\n", workflow.Now(ctx).Sub(start))
				}
				workflow.Sleep(ctx, time.Minute)
				places.Release(n)
			}
		})
	}
	take(0, 1, 10)
	take(30*time.Second, 1, 10)
	take(40*time.Second, 2, 1)
	all.Wait(ctx)
	return nil
}

func main() {
	for _, run := range []func(workflow.Context) error{mutex, places} {
		var suite testsuite.WorkflowTestSuite
		suite.SetLogger(log.NewStructuredLogger(slog.New(slog.NewTextHandler(io.Discard, nil))))
		environment := suite.NewTestWorkflowEnvironment()
		environment.ExecuteWorkflow(run)
		if err := environment.GetWorkflowError(); err != nil {
			panic(err)
		}
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod timeout 900 go build -p 2 -o finding . 2>err || { cat err; exit 1; }
timeout 60 ./finding | tee seen
diff seen - <<'EOF'
first has the mutex at 0s
first has the mutex at 1m0s
first has the mutex at 2m0s
second has the mutex at 3m0s
second has the mutex at 4m0s
second has the mutex at 5m0s
who asked for two at 40s has them at 10m30s
EOF
echo "as found: go.temporal.io/sdk v1.51.0"
