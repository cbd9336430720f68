package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
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

// step moves the machine to one state of the leave path. It detaches the machine first if the
// lease has ended, and starts again if the lease ends during the transition.
func (i *Instance[S, P]) step(ctx context.Context, to S) error {
	held := i.lease.Valid()
	if !held {
		if err := i.machine.Detach(ctx); err != nil {
			return err
		}
	}
	err := i.Transition(ctx, to)
	if err != nil && i.State() != to && held && !i.lease.Valid() {
		return i.step(ctx, to)
	}
	return err
}
