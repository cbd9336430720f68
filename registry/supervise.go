package registry

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

// Between two runs of a service.
const (
	shortestRestart = 100 * time.Millisecond
	longestRestart  = 15 * time.Second
)

// Supervise runs a service as [Run] does, and again after a loss of its lease and while the store
// is unavailable, until ctx ends or the service does. An error of serve that is
// [store.ErrUnavailable] or [store.ErrInDoubt], of a transition for example, is no end.
// Each run begins in the initial state of def. Between two runs it pauses: 0.1 s, then twice as
// long each time up to 15 s, a little random, and 0.1 s again after a loss. The observers are told
// of each restart; without any, it is logged by [slog.Default].
//
// A service with [Health.Gate] claims no key while it is not live.
//
// Another holder ends the first registration with a *[ConflictError], unless [Config.Wait] is set:
// then Supervise is leader election. Once it has held the key it waits in every case. The record that
// its own last lease left does not hold it up.
//
// It returns nil when ctx has ended and serve returned nil or the error of its context, or was not
// running: Supervise waited for the key or paused. Otherwise it returns the error of the end that
// no further run can mend, with the error of Leave:
//
//   - another error of serve that came while the lease was held, or nil if serve was done;
//   - a configuration that is refused, a key that another program uses, a closed keeper or store.
//
// A panic of serve passes through, as through Run.
func Supervise[S comparable, P any](ctx context.Context, k *lease.Keeper, def *fsm.Definition[S], cfg Config[S, P], serve ServeFunc[S, P]) error {
	cfg.Instance = cmp.Or(cfg.Instance, newInstanceName())
	observers := cfg.Observers
	if len(observers) == 0 {
		observers = []Observer{LogTo(slog.Default())}
	}
	doubt := false
	for pause := shortestRestart; ; {
		e := run(ctx, k, def, cfg, serve)
		var again error // the reason to run again
		switch {
		case ctx.Err() != nil:
			return e.atShutdown(ctx)
		case e.refused == nil && e.lost != nil && !e.alive:
			again = errors.Join(e.failed(), e.left)
			cfg.Wait, cfg.last, pause = true, e.lease, shortestRestart
		case e.refused == nil && passing(e.served):
			again = errors.Join(e.served, e.left)
			cfg.Wait, cfg.last = true, e.lease
		case e.refused == nil:
			return errors.Join(e.served, e.left)
		case passing(e.refused):
			again = e.refused
		case doubt && isOf(e.refused, cfg.Instance): // it is being settled
			again = e.refused
		default:
			return e.refused
		}
		doubt = doubt || errors.Is(e.refused, store.ErrInDoubt)
		wait := pause/2 + rand.N(pause/2)
		tell(ctx, observers, Notice{Kind: NoticeRestart, Key: cfg.Key, Instance: cfg.Instance, At: time.Now().UTC(), Duration: wait, Err: again})
		if !sleep(ctx, wait) {
			return nil
		}
		pause = min(2*pause, longestRestart)
	}
}

// atShutdown returns the errors of a run that ended after ctx had, except errors that say only
// that ctx has ended.
func (e ending) atShutdown(ctx context.Context) error {
	says := func(err error) bool {
		return errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))
	}
	if e.refused != nil && (says(e.refused) || passing(e.refused)) {
		e.refused = nil
	}
	if e.served != nil && (says(e.served) || e.lost != nil && (errors.Is(e.served, e.lost) || errors.Is(e.served, context.Canceled))) {
		e.served = nil
	}
	return errors.Join(e.refused, e.served, e.left)
}

// lastLease recognises the record of a lease of Supervise that has ended. Tokens alone do not: they
// can begin again on a store that has lost its data.
type lastLease struct {
	token    store.Token // zero without one
	instance string
	since    time.Time
}

func (l lastLease) made(r store.Record) bool {
	theirs, ok := decodePart(r.Value)
	return ok && l.token != 0 && r.Token == l.token && theirs.Instance == l.instance && theirs.Registered.Equal(l.since)
}

// isOf reports whether err is a conflict with a record of an instance.
func isOf(err error, instance string) bool {
	conflict := new(ConflictError)
	return errors.As(err, &conflict) && conflict.Instance == instance
}
