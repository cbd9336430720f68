#!/usr/bin/env bash
# github.com/cschleiden/go-workflows v1.2.0 with its SQLite backend, Go 1.26.
#
# Guess: a signal that SignalWorkflow accepted for an instance is received by that instance, also after
#        ContinueAsNew: the guide says that only an instance that has completed does not get it. And a failed
#        activity is tried again after FirstRetryInterval.
# Seen:  a signal that the old execution has not received is gone, without an error: the new execution, with the
#        same instance id, waits in vain. The first retry waits for FirstRetryInterval times BackoffCoefficient, and
#        MaxAttempts, "maximum number of times to retry", counts the first attempt. (Signals belong to an execution,
#        and nothing carries them over; the exponent of the coefficient begins at 1.)
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/cschleiden/go-workflows v1.2.0
END
cat >main.go <<'END'
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/cschleiden/go-workflows/backend"
	"github.com/cschleiden/go-workflows/backend/sqlite"
	"github.com/cschleiden/go-workflows/client"
	"github.com/cschleiden/go-workflows/worker"
	"github.com/cschleiden/go-workflows/workflow"
)

var results = make(chan string, 1)

func rounds(ctx workflow.Context, round int) error {
	if round == 1 {
		workflow.NewSignalChannel[bool](ctx, "continue").Receive(ctx)
		return workflow.ContinueAsNew(ctx, 2)
	}
	result := "nothing"
	workflow.Select(ctx,
		workflow.Receive(workflow.NewSignalChannel[string](ctx, "order"), func(_ workflow.Context, order string, _ bool) { result = order }),
		workflow.Await(workflow.ScheduleTimer(ctx, 8*time.Second), func(workflow.Context, workflow.Future[any]) {}),
	)
	if !workflow.Replaying(ctx) {
		results <- result
	}
	return nil
}

var attempts []time.Time

func connect(context.Context) error {
	attempts = append(attempts, time.Now())
	return errors.New("no connection")
}

func retries(ctx workflow.Context) error {
	_, err := workflow.ExecuteActivity[any](ctx, workflow.ActivityOptions{RetryOptions: workflow.RetryOptions{
		MaxAttempts: 2, FirstRetryInterval: time.Second, BackoffCoefficient: 5,
	}}, connect).Get(ctx)
	return err
}

func check(errs ...error) {
	for _, err := range errs {
		if err != nil {
			panic(err)
		}
	}
}

func main() {
	ctx := context.Background()
	quiet := backend.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil)))
	store := sqlite.NewInMemoryBackend(sqlite.WithBackendOptions(quiet))
	c, w := client.New(store), worker.New(store, nil)
	check(w.RegisterWorkflow(rounds), w.RegisterWorkflow(retries), w.RegisterActivity(connect), w.Start(ctx))
	for _, early := range []bool{false, true} {
		id := fmt.Sprint("instance, early: ", early)
		first, err := c.CreateWorkflowInstance(ctx, client.WorkflowInstanceOptions{InstanceID: id}, rounds, 1)
		check(err)
		order := func() { fmt.Println("signal accepted:", c.SignalWorkflow(ctx, id, "order", "an order") == nil) }
		if early {
			order()
		}
		check(c.SignalWorkflow(ctx, id, "continue", true), c.WaitForWorkflowInstance(ctx, first, 20*time.Second))
		if !early {
			order()
		}
		fmt.Printf("sent before ContinueAsNew: %t, the new execution received %s\n", early, <-results)
	}
	instance, err := c.CreateWorkflowInstance(ctx, client.WorkflowInstanceOptions{InstanceID: "retries"}, retries)
	check(err)
	check(c.WaitForWorkflowInstance(ctx, instance, 30*time.Second))
	fmt.Printf("MaxAttempts 2: %d attempts; the first retry within 4 s: %t\n", len(attempts), attempts[1].Sub(attempts[0]) < 4*time.Second)
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 300 go build -o finding . 2>/dev/null
timeout 85 ./finding | tee seen
diff seen - <<'END'
signal accepted: true
sent before ContinueAsNew: false, the new execution received an order
signal accepted: true
sent before ContinueAsNew: true, the new execution received nothing
MaxAttempts 2: 2 attempts; the first retry within 4 s: false
END
echo "as found: go-workflows v1.2.0"
