package redisstore

import (
	"context"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// Create implements [store.Store].
func (s *Store) Create(ctx context.Context, claim store.Claim) (store.Grant, error) {
	if err := claim.Check(store.MinTTL); err != nil {
		return store.Grant{}, err
	}
	return s.create(ctx, claim)
}

func (s *Store) create(ctx context.Context, claim store.Claim) (store.Grant, error) {
	start := time.Now()
	cmd := newCommand(ctx, createScript, s.layout.of(claim.Key),
		claim.Nonce.String(), claim.Value, milliseconds(claim.TTL), s.layout.changes)
	if err := s.sendFor(ctx, s.replicas, cmd); err != nil {
		return store.Grant{}, failed("create", claim.Key, writes, err)
	}
	token, err := number("create", claim.Key, cmd)
	if err != nil {
		return store.Grant{}, err
	}
	return store.Grant{Token: store.Token(token), Until: start.Add(claim.TTL)}, nil
}

// milliseconds rounds up: a record may live longer than its ttl, never shorter.
func milliseconds(d time.Duration) int64 {
	ms := d.Milliseconds()
	if d > time.Duration(ms)*time.Millisecond {
		ms++
	}
	return ms
}
