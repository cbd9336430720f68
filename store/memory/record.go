package memstore

import (
	"bytes"
	"context"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// minSweep is the number of records below which expired ones may lie about.
const minSweep = 64

// enter takes the lock, unless the call is not to happen at all.
func (s *Store) enter(ctx context.Context, op, key string) error {
	if ctx.Err() != nil {
		return &store.Error{Op: op, Key: key, Condition: store.ErrUnavailable, Err: context.Cause(ctx)}
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

// live returns the record of a key, or nil. One that has expired ends here.
func (s *Store) live(key string) *record {
	r := s.records[key]
	if r != nil && !time.Now().Before(r.deadline) {
		s.drop(key, r)
		return nil
	}
	return r
}

// drop ends a term. Its create is remembered, should it come again.
func (s *Store) drop(key string, r *record) {
	delete(s.records, key)
	s.ended.add(r.nonce)
}

// sweep drops what has expired once the number of records has doubled since the
// last time, so that keys which nobody asks for again do not pile up.
func (s *Store) sweep() {
	if len(s.records) < s.sweepAt {
		return
	}
	for key := range s.records {
		s.live(key)
	}
	s.sweepAt = max(2*len(s.records), minSweep)
}

// held returns the live record that w may write to.
func (s *Store) held(op string, w store.Renewal) (*record, error) {
	r := s.live(w.Key)
	switch {
	case r == nil || r.token != w.Token:
		return nil, fail(op, w.Key, store.ErrLost)
	case len(w.Value) > 0 && w.Seq < r.seq:
		return nil, fail(op, w.Key, store.ErrStale)
	}
	return r, nil
}

func (s *Store) put(r *record, w store.Renewal) {
	r.seq, r.value = w.Seq, bytes.Clone(w.Value)
	s.hub.Mark(w.Key, store.CauseUnknown)
}

// public is the record as callers see it. They own its value.
func (r *record) public(key string) store.Record {
	return store.Record{
		Key:   key,
		Value: bytes.Clone(r.value),
		Token: r.token,
		Left:  time.Until(r.deadline),
	}
}
