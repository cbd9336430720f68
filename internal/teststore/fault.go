package teststore

import (
	"context"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// Fault handles a request in place of the store. send passes the request to the memory store
// and returns its error; the caller gets the error of the fault.
type Fault func(ctx context.Context, send func(context.Context) error) error

// Refuse fails a request that does not reach the store.
func Refuse(context.Context, func(context.Context) error) error {
	return &store.Error{Condition: store.ErrUnavailable}
}

// Drop loses a request, and the caller learns at once that there is no answer.
func Drop(ctx context.Context, _ func(context.Context) error) error { return inDoubt(ctx) }

// Silence loses a request, and the caller waits until its context ends.
func Silence(ctx context.Context, _ func(context.Context) error) error {
	<-ctx.Done()
	return inDoubt(ctx)
}

// Hang loses a request, and the caller waits for d, even past the end of its context.
func Hang(d time.Duration) Fault {
	return func(ctx context.Context, _ func(context.Context) error) error {
		time.Sleep(d)
		return inDoubt(ctx)
	}
}

// DropReply loses an answer, and the caller learns at once that there is none.
func DropReply(ctx context.Context, send func(context.Context) error) error {
	_ = send(ctx)
	return inDoubt(ctx)
}

// LoseReply loses an answer, and the caller waits until its context ends.
func LoseReply(ctx context.Context, send func(context.Context) error) error {
	_ = send(ctx)
	<-ctx.Done()
	return inDoubt(ctx)
}

// DeliverLate fails a request at once that reaches the store after d.
func DeliverLate(d time.Duration) Fault {
	return func(ctx context.Context, send func(context.Context) error) error {
		time.AfterFunc(d, func() { _ = send(context.WithoutCancel(ctx)) })
		return inDoubt(ctx)
	}
}

// Straggle delays a request by d. It reaches the store even if the context of the caller has
// ended by then.
func Straggle(d time.Duration) Fault {
	return func(ctx context.Context, send func(context.Context) error) error {
		done := make(chan error, 1) // has room for an answer that no caller waits for
		time.AfterFunc(d, func() { done <- send(context.WithoutCancel(ctx)) })
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
			return inDoubt(ctx)
		}
	}
}

// Delay delays a request and its answer, even past the end of the caller's context.
func Delay(request, answer time.Duration) Fault {
	return func(ctx context.Context, send func(context.Context) error) error {
		time.Sleep(request)
		err := send(ctx)
		time.Sleep(answer)
		return err
	}
}

// Once applies f to the first request alone.
func Once(f Fault) Fault {
	return Sequence(f, func(ctx context.Context, send func(context.Context) error) error { return send(ctx) })
}

// Sequence applies first to the first request, and rest to all later ones.
func Sequence(first, rest Fault) Fault {
	var mu sync.Mutex
	next := first
	return func(ctx context.Context, send func(context.Context) error) error {
		mu.Lock()
		f := next
		next = rest
		mu.Unlock()
		return f(ctx, send)
	}
}

// inDoubt returns the error of a request without an answer. The store adds verb and key.
func inDoubt(ctx context.Context) error {
	return &store.Error{Condition: store.ErrInDoubt, Err: context.Cause(ctx)}
}
