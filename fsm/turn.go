package fsm

import (
	"container/list"
	"context"
	"fmt"
	"sync"
)

// turn lets one change of a machine through at a time, first come first served.
//
// It is two things. The mutex is held for moments only; readers of the machine
// take it too. Having the turn may last: through guards, hooks and writes, with
// the mutex open meanwhile. A change that needs none of those never opens it,
// and so pays for one lock and no more.
type turn struct {
	mu      sync.Mutex
	taken   bool
	waiting *list.List // of chan struct{}, oldest first; closed to hand the turn over
}

// claim waits for the turn. The mutex is locked when it is called, and when it
// succeeds. It fails if ctx ends first, and at once if the caller is itself within
// the turn; then the mutex is open. A free turn is taken even if ctx has ended.
func (t *turn) claim(ctx context.Context) error {
	if t.taken {
		return t.wait(ctx)
	}
	t.taken = true
	return nil
}

func (t *turn) wait(ctx context.Context) error {
	if t.within(ctx) {
		t.mu.Unlock()
		return ErrReentrant
	}
	if t.waiting == nil {
		t.waiting = list.New()
	}
	handed := make(chan struct{})
	place := t.waiting.PushBack(handed)
	t.mu.Unlock()

	select {
	case <-handed:
		t.mu.Lock()
		return nil
	case <-ctx.Done():
		t.abandon(place, handed)
		return fmt.Errorf("waiting for its turn: %w", ended(ctx))
	}
}

// abandon leaves the queue. A turn that was handed over at the same moment is
// passed on, or it would be lost.
func (t *turn) abandon(place *list.Element, handed <-chan struct{}) {
	t.mu.Lock()
	select {
	case <-handed:
		t.give()
	default:
		t.waiting.Remove(place)
		t.mu.Unlock()
	}
}

// give hands the turn to the next in the queue, or frees it, and unlocks the
// mutex. The turn stays taken when it is handed over, so no newcomer overtakes.
func (t *turn) give() {
	if t.waiting != nil && t.waiting.Len() > 0 {
		close(t.waiting.Remove(t.waiting.Front()).(chan struct{}))
	} else {
		t.taken = false
	}
	t.mu.Unlock()
}

// open unlocks the mutex for as long as run takes, however run ends.
func (t *turn) open(run func() error) error {
	t.mu.Unlock()
	defer t.mu.Lock()
	return run()
}

// ended is the error of a context, with its cause where that says more.
func ended(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if err == cause {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}
