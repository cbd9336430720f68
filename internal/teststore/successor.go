package teststore

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/leasehold-go/leasehold/store"
)

// Successor is a [Store] that hands keys over.
type Successor struct {
	*Store
	loses atomic.Bool // whether handovers are not told of
}

// NewSuccessor returns an empty store without faults that hands keys over.
func NewSuccessor() *Successor { return &Successor{Store: New()} }

// CreateNext implements [store.Successor], with the requests and faults of [Create]. After
// [Store.LoseHandovers] nobody is told of a handover.
func (s *Successor) CreateNext(ctx context.Context, c store.Claim, handed func(store.Grant)) (store.Grant, bool, error) {
	r := Request{Verb: Create, Key: c.Key, Nonce: c.Nonce, Writes: []store.Renewal{{Key: c.Key, Value: c.Value}}}
	type answer struct {
		grant store.Grant
		next  bool
	}
	var got atomic.Pointer[answer]
	err := s.do(ctx, r, func(ctx context.Context) error {
		grant, next, err := s.memory.CreateNext(ctx, c, func(g store.Grant) {
			if !s.loses.Load() {
				handed(g)
			}
		})
		got.Store(&answer{grant, next})
		return err
	})
	if err != nil && !errors.Is(err, store.ErrHeld) {
		return store.Grant{}, false, named(err, Create, c.Key)
	}
	return got.Load().grant, got.Load().next, err
}

// LoseHandovers loses the news of every handover from now on.
func (s *Successor) LoseHandovers() { s.loses.Store(true) }

// Withdraw implements [store.Successor], with the requests and faults of [Delete].
func (s *Successor) Withdraw(ctx context.Context, key string, nonce store.Nonce) error {
	r := Request{Verb: Delete, Key: key, Nonce: nonce}
	err := s.do(ctx, r, func(ctx context.Context) error { return s.memory.Withdraw(ctx, key, nonce) })
	return named(err, Delete, key)
}
