package fsm

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/leasehold-go/leasehold/internal/ctxerr"
)

// turn lets one change of a machine through at a time, first come first served.
//
// It has two parts. The mutex is held for moments, also by readers of the machine. Having
// the turn may last, through guards, hooks and writes, with the mutex open meanwhile. A
// change that needs none of these never opens the mutex, and costs one lock.
type turn struct {
	mu      sync.Mutex
	taken   bool
	waiting *list.List // of chan struct{}, oldest first; closing one hands the turn over
}

// claim waits for the turn. The mutex is locked when claim is called, and again when it
// succeeds. It fails, with the mutex open, if ctx ends first. It fails at once with
// ErrReentrant, with the mutex locked, if ctx is that of user code within the turn. A free
// turn is taken even if ctx has ended.
func (t *turn) claim(ctx context.Context) error {
	if !t.taken {
		t.taken = true
		return nil
	}
	// The methods of ctx may be user code, which can panic: the mutex is open meanwhile.
	t.mu.Unlock()
	inside, done := t.insider(ctx), ctx.Done()
	t.mu.Lock()
	switch {
	case inside != nil && !inside.over.Load():
		return ErrReentrant
	case !t.taken:
		t.taken = true
		return nil
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
	case <-done:
	}
	t.mu.Lock()
	select {
	case <-handed: // at the same moment; it must be passed on
		t.give()
	default:
		t.waiting.Remove(place)
		t.mu.Unlock()
	}
	return fmt.Errorf("waiting for its turn: %w", ctxerr.Of(ctx))
}

// give hands the turn to the next caller that waits, or frees it, and unlocks the mutex. A
// turn that is handed over stays taken, so that no newcomer overtakes.
func (t *turn) give() {
	if t.waiting != nil && t.waiting.Len() > 0 {
		close(t.waiting.Remove(t.waiting.Front()).(chan struct{}))
	} else {
		t.taken = false
	}
	t.mu.Unlock()
}

// open unlocks the mutex while run runs, however run ends.
func (t *turn) open(run func() error) error {
	t.mu.Unlock()
	defer t.mu.Lock()
	return run()
}

// insider returns the context of the user code, in this turn or an earlier one, that ctx
// belongs to, or nil. The mutex is open, because ctx may be user code.
func (t *turn) insider(ctx context.Context) *hookContext {
	h, _ := ctx.Value(t).(*hookContext)
	return h
}

// within reports whether ctx belongs to user code that the present turn runs. A context that
// outlived its turn does not count. The mutex is open.
func (t *turn) within(ctx context.Context) bool {
	h := t.insider(ctx)
	return h != nil && !h.over.Load()
}

// hookContext is the context of guards, hooks and writes during one turn. Calls from inside
// are recognised by it, whatever goroutine they are on. It also gives access to the data of
// the machine.
type hookContext struct {
	context.Context
	turn *turn
	data *dataset
	over atomic.Bool // the turn has ended
}

// Value returns the hookContext itself for its turn, and the machine's own data for a key of
// [NewData]: that of an outer machine is hidden.
func (h *hookContext) Value(key any) any {
	switch key := key.(type) {
	case *turn:
		if key == h.turn {
			return h
		}
	case *dataKey:
		value, _ := h.data.of(key)
		return value
	}
	return h.Context.Value(key)
}
