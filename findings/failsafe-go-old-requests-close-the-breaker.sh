#!/usr/bin/env bash
# github.com/failsafe-go/failsafe-go v0.9.8 and sony/gobreaker/v2 v2.4.0, Go 1.26.
#
# Guess: a circuit breaker that is half-open is closed by requests that it has let through since: one that was sent before
#        the failures and ends now says nothing, as with gobreaker.
# Seen:  in failsafe-go it counts like a trial: successes of slow requests from before close the breaker, while the one
#        trial is still under way, and its failure no longer opens it. A result is recorded in the state that the
#        breaker has when the request ends. Each also gives back a permit of the half-open state that it never took.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require (
	github.com/failsafe-go/failsafe-go v0.9.8
	github.com/sony/gobreaker/v2 v2.4.0
)
END
cat >main.go <<'END'
package main

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/sony/gobreaker/v2"
)

// try is told how to send a request and how to ask for the state. Both breakers open after three failures, are half-open
// two seconds later, and are closed by three successes.
func try(name string, send func(func() (int, error)) (int, error), state func() string) {
	ok := func(wait chan struct{}, begun *sync.WaitGroup) func() (int, error) {
		return func() (int, error) { begun.Done(); <-wait; return 0, nil }
	}
	var begun, ended sync.WaitGroup
	old, trial := make(chan struct{}), make(chan struct{})
	for range 3 { // slow requests, sent while all is well
		begun.Add(1)
		ended.Go(func() { send(ok(old, &begun)) })
	}
	begun.Wait()
	for range 3 {
		send(func() (int, error) { return 0, errors.New("down") })
	}
	fmt.Printf("%s: after three failures %s;", name, state())
	time.Sleep(4 * time.Second)
	begun.Add(1)
	failed := make(chan struct{})
	go func() {
		send(func() (int, error) { begun.Done(); <-trial; return 0, errors.New("still down") })
		close(failed)
	}()
	begun.Wait()
	fmt.Printf(" with a trial under way %s;", state())
	close(old)
	ended.Wait()
	fmt.Printf(" when old requests have succeeded %s;", state())
	close(trial)
	<-failed
	fmt.Printf(" when the trial has failed %s\n", state())
}

func main() {
	g := gobreaker.NewCircuitBreaker[int](gobreaker.Settings{MaxRequests: 3, Timeout: 2 * time.Second,
		ReadyToTrip: func(counts gobreaker.Counts) bool { return counts.ConsecutiveFailures >= 3 }})
	try("gobreaker", g.Execute, func() string { return g.State().String() })
	f := circuitbreaker.NewBuilder[int]().WithFailureThreshold(3).WithSuccessThreshold(3).WithDelay(2 * time.Second).Build()
	executor := failsafe.With[int](f)
	try("failsafe-go", executor.Get, func() string { return f.State().String() })
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go build -o finding . 2>err || cat err
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
gobreaker: after three failures open; with a trial under way half-open; when old requests have succeeded half-open; when the trial has failed open
failsafe-go: after three failures open; with a trial under way half-open; when old requests have succeeded closed; when the trial has failed closed
END
echo "as found: failsafe-go v0.9.8, gobreaker v2.4.0"
