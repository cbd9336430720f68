package fsm

import (
	"container/list"
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

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
	user    *hookContext // of the user code that the turn runs; nil if it runs none
	waiting *list.List   // of chan struct{}, oldest first; closing one hands the turn over
}

// turnLimit is for how long one change may be under way while a call without a deadline waits
// for its turn.
const turnLimit = time.Minute

// claim waits for the turn. The mutex is locked when claim is called, and again when it
// succeeds. It fails, with the mutex open, if ctx ends first, and with ErrTurnTimeout if ctx
// has no deadline and one change has been under way for the limit meanwhile. It fails at once
// with ErrReentrant, with the mutex locked, if ctx is that of user code within the turn. A free
// turn is taken even if ctx has ended.
func (t *turn) claim(ctx context.Context, limit time.Duration) error {
	if !t.taken {
		t.taken = true
		return nil
	}
	// The methods of ctx may be user code, which can panic: the mutex is open meanwhile.
	t.mu.Unlock()
	inside, done := t.insider(ctx), ctx.Done()
	if _, limited := ctx.Deadline(); limited {
		limit = unlimited
	}
	t.mu.Lock()
	switch {
	case t.runs(inside):
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

	var patience *time.Timer
	var late <-chan time.Time
	if limit < unlimited {
		patience = time.NewTimer(limit)
		defer patience.Stop()
		late = patience.C
	}
	for {
		why := ErrTurnTimeout
		select {
		case <-handed:
			t.mu.Lock()
			return nil
		case <-done:
			why = ctxerr.Of(ctx)
		case <-late:
		}
		t.mu.Lock()
		select {
		case <-handed: // at the same moment
			if why == ErrTurnTimeout {
				return nil
			}
			t.give() // it must be passed on
			return fmt.Errorf("waiting for its turn: %w", why)
		default:
		}
		if left := limit - t.underWay(); why == ErrTurnTimeout && left > 0 { // another change than at first
			t.mu.Unlock()
			patience.Reset(min(left, limit))
			continue
		}
		t.waiting.Remove(place)
		t.mu.Unlock()
		return fmt.Errorf("waiting for its turn: %w", why)
	}
}

// unlimited is a limit that is not reached.
const unlimited = time.Duration(math.MaxInt64)

// underWay returns for how long the present change has been under way. Between two changes that
// is no time. The mutex is locked.
func (t *turn) underWay() time.Duration {
	if t.user == nil {
		return 0
	}
	return time.Duration(now() - t.user.code.began)
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

// open opens the mutex for user code within the turn. Calls with the context h are recognised
// until shut, and not afterwards.
func (t *turn) open(h *hookContext) {
	t.user = h
	t.mu.Unlock()
}

// shut locks the mutex again.
func (t *turn) shut() {
	t.mu.Lock()
	t.user = nil
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
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.runs(h)
}

// runs reports whether h is the context of the user code that the turn runs. The mutex is
// locked.
func (t *turn) runs(h *hookContext) bool { return h != nil && h == t.user }

// userCode is the common part of the contexts of a machine's user code.
type userCode struct {
	turn *turn
	data *dataset
	// Of the change whose code runs, or ran last:
	began int64         // when it got its turn; nanoseconds since 1970
	phase atomic.Uint32 // the Phase whose code runs
}

// hookContext is the context of guards, hooks and writes during one turn. Calls from inside
// are recognised by it, whatever goroutine they are on. It also gives access to the data of
// the machine. A transition with a hook allocates this and no more.
type hookContext struct {
	context.Context
	code *userCode
}

// enter notes that the code of a phase runs.
func (u *userCode) enter(p Phase) {
	if u.phase.Load() != uint32(p) {
		u.phase.Store(uint32(p))
	}
}

func (h *hookContext) enter(p Phase) { h.code.enter(p) }

// Value returns the hookContext itself for its turn, and the machine's own data for a key of
// [NewData]: that of an outer machine is hidden.
func (h *hookContext) Value(key any) any {
	switch key := key.(type) {
	case *turn:
		if key == h.code.turn {
			return h
		}
	case *dataKey:
		value, _ := h.code.data.of(key)
		return value
	}
	return h.Context.Value(key)
}
