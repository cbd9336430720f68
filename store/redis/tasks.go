package redisstore

import (
	"context"
	"sync"

	"github.com/leasehold-go/leasehold/internal/ctxerr"
	"github.com/leasehold-go/leasehold/store"
)

// tasks are the goroutines of a store, so that Close can join them. The zero
// tasks is ready for use.
type tasks struct {
	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

// try runs a call in a goroutine and waits until it is over or the context ends; if both
// have happened, the call's own error is worth more. go-redis does not always give up a
// call in flight when its context ends; the call then goes on by itself until the client's
// own timeouts end it.
func (t *tasks) try(ctx context.Context, call func() error) error {
	if ctx.Err() != nil {
		return &unsentError{ctxerr.Of(ctx)}
	}
	done := make(chan error, 1)
	if !t.start(func() { done <- call() }) {
		return store.ErrClosed
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	default:
		return ctxerr.Of(ctx)
	}
}

// start runs task in a goroutine, unless the tasks were closed.
func (t *tasks) start(task func()) bool {
	if !t.enter() {
		return false
	}
	go func() {
		defer t.running.Done()
		task()
	}()
	return true
}

// enter makes close wait for a call, unless the tasks were closed.
func (t *tasks) enter() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.running.Add(1)
	}
	return !t.closed
}

// stop has nothing more started.
func (t *tasks) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
}
