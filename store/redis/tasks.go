package redisstore

import (
	"context"
	"sync"

	"github.com/leasehold-go/leasehold/store"
)

// tasks are the goroutines of a store, so that Close can join them. The zero
// tasks is ready for use.
type tasks struct {
	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

// do runs a call in a goroutine and waits until it is over or the context ends.
// go-redis does not always give up a call in flight when its context ends; the
// call then goes on by itself until the client's own timeouts end it.
func (t *tasks) do(ctx context.Context, call func()) error {
	if ctx.Err() != nil {
		return &unsentError{context.Cause(ctx)}
	}
	if !t.enter() {
		return store.ErrClosed
	}
	if ctx.Done() == nil { // it cannot end: spare the goroutine
		defer t.running.Done()
		call()
		return nil
	}
	done := make(chan struct{})
	go func() {
		defer t.running.Done()
		defer close(done)
		call()
	}()
	return await(ctx, done)
}

// try is do for a call that can fail.
func (t *tasks) try(ctx context.Context, call func() error) error {
	var err error
	if late := t.do(ctx, func() { err = call() }); late != nil {
		return late // err is not to be looked at: the call is still under way
	}
	return err
}

// await returns nil once done is closed, or the cause for which ctx ended. If
// both have happened, the answer is worth more.
func await(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	select {
	case <-done:
		return nil
	default:
		return context.Cause(ctx)
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

// enter counts in what close has to wait for, unless the tasks were closed.
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
