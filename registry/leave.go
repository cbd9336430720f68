package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/leasehold-go/leasehold/fsm"
)

// Leave walks the machine through the states of [Config.LeavePath], in order, and lets
// go of the key. A state that is the present one already, or to which no edge leads
// from it, is passed over. A step that is refused ends the walk; one that was made,
// and only a hook after it failed, does not. It works after ctx has been cancelled:
// the walk has [Config.LeaveTimeout], and letting go the time of [Instance.Deregister].
//
// When the term has been lost, before or on the way, the machine is detached and
// walks on in this process alone; the store is not written to any more. The errors
// of what went wrong are joined; the key is let go of all the same.
func (i *Instance[S, P]) Leave(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), i.cfg.LeaveTimeout)
	defer cancel()
	defer func() { err = errors.Join(err, i.Deregister(ctx)) }() // also if a hook panics
	return i.walk(ctx)
}

func (i *Instance[S, P]) walk(ctx context.Context) error {
	var failed []error
	for _, s := range i.cfg.LeavePath {
		err := i.step(ctx, s)
		if refused, ok := errors.AsType[*fsm.TransitionError[S]](err); err == nil || ok && refused.Phase == fsm.PhaseTable {
			continue
		}
		failed = append(failed, fmt.Errorf("leaving: %w", err))
		if i.State() != s {
			break
		}
	}
	return errors.Join(failed...)
}

// step moves the machine by one state, off the lease if that has ended.
func (i *Instance[S, P]) step(ctx context.Context, to S) error {
	held := i.lease.Valid()
	if !held {
		if err := i.machine.Detach(ctx); err != nil {
			return err
		}
	}
	err := i.Transition(ctx, to)
	if err != nil && i.State() != to && held && !i.lease.Valid() {
		return i.step(ctx, to) // lost on the way
	}
	return err
}
