package registry

import (
	"context"
	"errors"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

// ServeFunc does the work of an instance while it holds its key. Its context ends when the
// context of [Run] or [Supervise] does, with that context's cause, when the lease is lost,
// with the *[lease.LostError] as its cause, and when it is released because the keeper is closed, with
// [lease.ErrReleased]. It then has to stop its work and return soon: nothing
// that it does afterwards is covered by the lease, and nobody waits for it with a limit.
//
// It returns nil or the error of its context after an orderly end, and any other error if it
// failed by itself. The transitions of an orderly end belong into [Config.LeavePath], and run
// after it has returned.
type ServeFunc[S comparable, P any] = func(ctx context.Context, i *Instance[S, P]) error

// Run registers an instance, calls serve, and leaves when serve returns or panics. It returns the
// error of [Register], or else the errors of serve and [Instance.Leave] and, as the package
// documentation says under Loss, the loss of the lease.
func Run[S comparable, P any](ctx context.Context, k *lease.Keeper, def *fsm.Definition[S], cfg Config[S, P], serve ServeFunc[S, P]) error {
	e := run(ctx, k, def, cfg, serve)
	return errors.Join(e.refused, e.failed(), e.left)
}

// ending is how an instance came to its end.
type ending struct {
	refused error // of Register: there was no instance
	lease   lastLease
	served  error            // of serve
	alive   bool             // whether the lease was held when serve returned
	left    error            // of Leave
	lost    *lease.LostError // of the lease, by the end of Leave
}

// failed is the error of serve, with the loss of the lease if there was one.
func (e ending) failed() error {
	switch {
	case e.lost == nil:
		return e.served
	case e.served == context.Canceled:
		return e.lost
	case errors.Is(e.served, e.lost):
		return e.served
	}
	return errors.Join(e.lost, e.served)
}

func run[S comparable, P any](ctx context.Context, k *lease.Keeper, def *fsm.Definition[S], cfg Config[S, P], serve ServeFunc[S, P]) (e ending) {
	if serve == nil {
		e.refused = &store.InvalidError{Key: cfg.Key, What: "serve function", Rule: "must not be nil"}
		return e
	}
	i, err := Register(ctx, k, def, cfg)
	if err != nil {
		e.refused = err
		return e
	}
	defer func() {
		e.left = i.Leave(ctx)
		errors.As(i.lease.Err(), &e.lost)
	}()
	cfg.Health.serves(ctx.Err)
	served, cancel := i.lease.Context(ctx)
	defer cancel()
	status := i.Status()
	e.lease = lastLease{status.Token, status.Instance, status.Registered}
	if e.served = serve(served, i); e.served == context.Canceled && served.Err() != nil && ctx.Err() == nil {
		e.served = context.Cause(served) // the end of the lease: a loss, or the release of a keeper that was closed
	}
	e.alive = i.lease.Valid()
	return e
}
