package redisstore

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// next has the claims of a store that are next for their keys, as far as it knows, by the marks of
// their creates.
type next struct {
	mu     sync.Mutex
	claims map[string]nextClaim
}

// nextClaim is a claim that is next, or may be.
type nextClaim struct {
	handed func(store.Grant)
	ttl    time.Duration
	since  time.Time   // when the last create began that the server has confirmed, or else the first
	after  store.Token // of the lease that it found; a message of an earlier one is out of date
}

// CreateNext implements [store.Successor]. A claim with a value of more than 4 KiB is never next, nor
// is any with [WithReplicaAck]: a delete does not wait for replicas.
func (s *Store) CreateNext(ctx context.Context, claim store.Claim, handed func(store.Grant)) (grant store.Grant, next bool, err error) {
	if err := claim.Check(store.MinTTL); err != nil {
		return store.Grant{}, false, err
	}
	if s.transport.acks.count > 0 {
		grant, err = s.create(ctx, claim)
		return grant, false, err
	}
	start := time.Now()
	mark := string(appendMark(nil, claim.Nonce))
	again := s.next.expect(mark, nextClaim{handed: handed, ttl: claim.TTL, since: start})
	grant, err = s.createBy(ctx, nextScript, claim, func(answer any) {
		if row, _ := answer.([]any); reason(row) == "next" {
			row[0], next = "held", true
			token, _ := at[int64](row, 1)
			s.next.confirm(mark, start, store.Token(token))
		}
	})
	if err == nil || errors.Is(err, store.ErrEnded) || !again && !next && !errors.Is(err, store.ErrInDoubt) {
		s.next.forget(mark)
	}
	return grant, next, err
}

// Withdraw implements [store.Successor].
func (s *Store) Withdraw(ctx context.Context, key string, nonce store.Nonce) error {
	d := store.Deletion{Key: key, Ref: store.ByNonce(nonce)}
	if err := d.Check(); err != nil {
		return err
	}
	mark := string(appendMark(nil, nonce))
	s.next.forget(mark)
	c := newCall().ready(deleteScript, closing, s.layout.of(key), 0, "-", mark).with(s.self)
	defer c.free()
	s.transport.do(ctx, c)
	return s.deleted(d, c)
}

// expect notes a claim that may be next from now on, and reports whether it could be before.
func (n *next) expect(mark string, c nextClaim) (again bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	before, again := n.claims[mark]
	if again {
		c.since, c.after = before.since, before.after
	}
	if n.claims == nil {
		n.claims = make(map[string]nextClaim)
	}
	n.claims[mark] = c
	return again
}

// confirm notes that a claim is next, after the lease with a token, by a create that began at start.
func (n *next) confirm(mark string, start time.Time, after store.Token) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c, there := n.claims[mark]; there && !start.Before(c.since) {
		c.since, c.after = start, after
		n.claims[mark] = c
	}
}

func (n *next) forget(mark string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.claims, mark)
}

// heard takes in a message of a delete that began the lease of a claim, if that is one of the store's:
// '=', the token, the mark.
func (n *next) heard(payload string) {
	const digits = 16
	if len(payload) != 1+digits+8 {
		return
	}
	token, err := strconv.ParseUint(payload[1:1+digits], 10, 64)
	if err != nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock() // so that handed is not called once forget has returned
	mark := payload[1+digits:]
	if c, there := n.claims[mark]; there && store.Token(token) > c.after {
		delete(n.claims, mark)
		c.handed(store.Grant{Token: store.Token(token), Until: c.since.Add(c.ttl)})
	}
}
