#!/usr/bin/env bash
# k8s.io/client-go v0.37.2, Go 1.26.
#
# Guess: a leader that reads in the lease that another has it, for instance because an operator has handed it
#        over, stops leading then: within a RetryPeriod.
# Seen:  from then on IsLeader says false and GetLeader names the other, but the leader's context goes on, and
#        OnStoppedLeading and OnNewLeader are not called, until RenewDeadline has passed: with the defaults of
#        Kubernetes, ten seconds of two leaders.
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
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// lock is a lease object and the version that the leader has seen of it. As in an API server, an update of an
// older version is a conflict; the fake clientset has none.
type lock struct {
	record        resourcelock.LeaderElectionRecord
	version, seen int
}

var leases = schema.GroupResource{Group: "coordination.k8s.io", Resource: "leases"}

func (l *lock) Get(context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	if l.version == 0 {
		return nil, nil, errors.NewNotFound(leases, "lease")
	}
	l.seen = l.version
	record := l.record
	raw, err := json.Marshal(record)
	return &record, raw, err
}

func (l *lock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.Update(ctx, record)
}

func (l *lock) Update(_ context.Context, record resourcelock.LeaderElectionRecord) error {
	if l.seen != l.version {
		return errors.NewConflict(leases, "lease", nil)
	}
	l.version++
	l.record, l.seen = record, l.version
	return nil
}

func (l *lock) RecordEvent(string) {}
func (l *lock) Identity() string   { return "first" }
func (l *lock) Describe() string   { return "lease" }

func Test(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer func() { cancel(); synctest.Wait() }()
		l := new(lock)
		var handed time.Time
		note := func(event string) { fmt.Printf("seen %v after the change: %s\n", time.Since(handed).Round(time.Second), event) }
		e, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
			Lock: l, LeaseDuration: 15 * time.Second, RenewDeadline: 10 * time.Second, RetryPeriod: 2 * time.Second,
			Callbacks: leaderelection.LeaderCallbacks{
				OnStartedLeading: func(ctx context.Context) { <-ctx.Done(); note("context ended") },
				OnStoppedLeading: func() { note("OnStoppedLeading") },
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		go e.Run(ctx)
		time.Sleep(time.Minute + time.Millisecond)
		l.record.HolderIdentity = "second"
		l.version++
		handed = time.Now()
		for e.IsLeader() {
			time.Sleep(time.Second)
		}
		note("IsLeader is false, GetLeader is " + e.GetLeader())
		time.Sleep(time.Minute)
	})
}
END
GOWORK=off GOFLAGS=-mod=mod go mod tidy 2>/dev/null
GOWORK=off go test -vet=off -count=1 -v . 2>/dev/null | grep '^seen' | LC_ALL=C sort | tee seen
diff seen - <<'END'
seen 12s after the change: OnStoppedLeading
seen 12s after the change: context ended
seen 2s after the change: IsLeader is false, GetLeader is second
END
echo "as found: client-go v0.37.2"
