package registry

import (
	"context"
	"errors"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

// Run registers an instance, serves, and leaves; see [Register] and
// [Instance.Leave]. The context that serve gets ends when ctx does, or when the
// term is lost, with the reason as its cause. When serve has returned, or panics,
// the instance leaves.
//
// Run returns the error of the registration, or else what serve returned and what
// went wrong in leaving. If the term was lost that is in it, in place of the end of
// a context that serve may have returned because of it: errors.Is with
// [store.ErrLost] says so. Nothing is registered again behind the user's back.
func Run[S comparable, P any](ctx context.Context, k *lease.Keeper, def *fsm.Definition[S], cfg Config[S, P], serve func(context.Context, *Instance[S, P]) error) (err error) {
	i, err := Register(ctx, k, def, cfg)
	if err != nil {
		return err
	}
	defer func() {
		lost := i.lost()
		if lost != nil && (errors.Is(err, context.Canceled) || errors.Is(err, store.ErrLost)) {
			err = nil
		}
		err = errors.Join(lost, err, i.Leave(ctx))
	}()
	served, cancel := i.lease.Context(ctx)
	defer cancel()
	return serve(served, i)
}

// lost says why the term was lost, if it was.
func (i *Instance[S, P]) lost() error {
	if lost := new(lease.LostError); errors.As(i.lease.Err(), &lost) {
		return lost
	}
	return nil
}
