#!/usr/bin/env bash
# github.com/go-co-op/gocron/v2 v2.21.2, Go 1.26.
#
# Guess: a scheduler with an elector and a job with a locker of its own ask both: the leader runs the job, and only
#        with the lock, so that for the moment in which two take themselves for the leader there is the lock.
# Seen:  with an elector no locker is asked, neither that of the scheduler nor that of the job. NewScheduler and
#        NewJob accept them all without an error, and the job runs without its lock.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/go-co-op/gocron/v2 v2.21.2
END
cat >main.go <<'END'
package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-co-op/gocron/v2"
)

type leader struct{}

func (leader) IsLeader(context.Context) error { return nil }

// held is a locker whose every lock is held by another.
type held struct{ asked atomic.Int32 }

func (h *held) Lock(context.Context, string) (gocron.Lock, error) {
	h.asked.Add(1)
	return nil, errors.New("held by another")
}

func main() {
	for _, elector := range []bool{false, true} {
		var ofScheduler, ofJob held
		options := []gocron.SchedulerOption{gocron.WithDistributedLocker(&ofScheduler)}
		if elector {
			options = append(options, gocron.WithDistributedElector(leader{}))
		}
		s, err := gocron.NewScheduler(options...)
		if err != nil {
			panic(err)
		}
		var ran [2]atomic.Bool
		for i, options := range [][]gocron.JobOption{nil, {gocron.WithDistributedJobLocker(&ofJob)}} {
			_, err := s.NewJob(gocron.DurationJob(20*time.Millisecond), gocron.NewTask(func() { ran[i].Store(true) }), options...)
			if err != nil {
				panic(err)
			}
		}
		s.Start()
		time.Sleep(500 * time.Millisecond)
		fmt.Printf("elector: %v, lockers asked: %v and %v, jobs ran: %v and %v\n", elector,
			ofScheduler.asked.Load() > 0, ofJob.asked.Load() > 0, ran[0].Load(), ran[1].Load())
		if err := s.Shutdown(); err != nil {
			panic(err)
		}
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go run . 2>/dev/null | tee seen
diff seen - <<'END'
elector: false, lockers asked: true and true, jobs ran: false and false
elector: true, lockers asked: false and false, jobs ran: true and true
END
echo "as found: gocron v2.21.2"
