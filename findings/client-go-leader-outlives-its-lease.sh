#!/usr/bin/env bash
# k8s.io/client-go v0.37.2 with its own fake clientset, Go 1.26.
#
# Guess: NewLeaderElector requires LeaseDuration > RenewDeadline, so with clocks of one speed a leader that
#        cannot reach the server stops before another candidate starts.
# Seen:  three things bring two leaders at once, with durations that NewLeaderElector accepts:
#        - RenewDeadline begins a RetryPeriod after the last renewal: the leader stops RetryPeriod +
#          RenewDeadline after it;
#        - the record has LeaseDuration in whole seconds, rounded down, and other candidates go by it;
#        - candidates compare the time of a renewal in whole seconds, so they miss renewals within one second
#          and count from the first: the lease ends for them up to a second early.
#        The defaults of Kubernetes (15 s, 10 s, 2 s) leave room for all three.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require (
	k8s.io/apimachinery v0.37.2
	k8s.io/client-go v0.37.2
)
END
cat >main_test.go <<'END'
package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

type durations struct{ lease, renew, retry time.Duration }

// Test cuts the first of two candidates off from their server, in virtual time that begins with a whole second.
func Test(t *testing.T) {
	for _, c := range []struct {
		name string
		durations
		cut time.Duration
	}{
		{"default", durations{15 * time.Second, 10 * time.Second, 2 * time.Second}, 60001 * time.Millisecond},
		{"long retry period", durations{15 * time.Second, 13 * time.Second, 10 * time.Second}, 60001 * time.Millisecond},
		{"1.9 s", durations{1900 * time.Millisecond, 1500 * time.Millisecond, 100 * time.Millisecond}, 60001 * time.Millisecond},
		{"2 s, cut off at the start of a second", durations{2 * time.Second, 1500 * time.Millisecond, 100 * time.Millisecond}, 60001 * time.Millisecond},
		{"2 s, cut off at the end of a second", durations{2 * time.Second, 1500 * time.Millisecond, 100 * time.Millisecond}, 60901 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			stops, starts := run(t, c.durations, c.cut)
			fmt.Printf("%s: the first stops %v after its last renewal, the second starts %d s after it, before the first has stopped: %v\n",
				c.name, stops, int(starts.Seconds()), starts < stops)
		})
	}
}

func run(t *testing.T, d durations, cut time.Duration) (stops, starts time.Duration) {
	ctx, cancel := context.WithCancel(t.Context())
	defer func() { cancel(); synctest.Wait() }()
	first, second := fake.NewSimpleClientset(), &fake.Clientset{}
	second.AddReactor("*", "*", clienttesting.ObjectReaction(first.Tracker()))
	var gone atomic.Bool
	var last time.Time
	first.PrependReactor("*", "*", func(clienttesting.Action) (bool, runtime.Object, error) {
		if gone.Load() {
			return true, nil, errors.New("unreachable")
		}
		last = time.Now()
		return false, nil, nil
	})
	stand := func(name string, client *fake.Clientset, d durations, start func(context.Context), stop func()) {
		e, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
			Lock: &resourcelock.LeaseLock{
				LeaseMeta:  metav1.ObjectMeta{Namespace: "default", Name: "lease"},
				Client:     client.CoordinationV1(),
				LockConfig: resourcelock.ResourceLockConfig{Identity: name},
			},
			LeaseDuration: d.lease, RenewDeadline: d.renew, RetryPeriod: d.retry,
			Callbacks: leaderelection.LeaderCallbacks{OnStartedLeading: start, OnStoppedLeading: stop},
		})
		if err != nil {
			t.Fatal(err)
		}
		go e.Run(ctx)
	}
	begun := time.Now()
	stand("first", first, d, func(context.Context) {}, func() { stops = time.Since(last) })
	time.Sleep(time.Millisecond)
	d.retry = 100 * time.Millisecond
	stand("second", second, d, func(context.Context) { starts = time.Since(last) }, func() {})
	time.Sleep(cut - time.Since(begun))
	gone.Store(true)
	time.Sleep(time.Minute)
	return
}
END
GOWORK=off GOFLAGS=-mod=mod go mod tidy 2>/dev/null
GOWORK=off go test -vet=off -count=1 -v . 2>/dev/null | grep renewal | tee seen
diff seen - <<'END'
default: the first stops 12s after its last renewal, the second starts 15 s after it, before the first has stopped: false
long retry period: the first stops 23s after its last renewal, the second starts 15 s after it, before the first has stopped: true
1.9 s: the first stops 1.6s after its last renewal, the second starts 1 s after it, before the first has stopped: true
2 s, cut off at the start of a second: the first stops 1.6s after its last renewal, the second starts 2 s after it, before the first has stopped: false
2 s, cut off at the end of a second: the first stops 1.6s after its last renewal, the second starts 1 s after it, before the first has stopped: true
END
echo "as found: client-go v0.37.2"
