package lease

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/internal/ctxerr"
	"github.com/leasehold-go/leasehold/store"
)

const (
	deleteItems    = 1000 // in a batch of deletes
	deleteInFlight = 32   // batches of deletes under way
)

// deletion is the state of the delete of a lease's record. At most one delete is under way.
// The lease's lock guards the state.
type deletion struct {
	underWay bool
	done     bool
	finished chan struct{} // closed when the one under way has finished; nil unless somebody waits
}

func (l *lease) Release(ctx context.Context) error {
	now := time.Now()
	if !l.endByRelease(now) {
		return nil
	}
	mine := l.beginDelete()
	if mine && ctx.Err() == nil {
		err := l.keeper.removeOnce(ctx, l.key, l.ref())
		if err == nil || !passing(err) {
			l.finishDelete(err)
			return err
		}
	}
	// ctx has ended, perhaps meanwhile, or the store has to be asked again.
	ended := ctx.Err() != nil
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), now.Add(maxGrace))
	defer cancel()
	if !mine {
		return l.awaitDelete(ctx)
	}
	err := l.keeper.remove(ctx, l.key, l.ref(), !ended)
	l.finishDelete(err)
	return err
}

// ref names the lease in a delete: by its token, or by its nonce if the create was repeated,
// because an earlier copy of that create can still be on its way to the store.
func (l *lease) ref() store.LeaseRef {
	if l.nonce != nil {
		return store.ByNonce(*l.nonce)
	}
	return store.ByToken(l.token)
}

// endByRelease ends the lease. It returns false if there is no record to delete, because the
// lease was lost or its window had ended.
func (l *lease) endByRelease(now time.Time) bool {
	l.mu.Lock()
	reason, lost := l.checkLocked(now)
	if reason == nil {
		l.endLocked((*releasedError)(l))
	}
	l.mu.Unlock()
	if lost {
		l.keeper.lost(l, reason)
	}
	return !errors.Is(reason, store.ErrLost)
}

// beginDelete returns true if the caller is to delete the record and call finishDelete.
func (l *lease) beginDelete() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.deletion.underWay || l.deletion.done {
		return false
	}
	l.deletion.underWay = true
	return true
}

// finishDelete notes the outcome of a delete. The keeper drops the lease even if the record
// is left to its TTL.
func (l *lease) finishDelete(err error) {
	l.keeper.schedule.forget(l)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deletion.underWay, l.deletion.done = false, err == nil
	if l.deletion.finished != nil {
		close(l.deletion.finished)
		l.deletion.finished = nil
	}
}

// awaitDelete waits for the delete that is under way, and deletes if that one failed.
func (l *lease) awaitDelete(ctx context.Context) error {
	for !l.beginDelete() {
		l.mu.Lock()
		if l.deletion.done {
			l.mu.Unlock()
			return nil
		}
		if l.deletion.finished == nil {
			l.deletion.finished = make(chan struct{})
		}
		finished := l.deletion.finished
		if !l.deletion.underWay { // it finished in between
			finished = closed
		}
		l.mu.Unlock()
		select {
		case <-finished:
		case <-ctx.Done():
			return &store.Error{Op: "delete", Key: l.key, Condition: store.ErrInDoubt, Err: ctxerr.Of(ctx)}
		}
	}
	err := l.keeper.remove(ctx, l.key, l.ref(), false)
	l.finishDelete(err)
	return err
}

// remove deletes until that succeeds, fails for good, or ctx ends. It pauses first if it goes
// on after a delete that failed.
func (k *Keeper) remove(ctx context.Context, key string, ref store.LeaseRef, pause bool) error {
	pauses := newBackoff(min(k.cfg.Heartbeat, maxTry)) // a release has not much more time than that
	if pause {
		pauses.sleep(ctx, nil)
	}
	for {
		err := k.removeOnce(ctx, key, ref)
		if err == nil || !passing(err) || !pauses.sleep(ctx, nil) {
			return err
		}
	}
}

func (k *Keeper) removeOnce(ctx context.Context, key string, ref store.LeaseRef) error {
	limited := k.deleting.Limit(ctx)
	defer limited.End()
	return sound("delete", key, k.store.Delete(limited, key, ref))
}

