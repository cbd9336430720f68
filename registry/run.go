package registry

import (
	"context"
	"errors"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
)

// Run registers an instance, serves, and leaves; see [Register] and
// [Instance.Leave]. The context that serve gets ends when ctx does, or when the
// term is lost, with the reason as its cause. When serve has returned, or panics,
// the instance leaves.
//
// Run returns the error of the registration, or else what serve returned and what
// went wrong in leaving. If the term was lost, errors.Is with [store.ErrLost] says
// so; a bare [context.Canceled], which serve may have returned because of it, is
// left out then. Nothing is registered again behind the user's back.
func Run[S comparable, P any](ctx context.Context, k *lease.Keeper, def *fsm.Definition[S], cfg Config[S, P], serve func(context.Context, *Instance[S, P]) error) (err error) {
	i, err := Register(ctx, k, def, cfg)
	if err != nil {
		return err
	}
	defer func() {
		left := i.Leave(ctx)
		err = errors.Join(i.explain(err), left)
	}()
	served, cancel := i.lease.Context(ctx)
	defer cancel()
	return serve(served, i)
}

// explain adds to what serve returned that the term was lost, if it was and err does
// not say so.
func (i *Instance[S, P]) explain(err error) error {
	lost := new(lease.LostError)
	switch {
	case !errors.As(i.lease.Err(), &lost) || errors.Is(err, lost):
		return err
	case err == context.Canceled:
		return lost
	}
	return errors.Join(lost, err)
}
