package registry

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/store"
)

const defaultLeaveTimeout = 10 * time.Second

// finishLimit limits each of the two that a call waits for before the release of the lease.
const finishLimit = time.Second

// endLimit is the longest wait of a call after the release of the lease.
const endLimit = 5 * time.Second

// withEndLimit returns a context that ends with ctx if ctx has a deadline ahead, and otherwise
// after the limit.
func withEndLimit(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok && ctx.Err() == nil {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(context.WithoutCancel(ctx), endLimit)
}

// Deregister releases the lease in any state of the machine and closes the machine, so that
// later changes fail with [fsm.ErrClosed]. It returns when every goroutine of the instance has
// ended. It may be called again, and works after ctx has been cancelled.
//
// Before the release Deregister waits at most a second for the answer to a request that is being
// carried out, and a second for the activity log. It takes no longer than that, a release
// ([lease.Lease.Release]), and then than ctx lets it; five seconds if ctx has no deadline or has
// ended. The error names a change that is still under
// way then, because its guard or hook does not return; such a change goes on without a lease.
// Inside a hook of the machine or [Requests.Allow], with the context of that code, Deregister does
// not wait for its change or, after the release, for any request.
func (i *Instance[S, P]) Deregister(ctx context.Context) error {
	return errors.Join(i.deregister(ctx))
}

// beginLeave has the instance take no more requests.
func (i *Instance[S, P]) beginLeave() {
	i.cfg.Health.enter(HealthLeaving, i.cfg.Key, i)
	i.stop()
}

// deregister returns the errors of Deregister; closed is nil if no change is under way.
func (i *Instance[S, P]) deregister(ctx context.Context) (released, closed, searched error) {
	i.beginLeave()
	defer i.cfg.Health.enter(HealthDown, i.cfg.Key, i)
	i.finish(ctx)
	released = i.lease.Release(ctx) // nothing delays it further
	limited, cancel := withEndLimit(ctx)
	defer cancel()
	closed = i.machine.Close(limited)
	inHook := errors.Is(closed, fsm.ErrReentrant)
	if inHook {
		// A machine is closed also if there is no time to wait for the change of this hook.
		ended, end := context.WithCancel(context.Background())
		end()
		_ = i.machine.Close(ended)
		closed = nil
	} else if closed != nil {
		closed = fmt.Errorf("machine of %q: %w", i.cfg.Key, closed)
		if change, since := i.machine.InProgress(); change != "" {
			closed = fmt.Errorf("%w: %s is under way since %s", closed, change, since.Format(time.RFC3339))
		}
	}
	<-i.gated
	var serving error
	if !inHook { // the hook may be one of an overdue timeout, on the goroutine of a request
		serving = i.awaitServed(ctx, limited)
	}
	return released, closed, errors.Join(i.awaitSearch(limited), serving, i.awaitObserved(limited), i.awaitPublished(limited))
}

// finish waits a moment until a request that is being carried out has its answer, and the
// activity log all its entries: neither can be written without the lease.
func (i *Instance[S, P]) finish(ctx context.Context) {
	if !i.lease.Valid() {
		return
	}
	answering, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishLimit)
	defer cancel()
	_ = i.awaitServed(ctx, answering)
	logging, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishLimit)
	defer cancel()
	i.logLeft(logging)
	_ = i.lease.FlushLog(logging)
}

// awaitServed waits until no request is being carried out. It does not wait for a request if
// the request's own code is the caller.
func (i *Instance[S, P]) awaitServed(caller, limited context.Context) error {
	if i.askedOf(caller) != nil {
		return nil
	}
	if !closes(limited, i.served) {
		return fmt.Errorf("requests of %q: the one that is being carried out does not end", i.cfg.Key)
	}
	return nil
}

// awaitSearch waits until the search for the address has ended.
func (i *Instance[S, P]) awaitSearch(ctx context.Context) error {
	if !closes(ctx, i.searched) {
		return fmt.Errorf("address of %q: the function PublicIP of Config does not return after its context has ended", i.cfg.Key)
	}
	return nil
}

// awaitObserved waits until the observers have been told of the end.
func (i *Instance[S, P]) awaitObserved(ctx context.Context) error {
	if !closes(ctx, i.observed) {
		return fmt.Errorf("observers of %q: one does not return", i.cfg.Key)
	}
	return nil
}

// awaitPublished waits until no goroutine publishes the definition for the instance.
func (i *Instance[S, P]) awaitPublished(ctx context.Context) error {
	if !closes(ctx, i.publisher.end()) {
		return fmt.Errorf("definition of %q: the store or an observer does not return", i.cfg.Key)
	}
	return nil
}

// closes waits until a channel is closed or ctx ends, and reports whether it is closed then.
func closes(ctx context.Context, c <-chan struct{}) bool {
	select {
	case <-c:
	case <-ctx.Done():
	}
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Leave moves the machine through [Config.LeavePath] and deregisters the instance, also after
// ctx has been cancelled; its error joins the errors of both. The package documentation has the
// order under Leaving.
func (i *Instance[S, P]) Leave(ctx context.Context) error {
	i.beginLeave()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), i.cfg.LeaveTimeout)
	defer cancel()

	// The path has a goroutine of its own, because a guard or hook need not return in time.
	ended, abandoned := make(chan pathEnd), make(chan struct{})
	go func() {
		var end pathEnd
		defer func() {
			if !end.returned {
				end.panicked = recover() // nil after Goexit
			}
			select {
			case ended <- end:
			case <-abandoned:
				if end.panicked != nil {
					panic(end.panicked) // nobody else would see it
				}
			}
		}()
		end.err = i.followPath(ctx)
		end.returned = true
	}()
	end, over := pathEnd{}, false
	select {
	case end = <-ended:
		over = true
	case <-ctx.Done():
	}
	released, closed, searched := i.deregister(ctx)
	switch {
	case over:
	case closed == nil: // no change is under way, and the machine is closed: the path ends
		end = <-ended
	default:
		close(abandoned)
		end = pathEnd{err: fmt.Errorf("leaving: %w", context.DeadlineExceeded), returned: true}
	}
	switch {
	case end.panicked != nil:
		panic(end.panicked)
	case !end.returned:
		runtime.Goexit()
	}
	return errors.Join(end.err, released, closed, searched)
}

// pathEnd is how the leave path ended. If it did not return, it panicked or ended its goroutine.
type pathEnd struct {
	err      error
	returned bool
	panicked any
}

// followPath makes the transitions of the leave path.
func (i *Instance[S, P]) followPath(ctx context.Context) error {
	var failed []error
	for _, to := range i.cfg.LeavePath {
		// A change that is under way may lead to where it is permitted.
		if change, _ := i.machine.InProgress(); change == "" && (to == i.State() || !i.machine.Can(to)) {
			continue // without a rejected change for observers
		}
		err := i.step(ctx, to)
		refused, isRefused := errors.AsType[*fsm.TransitionError[S]](err)
		if err == nil || isRefused && refused.Phase == fsm.PhaseTable {
			continue
		}
		if errors.Is(err, fsm.ErrClosed) {
			break // the instance was deregistered meanwhile, or before
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
		if !isRefused || refused.Phase != fsm.PhaseWrite || !passing(err) {
			return err
		}
		if !sleep(ctx, pause) {
			return err
		}
	}
}

// sleep waits for a time, and reports whether ctx lasted for so long.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// passing reports whether the same call may succeed later.
func passing(err error) bool {
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrInDoubt) || errors.Is(err, errNotLive)
}

// Between two tries of a call that may succeed later.
const (
	shortestPause = 50 * time.Millisecond
	longestPause  = time.Second
)
