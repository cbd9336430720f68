// Package schedule runs a job once across a fleet at each tick. One member holds the key of the job and
// runs it; the activity log of the key says which ticks were begun and finished, also after the
// holder has died. The next holder goes on from there.
//
// A tick is begun at most once. With AtLeastOnce it is finished at least once instead: the next holder
// begins it again if the log has no end of it.
package schedule

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// State is a state of the holder.
type State string

const (
	Idle    State = "idle"
	Running State = "running" // the job
)

var lifecycle = fsm.MustDefine(Idle, fsm.Table[State]{
	Idle:    {Running},
	Running: {Idle},
})

type (
	config   = registry.Config[State, struct{}]
	instance = registry.Instance[State, struct{}]
)

// Schedule is a job and its ticks. All members of a fleet have the same, except for the
// keeper.
type Schedule struct {
	Key         string
	Every       time.Duration // ticks are at its multiples, in UTC
	AtLeastOnce bool
	Keeper      *lease.Keeper

	// Job does the work of a tick. Its context ends when the lease is lost. An error is published,
	// and the tick counts as finished. The token is larger than that of every holder before: give
	// it to whatever the job writes to.
	Job func(ctx context.Context, tick time.Time, token store.Token) error
}

// Run is a member of the fleet until ctx has ended; it finishes the job at hand first. It runs each
// tick after the last one in the log, overdue ticks too, one after the other.
func (s *Schedule) Run(ctx context.Context) error {
	cfg := config{Key: s.Key, Wait: true, Log: &registry.Log{Age: store.MaxLogAge}}
	return registry.Supervise(ctx, s.Keeper, lifecycle, cfg, s.serve)
}

func (s *Schedule) serve(ctx context.Context, i *instance) error {
	held, cancel := i.Lease().Context(context.WithoutCancel(ctx))
	defer cancel()
	for {
		tick, err := s.next(ctx)
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(tick)):
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := s.run(held, i, tick); err != nil {
			return err
		}
	}
}

// run has the store log the begin of a tick, runs the job, and has it log the end. No transition waits
// for the log, and none fails with it, but the job must not begin without its entry.
func (s *Schedule) run(ctx context.Context, i *instance, tick time.Time) error {
	cause := tick.Format(time.RFC3339Nano)
	if err := i.TransitionWithCause(ctx, Running, cause); err != nil {
		return err
	}
	if err := i.Lease().FlushLog(ctx); err != nil {
		return err
	}
	switch last, finished, err := s.last(ctx); {
	case err != nil:
		return err
	case finished || !last.Equal(tick):
		return fmt.Errorf("the log of %q does not have the begin of %v: it has %v", s.Key, tick, last)
	}
	err := s.Job(ctx, tick, i.Lease().Token())
	if err != nil {
		err = i.RecordError(ctx, err)
	}
	return errors.Join(err, i.TransitionWithCause(ctx, Idle, cause))
}

// next returns the next tick to run.
func (s *Schedule) next(ctx context.Context) (time.Time, error) {
	last, finished, err := s.last(ctx)
	switch {
	case err != nil:
		return last, err
	case last.IsZero(): // the first of all
		last = time.Now().UTC()
	case s.AtLeastOnce && !finished:
		return last, nil
	}
	return last.Truncate(s.Every).Add(s.Every), nil
}

// last returns the last tick in the log, and whether it was finished. Without one the tick is zero.
func (s *Schedule) last(ctx context.Context) (tick time.Time, finished bool, err error) {
	for e, err := range registry.ReadLog(ctx, s.Keeper.Store(), s.Key, store.LogQuery{Backward: true}) {
		if err != nil {
			return tick, false, err
		}
		if e.Kind == registry.LogTransition {
			tick, err = time.Parse(time.RFC3339Nano, e.Transition.Cause)
			return tick, e.Transition.To == string(Idle), err
		}
	}
	return tick, false, nil
}
