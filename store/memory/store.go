// Package memstore keeps records in the memory of one process.
//
// It is a complete store for programs of one process and for tests, and the reference for
// the other backends. It reads the time from package time alone, so it runs on virtual
// time under testing/synctest.
//
// # Guarantees
//
// The store obeys every law of package store exactly. A record expires at its deadline to
// the nanosecond, and all calls have one order.
//
// # Not guaranteed
//
// Records and the memory of tokens end with the process. A repeated create may not be
// recognised when some ten thousand later leases have ended.
package memstore

import (
	"bytes"
	"cmp"
	"context"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/store"
	"github.com/leasehold-go/leasehold/store/internal/feed"
)

var (
	_ store.Store            = (*Store)(nil)
	_ store.BatchGetter      = (*Store)(nil)
	_ store.Definer          = (*Store)(nil)
	_ store.DeleteNotifier   = (*Store)(nil)
	_ store.GatheringWatcher = (*Store)(nil)
	_ store.Logger           = (*Store)(nil)
	_ store.Requester        = (*Store)(nil)
	_ store.Successor        = (*Store)(nil)
)

// Store is a [store.Store] in memory. Use [New] to make one.
type Store struct {
	hub     feed.Hub
	deletes feed.Hub      // marked by Delete alone
	mail    feed.Messages // to the callers of Requests and Ask
	news    feed.Messages // to the callers of FollowLog

	mu      sync.Mutex
	closed  bool
	last    store.Token // the last granted token of any key
	records map[string]*record
	claims  map[string]claim // that are next, by key
	sweepAt int              // number of records at which sweep drops expired records
	ended   recent[store.Nonce]
	deleted recent[store.Token] // leases that Delete ended

	messages map[string][]*message // by key, in the order in which the requests came
	asked    uint64                // number of the last request
	logs     map[string][]logged   // by key, oldest first

	definitions map[string]definition // by id
}

// record is the value under a key with its lease. It may have expired; live checks that.
type record struct {
	value    []byte
	token    store.Token
	nonce    store.Nonce
	seq      uint64
	ttl      time.Duration
	deadline time.Time
}

// New returns an empty store.
func New() *Store {
	return &Store{records: make(map[string]*record), messages: make(map[string][]*message), logs: make(map[string][]logged), definitions: make(map[string]definition), sweepAt: minSweep,
		ended: newRecent[store.Nonce](), deleted: newRecent[store.Token]()}
}

// Close ends every watch, every call that waits and every later call with [store.ErrClosed].
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	for _, all := range s.messages {
		for _, m := range all {
			m.forget.Stop()
		}
	}
	s.messages = nil
	s.mu.Unlock()
	s.hub.Close()
	s.deletes.Close()
	s.mail.Close()
	s.news.Close()
	return nil
}

// Create implements [store.Store].
func (s *Store) Create(ctx context.Context, c store.Claim) (store.Grant, error) {
	if err := c.Check(store.MinTTL); err != nil {
		return store.Grant{}, err
	}
	start := time.Now()
	if err := s.enter(ctx, "create", c.Key); err != nil {
		return store.Grant{}, err
	}
	defer s.mu.Unlock()
	return s.create(c, start)
}

func (s *Store) create(c store.Claim, start time.Time) (store.Grant, error) {
	r := s.live(c.Key)
	switch {
	case r != nil && r.nonce == c.Nonce:
		r.deadline = time.Now().Add(r.ttl)
		return store.Grant{Token: r.token, Until: start.Add(r.ttl)}, nil
	case r != nil:
		return store.Grant{}, &store.HeldError{Record: r.public(c.Key)}
	case s.ended.has(c.Nonce):
		return store.Grant{}, fail("create", c.Key, store.ErrEnded)
	}
	s.sweep()
	grant := store.Grant{Token: s.begin(c, time.Now().Add(c.TTL)), Until: start.Add(c.TTL)}
	s.hub.Mark(c.Key, store.CauseUnknown)
	return grant, nil
}

// begin makes the record of a claim and returns its token. The caller tells the watches.
func (s *Store) begin(c store.Claim, deadline time.Time) store.Token {
	s.last++
	s.records[c.Key] = &record{
		value:    bytes.Clone(c.Value),
		token:    s.last,
		nonce:    c.Nonce,
		ttl:      c.TTL,
		deadline: deadline,
	}
	return s.last
}

// Renew implements [store.Store].
func (s *Store) Renew(ctx context.Context, batch []store.Renewal) []store.RenewResult {
	answers := make([]store.RenewResult, len(batch))
	for i, w := range batch {
		answers[i].Until, answers[i].Err = s.renew(ctx, w)
	}
	return answers
}

func (s *Store) renew(ctx context.Context, w store.Renewal) (time.Time, error) {
	if err := w.Check(); err != nil {
		return time.Time{}, err
	}
	start := time.Now()
	if err := s.enter(ctx, "renew", w.Key); err != nil {
		return time.Time{}, err
	}
	defer s.mu.Unlock()

	r, err := s.held("renew", w)
	if err != nil {
		return time.Time{}, err
	}
	if len(w.Value) > 0 {
		s.put(r, w)
	}
	r.deadline = time.Now().Add(r.ttl)
	return start.Add(r.ttl), nil
}

// Update implements [store.Store].
func (s *Store) Update(ctx context.Context, u store.Update) error {
	return s.UpdateWith(ctx, u, store.Addition{})
}

