package memstore

import (
	"bytes"
	"context"
	"maps"
	"time"

	"github.com/leasehold-go/leasehold/internal/ctxerr"
	"github.com/leasehold-go/leasehold/store"
)

// minSweep is the number of records below which expired records are not swept.
const minSweep = 64

// enter takes the lock, unless ctx has ended or the store is closed.
func (s *Store) enter(ctx context.Context, op, key string) error {
	if ctx.Err() != nil {
		return &store.Error{Op: op, Key: key, Condition: store.ErrUnavailable, Err: ctxerr.Of(ctx)}
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return fail(op, key, store.ErrClosed)
	}
	return nil
}

func fail(op, key string, condition error) error {
	return &store.Error{Op: op, Key: key, Condition: condition}
}

// live returns the live record of a key, or nil. It drops an expired record.
func (s *Store) live(key string) *record {
	r := s.records[key]
	if r != nil && !time.Now().Before(r.deadline) {
		s.drop(key, r)
		return nil
	}
	return r
}

// drop ends a lease and remembers its nonce, so that a repeated create is recognised.
func (s *Store) drop(key string, r *record) {
	delete(s.records, key)
	s.ended.add(r.nonce)
	s.mail.Send(key, "")
}

// sweep drops expired records and logs, and claims, once the number of the former has doubled since the
// last sweep. So one that no call reads again does not stay for ever.
func (s *Store) sweep() {
	if max(len(s.records), len(s.logs)) < s.sweepAt {
		return
	}
	for key := range s.records {
		s.live(key)
	}
	now := time.Now()
	maps.DeleteFunc(s.logs, func(_ string, log []logged) bool { return !now.Before(log[len(log)-1].deadline) })
	maps.DeleteFunc(s.claims, func(_ string, c claim) bool { return !now.Before(c.deadline) })
	s.sweepAt = max(2*max(len(s.records), len(s.logs)), minSweep)
}

// held returns the live record that w may write to, or the error of the write.
func (s *Store) held(op string, w store.Renewal) (*record, error) {
	r := s.live(w.Key)
	switch {
	case r == nil:
		lost := store.Lost(op, w.Key, 0)
		if s.deleted.has(w.Token) {
			lost.Err = store.ErrDeleted
		}
		return nil, lost
	case r.token != w.Token:
		return nil, store.Lost(op, w.Key, r.token)
	case len(w.Value) > 0 && w.Seq < r.seq:
		return nil, fail(op, w.Key, store.ErrStale)
	}
	return r, nil
}

func (s *Store) put(r *record, w store.Renewal) {
	r.seq, r.value = w.Seq, bytes.Clone(w.Value)
	s.hub.Mark(w.Key, store.CauseUnknown)
}

// public returns a copy of the record for a caller.
func (r *record) public(key string) store.Record {
	return store.Record{
		Key:   key,
		Value: bytes.Clone(r.value),
		Token: r.token,
		Left:  time.Until(r.deadline),
	}
}
