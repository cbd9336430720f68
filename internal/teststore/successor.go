package teststore

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// Successor is a [Store] that hands keys over. CreateNext has the requests and faults of Create, and
// Withdraw those of Delete. A fault of Handover applies to the message that a lease has begun.
type Successor struct{ *Store }

// CreateNext implements [store.Successor].
func (s Successor) CreateNext(ctx context.Context, c store.Claim, handed func(store.Grant)) (store.Grant, bool, error) {
	type answer struct {
		grant store.Grant
		next  bool
	}
	var got atomic.Pointer[answer] // a late request may answer while CreateNext reads
	err := s.do(ctx, creation(c), func(ctx context.Context) error {
		grant, next, err := s.Store.Store.(store.Successor).CreateNext(ctx, c, func(g store.Grant) { s.tell(handed, g) })
		got.Store(&answer{grant, next})
		return err
	})
	switch {
	case errors.Is(err, store.ErrHeld):
		return store.Grant{}, got.Load().next, err
	case err != nil:
		return store.Grant{}, false, named(err, Create, c.Key)
	}
	return got.Load().grant, false, nil
}

// tell calls handed, unless a fault loses the message.
func (s Successor) tell(handed func(store.Grant), g store.Grant) {
	s.mu.Lock()
	f := s.faults[Handover]
	s.mu.Unlock()
	if f == nil {
		handed(g)
		return
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = f(ctx, func(context.Context) error { handed(g); return nil })
	}()
}

// Withdraw implements [store.Successor].
func (s Successor) Withdraw(ctx context.Context, key string, nonce store.Nonce) error {
	err := s.do(ctx, Request{Verb: Delete, Key: key, Nonce: nonce}, func(ctx context.Context) error {
		return s.Store.Store.(store.Successor).Withdraw(ctx, key, nonce)
	})
	return named(err, Delete, key)
}
