#!/usr/bin/env bash
# go.temporal.io/sdk v1.51.0 (workflow.Mutex and workflow.Semaphore in the test environment), Go 1.26.
#
# Guess: Lock and Acquire with a cancelled context return a CanceledError and take nothing, as documented: "Returns
#        CanceledError if the ctx is canceled". AwaitWithTimeout with a condition that holds does so.
# Seen:  they take a free mutex or place and return nil. So a workflow that was cancelled while it waited for one lock
#        takes the next one as long as that is free, and fails only where somebody else is. They wait with Await, which
#        looks at its condition first and at the context only if that does not hold.
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

func cancelled(ctx workflow.Context) error {
	ctx, cancel := workflow.WithCancel(ctx)
	cancel()
	mutex := workflow.NewMutex(ctx)
	fmt.Printf("Lock of a free mutex: %v, locked: %t\n", mutex.Lock(ctx), mutex.IsLocked())
	fmt.Printf("Lock of a locked mutex: %v\n", mutex.Lock(ctx))
	places := workflow.NewSemaphore(ctx, 1)
	fmt.Printf("Acquire of a free place: %v", places.Acquire(ctx, 1))
	fmt.Printf(", free afterwards: %t\n", places.TryAcquire(ctx, 1))
	fmt.Printf("Acquire of a taken place: %v\n", places.Acquire(ctx, 1))
	_, err := workflow.AwaitWithTimeout(ctx, time.Minute, func() bool { return true })
	fmt.Printf("AwaitWithTimeout of what is so: %v\n", err)
	return nil
}

func main() {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.NewTextHandler(io.Discard, nil))))
	environment := suite.NewTestWorkflowEnvironment()
	environment.ExecuteWorkflow(cancelled)
	if err := environment.GetWorkflowError(); err != nil {
		panic(err)
	}
}
EOF
GOWORK=off GOFLAGS=-mod=mod timeout 900 go build -p 2 -o finding . 2>err || { cat err; exit 1; }
timeout 60 ./finding | tee seen
diff seen - <<'EOF'
Lock of a free mutex: <nil>, locked: true
Lock of a locked mutex: canceled
Acquire of a free place: <nil>, free afterwards: false
Acquire of a taken place: canceled
AwaitWithTimeout of what is so: canceled
EOF
echo "as found: go.temporal.io/sdk v1.51.0"
