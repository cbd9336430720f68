package redisstore

import (
	"context"
	"errors"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// Create implements [store.Store]. It returns when the record is there and, unless that
// fails, in the index; an entry that could not be written is written later.
func (s *Store) Create(ctx context.Context, claim store.Claim) (store.Grant, error) {
	if err := claim.Check(store.MinTTL); err != nil {
		return store.Grant{}, err
	}
	return s.create(ctx, claim)
}

func (s *Store) create(ctx context.Context, claim store.Claim) (store.Grant, error) {
	start := time.Now()
	n := s.layout.of(claim.Key)
	c := newCall(createScript, plainCall, len(claim.Key)+len(claim.Value)+maxRefusal, []any{
		"evalsha", createScript.hash, 2, n.key, n.fence,
		claim.Nonce.String(), s.instance, own(claim.Value), milliseconds(claim.TTL), s.layout.prefix,
	})
	entry := s.index.entry(n)
	s.transport.do(ctx, c, entry)
	reply, err := c.reply()
	token, err := number("create", claim.Key, reply, err)
	if err != nil {
		return store.Grant{}, s.withValue(ctx, err)
	}
	if _, err := entry.reply(); err != nil {
		s.index.addLater(n)
	}
	return store.Grant{Token: store.Token(token), Until: start.Add(claim.TTL)}, nil
}

// withValue reads the value of the record in a [store.HeldError], if the server did not
// send it with its refusal because it is large.
func (s *Store) withValue(ctx context.Context, err error) error {
	held := new(store.HeldError)
	if !errors.As(err, &held) || held.Record.Value != nil {
		return err
	}
	if r, err := s.get(ctx, held.Record.Key); err == nil && r.Token == held.Record.Token {
		held.Record = r
	}
	return err
}

// own returns a copy of a value. A call can be under way for longer than its caller waits,
// who may then use the value's bytes again.
func own(value []byte) string { return string(value) }

// milliseconds rounds up: a record may live longer than its ttl, never shorter.
func milliseconds(d time.Duration) int64 {
	ms := d.Milliseconds()
	if d > time.Duration(ms)*time.Millisecond {
		ms++
	}
	return ms
}
