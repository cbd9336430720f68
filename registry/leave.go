package registry

import (
	"context"
	"errors"
	"fmt"
)

// Leave walks the machine through the states of [Config.Leave], in order, and lets
// go of the key. A state that is the present one already, or to which no edge leads
// from it, is passed over. It works after ctx has been cancelled, for at most
// [Config.LeaveWithin].
//
// When the term has been lost, before or on the way, the machine is detached and
// walks on in this process alone; the store is not written to any more. The errors
// of what went wrong are joined; the key is let go of all the same.
func (i *Instance[S, P]) Leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), i.cfg.LeaveWithin)
	defer cancel()
	walked := i.walk(ctx)
	return errors.Join(walked, i.Deregister(ctx))
}

func (i *Instance[S, P]) walk(ctx context.Context) error {
	for _, s := range i.cfg.Leave {
		if i.State() == s || !i.machine.Can(s) {
			continue
		}
		if err := i.step(ctx, s); err != nil {
			return fmt.Errorf("leaving: %w", err)
		}
	}
	return nil
}

// step moves the machine by one state, off the lease if that has ended.
func (i *Instance[S, P]) step(ctx context.Context, to S) error {
	err := i.Transition(ctx, to)
	if err == nil || i.State() == to || i.lease.Valid() {
		return err
	}
	if err := i.machine.Detach(ctx); err != nil {
		return err
	}
	return i.Transition(ctx, to)
}