// UpdateWith implements [store.Logger] and [store.Requester].
func (s *Store) UpdateWith(ctx context.Context, u store.Update, with store.Addition) error {
	if err := cmp.Or(u.Check(), with.Check()); err != nil {
		return err
	}
	w := store.Renewal(u)
	if err := s.enter(ctx, "update", w.Key); err != nil {
		return err
	}
	defer s.mu.Unlock()

	r, err := s.held("update", w)
	if err != nil {
		return err
	}
	if with.Answer != nil && w.Seq != r.seq { // else it is the same write, repeated
		if m := s.message(w.Key, with.Answer.ID); m != nil && m.answer.Final {
			return fail("update", w.Key, store.ErrStale)
		}
		if err := s.answer("update", w.Key, *with.Answer); err != nil {
			return err
		}
	}
	s.put(r, w)
	if len(with.Log.Values) > 0 {
		s.appendLog(u.Key, u.Token, with.Log)
	}
	return nil
}

// Delete implements [store.Store].
func (s *Store) Delete(ctx context.Context, key string, ref store.LeaseRef) error {
	if err := (store.Deletion{Key: key, Ref: ref}).Check(); err != nil {
		return err
	}
	if err := s.enter(ctx, "delete", key); err != nil {
		return err
	}
	defer s.mu.Unlock()

	if ref.Nonce != (store.Nonce{}) {
		s.forgetNext(key, ref.Nonce)
	}
	if r := s.live(key); r != nil && (r.token == ref.Token || r.nonce == ref.Nonce) {
		s.end(key, r)
	} else if ref.Nonce != (store.Nonce{}) {
		s.ended.add(ref.Nonce) // a create with this nonce that arrives later must fail
	}
	return nil
}

// end deletes a record, and hands its key over.
func (s *Store) end(key string, r *record) {
	s.drop(key, r)
	s.deleted.add(r.token)
	handed := s.handOver(key, r.token) // before a watch can tell that the key is free
	s.hub.MarkDeleted(key, r.token)
	s.deletes.MarkDeleted(key, r.token)
	if handed {
		s.hub.Mark(key, store.CauseUnknown)
	}
}

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, key string) (store.Record, error) {
	if err := store.CheckKey(key); err != nil {
		return store.Record{}, err
	}
	if err := s.enter(ctx, "get", key); err != nil {
		return store.Record{}, err
	}
	defer s.mu.Unlock()

	if r := s.live(key); r != nil {
		return r.public(key), nil
	}
	return store.Record{}, fail("get", key, store.ErrNotFound)
}

// GetBatch implements [store.BatchGetter]. All records are of one moment.
func (s *Store) GetBatch(ctx context.Context, keys []string) (map[string]store.Record, error) {
	for _, key := range keys {
		if err := store.CheckKey(key); err != nil {
			return nil, err
		}
	}
	return s.readAll(ctx, "get batch", keys)
}

// readAll returns the live records of keys.
func (s *Store) readAll(ctx context.Context, op string, keys []string) (map[string]store.Record, error) {
	if err := s.enter(ctx, op, ""); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()

	live := make(map[string]store.Record, len(keys))
	for _, key := range keys {
		if r := s.live(key); r != nil {
			live[key] = r.public(key)
		}
	}
	return live, nil
}

// List implements [store.Store]. All records are of one moment.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[store.Record, error] {
	return func(yield func(store.Record, error) bool) {
		records, err := s.list(ctx, prefix)
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
		if err != nil {
			yield(store.Record{}, err)
		}
	}
}

func (s *Store) list(ctx context.Context, prefix string) ([]store.Record, error) {
	if err := store.CheckPrefix(prefix); err != nil {
		return nil, err
	}
	if err := s.enter(ctx, "list", prefix); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()

	var records []store.Record
	for key := range s.records {
		if !strings.HasPrefix(key, prefix) {
			continue
		}
		if r := s.live(key); r != nil {
			records = append(records, r.public(key))
		}
	}
	return records, nil
}

// Deletions implements [store.DeleteNotifier].
func (s *Store) Deletions(ctx context.Context) iter.Seq[string] { return s.deletes.Keys(ctx) }

// Watch implements [store.Store].
func (s *Store) Watch(ctx context.Context, prefix string) iter.Seq2[store.Event, error] {
	return s.hub.Watch(ctx, source{s}, prefix)
}

// WatchGathered implements [store.GatheringWatcher].
func (s *Store) WatchGathered(ctx context.Context, prefix string, gather time.Duration) iter.Seq2[store.Event, error] {
	return s.hub.WatchGathered(ctx, source{s}, prefix, func() time.Duration { return gather })
}

// WatchKey implements [store.Store].
func (s *Store) WatchKey(ctx context.Context, key string) iter.Seq2[store.Event, error] {
	if err := store.CheckKey(key); err != nil {
		return failedWatch(err)
	}
	return s.hub.WatchKey(ctx, source{s}, key)
}

// failedWatch is a watch that yields an error and nothing else.
func failedWatch(err error) iter.Seq2[store.Event, error] {
	return func(yield func(store.Event, error) bool) { yield(store.Event{}, err) }
}

// source is the feed's view of a store.
type source struct{ *Store }

// Read implements [feed.Source].
func (s source) Read(ctx context.Context, keys []string) (map[string]store.Record, error) {
	return s.readAll(ctx, "watch", keys)
}
