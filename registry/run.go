package registry

import (
	"context"
	"errors"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

// Run registers an instance, calls serve, and leaves when serve returns or panics; the context
// of serve ends when ctx ends or the lease is lost. It returns the error of [Register], or else
// the errors of serve and [Instance.Leave] and, as the package documentation says under Loss,
// the loss of the lease.
func Run[S comparable, P any](ctx context.Context, k *lease.Keeper, def *fsm.Definition[S], cfg Config[S, P], serve func(context.Context, *Instance[S, P]) error) (err error) {
	if serve == nil {
		return &store.InvalidError{Key: cfg.Key, What: "serve function", Rule: "must not be nil"}
	}
	i, err := Register(ctx, k, def, cfg)
	if err != nil {
		return err
	}
	defer func() {
		left := i.Leave(ctx)
		if lost := new(lease.LostError); errors.As(i.lease.Err(), &lost) {
			switch {
			case err == context.Canceled:
				err = lost
			case !errors.Is(err, lost):
				err = errors.Join(lost, err)
			}
		}
		err = errors.Join(err, left)
	}()
	served, cancel := i.lease.Context(ctx)
	defer cancel()
	return serve(served, i)
}
