#!/usr/bin/env bash
# github.com/felixgeelhaar/statekit v1.0.1, Go 1.26.
#
# Guess: NewDistributedInterpreter renews its lock every third of the TTL, so that one or two renewals may fail.
# Seen:  the first Renew with an error, such as a timeout of the network, is the last. The lock runs out a TTL
#        later without a word: LockHeld stays true and Send goes on until another node has taken the lock.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/felixgeelhaar/statekit v1.0.1
END
cat >main.go <<'END'
package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/felixgeelhaar/statekit"
)

// shaky is statekit's own lock in memory, over a network that loses the second renewal.
type shaky struct {
	statekit.StreamLock
	renewals atomic.Int32
}

type shakyLock struct {
	statekit.Lock
	s *shaky
}

func (s *shaky) Acquire(ctx context.Context, id string, ttl time.Duration) (statekit.Lock, error) {
	l, err := s.StreamLock.Acquire(ctx, id, ttl)
	return shakyLock{l, s}, err
}

func (l shakyLock) Renew(ctx context.Context, ttl time.Duration) error {
	if l.s.renewals.Add(1) == 2 {
		return errors.New("i/o timeout")
	}
	return l.Lock.Renew(ctx, ttl)
}

func main() {
	ctx := context.Background()
	machine, err := statekit.NewMachine[struct{}]("m").WithInitial("off").
		State("off").On("FLIP").Target("on").Done().
		State("on").On("FLIP").Target("off").Done().
		Build()
	if err != nil {
		panic(err)
	}
	memory := statekit.NewMemoryStreamLock()
	s := &shaky{StreamLock: memory}
	d, err := statekit.NewDistributedInterpreter(ctx, "stream", machine, statekit.NewMemoryEventStore(), s,
		statekit.WithLockTTL[struct{}](600*time.Millisecond))
	if err != nil {
		panic(err)
	}
	time.Sleep(3 * time.Second)
	fmt.Println("renewals in five times the TTL:", s.renewals.Load())
	fmt.Println("LockHeld:", d.LockHeld())
	fmt.Println("Send:", d.Send(statekit.Event{Type: "FLIP"}))
	_, err = memory.TryAcquire(ctx, "stream", time.Minute)
	fmt.Println("TryAcquire of another node:", err)
	fmt.Println("LockHeld:", d.LockHeld())
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 100 go run . 2>/dev/null | tee seen
diff seen - <<'END'
renewals in five times the TTL: 2
LockHeld: true
Send: <nil>
TryAcquire of another node: <nil>
LockHeld: false
END
echo "as found: statekit v1.0.1"