// Close releases every lease, deletes their records in batches, and returns when every
// goroutine of the keeper has stopped. After it, Acquire fails with [ErrClosed]. The store
// stays open.
//
// Close takes no longer than ctx lets it. Without a deadline, Close gives up after five
// seconds without progress: no record deleted, no observer called. If ctx has ended already,
// Close gives up after five seconds.
// A callback that is still running then is left behind; Close does not wait at all for
// callbacks if one of them calls it. Close fails with *[CloseError].
func (k *Keeper) Close(ctx context.Context) error {
	ctx, progress, cancel := closeLimit(ctx)
	defer cancel()
	k.mu.Lock()
	k.shut(ErrClosed)
	k.mu.Unlock()
	k.progress.Store(&progress)
	k.settler.retry()
	result := k.releaseAll(ctx, progress)
	progress()

	defer context.AfterFunc(ctx, k.kill)()
	if n := k.calls.wait(ctx); n > 0 {
		result.Callbacks += n // of Acquire: everything else in it ends with the keeper's life
	}
	k.settler.open.wait(ctx)
	k.kill()
	k.settler.stop()
	k.runs.Wait()
	k.settler.giveUp(result)
	if !insideCallback() {
		result.Callbacks += k.callbacks.wait(ctx)
	}
	result.Panics = int(k.panics.Load())
	if result.Failed == 0 && result.Unsettled == 0 && result.Callbacks == 0 && result.Panics == 0 {
		return nil
	}
	return result
}

// closeLimit returns the context of Close, and a function that says that it has got on.
func closeLimit(ctx context.Context) (limited context.Context, progress func(), cancel context.CancelFunc) {
	if ctx.Err() != nil {
		limited, cancel = context.WithTimeout(context.WithoutCancel(ctx), maxGrace)
		return limited, func() {}, cancel
	}
	inner, stop := context.WithCancel(ctx)
	if _, ok := ctx.Deadline(); ok {
		return inner, func() {}, stop
	}
	stalled := time.AfterFunc(maxGrace, stop)
	return inner, func() { stalled.Reset(maxGrace) }, func() {
		stalled.Stop()
		stop()
	}
}

// releaseAll ends every lease at once and then deletes their records.
func (k *Keeper) releaseAll(ctx context.Context, progress func()) *CloseError {
	var mine, others []*lease // by who deletes them
	for _, l := range k.schedule.close() {
		switch {
		case !l.endByRelease(time.Now()):
		case l.beginDelete():
			mine = append(mine, l)
		default:
			others = append(others, l)
		}
	}
	result := &CloseError{Leases: len(mine) + len(others)}
	pauses := newBackoff(min(k.cfg.Heartbeat, maxTry))
	for len(mine) > 0 {
		failed := k.deleteBatches(ctx, mine, result, progress)
		if len(failed) < len(mine) {
			pauses.tries = 0
		}
		mine = slices.Collect(maps.Keys(failed))
		if len(mine) > 0 && !pauses.sleep(ctx, nil) {
			for l, err := range failed {
				l.finishDelete(err)
				result.fail(err)
			}
			break
		}
	}
	for _, l := range others {
		if err := l.awaitDelete(ctx); err != nil {
			result.fail(err)
		}
	}
	return result
}

// deleteBatches tries once to delete the records of leases, and returns the leases to try
// again, each with its error.
func (k *Keeper) deleteBatches(ctx context.Context, leases []*lease, result *CloseError, progress func()) map[*lease]error {
	var mu sync.Mutex
	var workers sync.WaitGroup
	slots := make(chan struct{}, deleteInFlight)
	failed := make(map[*lease]error)
	for batch := range slices.Chunk(leases, deleteItems) {
		slots <- struct{}{}
		workers.Go(func() {
			defer func() { <-slots }()
			deletions := make([]store.Deletion, len(batch))
			for i, l := range batch {
				deletions[i] = store.Deletion{Key: l.key, Ref: l.ref()}
			}
			ctx, cancel := context.WithTimeout(ctx, maxTry)
			defer cancel()
			errs := store.DeleteBatch(ctx, k.store, deletions)
			mu.Lock()
			defer mu.Unlock()
			deleted := false
			for i, l := range batch {
				err := errNoAnswer
				if i < len(errs) {
					err = errs[i]
				}
				switch err = sound("delete", l.key, err); {
				case err == nil:
					deleted = true
					l.finishDelete(nil)
				case passing(err):
					failed[l] = err
				default:
					l.finishDelete(err)
					result.fail(err)
				}
			}
			if deleted {
				progress()
			}
		})
	}
	workers.Wait()
	return failed
}
