package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/store"
)

const defaultLeaveTimeout = 10 * time.Second

// Leave moves the machine through [Config.LeavePath] and releases the lease, also after ctx has
// been cancelled; its error joins the errors of both. The package documentation has the order
// under Leaving.
func (i *Instance[S, P]) Leave(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), i.cfg.LeaveTimeout)
	defer cancel()
	defer func() { err = errors.Join(err, i.Deregister(ctx)) }() // also if a hook panics

	var failed []error
	for _, to := range i.cfg.LeavePath {
		err := i.step(ctx, to)
		refused, isRefused := errors.AsType[*fsm.TransitionError[S]](err)
		if err == nil || isRefused && refused.Phase == fsm.PhaseTable {
			continue
		}
		failed = append(failed, fmt.Errorf("leaving: %w", err))
		if i.State() != to {
			break
		}
	}
	return errors.Join(failed...)
}

// step moves the machine to one state of the leave path. It detaches the machine if the lease
// has ended. While the store is unavailable, or a write is in doubt, it tries again.
func (i *Instance[S, P]) step(ctx context.Context, to S) error {
	for pause := shortestPause; ; pause = min(2*pause, longestPause) {
		held := i.lease.Valid()
		if !held {
			if err := i.machine.Detach(ctx); err != nil {
				return err
			}
		}
		err := i.Transition(ctx, to)
		if err == nil || i.State() == to || !held {
			return err
		}
		if !i.lease.Valid() {
			continue // detached
		}
		refused, isRefused := errors.AsType[*fsm.TransitionError[S]](err)
		if !isRefused || refused.Phase != fsm.PhaseWrite || !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrInDoubt) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// Between two tries of a step.
const (
	shortestPause = 50 * time.Millisecond
	longestPause  = time.Second
)
