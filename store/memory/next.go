package memstore

import (
	"bytes"
	"context"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// claim is a claim that is next for its key.
type claim struct {
	store.Claim
	after    store.Token // of the lease that it follows
	handed   func(store.Grant)
	until    time.Time // as of a grant
	deadline time.Time
}

// CreateNext implements [store.Successor].
func (s *Store) CreateNext(ctx context.Context, c store.Claim, handed func(store.Grant)) (grant store.Grant, next bool, err error) {
	if err := c.Check(store.MinTTL); err != nil {
		return store.Grant{}, false, err
	}
	start := time.Now()
	if err := s.enter(ctx, "create", c.Key); err != nil {
		return store.Grant{}, false, err
	}
	defer s.mu.Unlock()
	if grant, err = s.create(c, start); err == nil {
		s.forgetNext(c.Key, c.Nonce)
		return grant, false, nil
	}
	if s.ended.has(c.Nonce) {
		return store.Grant{}, false, fail("create", c.Key, store.ErrEnded)
	}
	now := time.Now()
	r, other := s.live(c.Key), s.claims[c.Key]
	if r == nil || other.Nonce != c.Nonce && now.Before(other.deadline) {
		return store.Grant{}, false, err
	}
	if s.claims == nil {
		s.claims = make(map[string]claim)
	}
	c.Value = bytes.Clone(c.Value)
	s.claims[c.Key] = claim{c, r.token, handed, start.Add(c.TTL), now.Add(c.TTL)}
	return store.Grant{}, true, err
}

// Withdraw implements [store.Successor].
func (s *Store) Withdraw(ctx context.Context, key string, nonce store.Nonce) error {
	if err := (store.Deletion{Key: key, Ref: store.ByNonce(nonce)}).Check(); err != nil {
		return err
	}
	if err := s.enter(ctx, "withdraw", key); err != nil {
		return err
	}
	defer s.mu.Unlock()
	s.forgetNext(key, nonce)
	if r := s.live(key); r != nil && r.nonce == nonce {
		s.end(key, r)
	}
	return nil
}

func (s *Store) forgetNext(key string, nonce store.Nonce) {
	if s.claims[key].Nonce == nonce {
		delete(s.claims, key)
	}
}

// handOver begins the lease of the claim that is next for a key after a lease. It returns false if
// there is none. The caller tells the watches.
func (s *Store) handOver(key string, after store.Token) bool {
	c, waits := s.claims[key]
	if !waits || c.after != after || !time.Now().Before(c.deadline) {
		return false
	}
	delete(s.claims, key)
	c.handed(store.Grant{Token: s.begin(c.Claim, c.deadline), Until: c.until})
	return true
}
