package feed_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/store"
	"github.com/leasehold-go/leasehold/store/internal/feed"
)

// table is a source that marks every change of a record, unless marks are lost.
type table struct {
	hub    feed.Hub
	gather time.Duration // of the watches

	mu        sync.Mutex
	records   map[string]row
	last      store.Token
	err       error         // the error of every read, if not nil
	late      time.Duration // the time that the answer to Read takes
	marksLost bool          // marks are lost
	lists     int           // number of calls of List
	reads     int           // number of calls of Read
}

type row struct {
	store.Record
	deadline time.Time
}

func newTable() *table { return &table{records: make(map[string]row)} }

// put writes a record, or creates it if there is none.
func (s *table) put(key, value string, ttl time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.records[key]
	if !ok || !time.Now().Before(r.deadline) {
		s.last++
		r.Key, r.Token = key, s.last
	}
	r.Value, r.deadline = []byte(value), time.Now().Add(ttl)
	s.records[key] = r
	s.mark(key, store.CauseUnknown)
}

// renew moves the expiry, which is not marked.
func (s *table) renew(key string, ttl time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.records[key]; ok && time.Now().Before(r.deadline) {
		r.deadline = time.Now().Add(ttl)
		s.records[key] = r
	}
}

func (s *table) remove(key string, cause store.Cause) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.records, key)
	s.mark(key, cause)
}

func (s *table) mark(key string, cause store.Cause) {
	if !s.marksLost {
		s.hub.Mark(key, cause)
	}
}

// fail makes every read fail with err; nil makes reads succeed again.
func (s *table) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *table) loseMarks(lost bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.marksLost = lost
}

func (s *table) asked() (lists, reads int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lists, s.reads
}

func (s *table) live(match func(key string) bool) (map[string]store.Record, error) {
	if s.err != nil {
		return nil, s.err
	}
	live := make(map[string]store.Record)
	for key, r := range s.records {
		if left := time.Until(r.deadline); match(key) && left > 0 {
			r.Left = left
			live[key] = r.Record
		}
	}
	return live, nil
}

// Read implements feed.Source.
func (s *table) Read(ctx context.Context, keys []string) (map[string]store.Record, error) {
	s.mu.Lock()
	defer time.Sleep(s.late)
	defer s.mu.Unlock()
	s.reads++
	wanted := make(map[string]bool, len(keys))
	for _, key := range keys {
		wanted[key] = true
	}
	return s.live(func(key string) bool { return wanted[key] })
}

// List implements feed.Source.
func (s *table) List(ctx context.Context, prefix string) iter.Seq2[store.Record, error] {
	return func(yield func(store.Record, error) bool) {
		s.mu.Lock()
		s.lists++
		live, err := s.live(func(key string) bool { return strings.HasPrefix(key, prefix) })
		s.mu.Unlock()
		for r := range maps.Values(live) {
			if !yield(r, nil) {
				return
			}
		}
		if err != nil {
			yield(store.Record{}, err)
		}
	}
}

// reader applies the events of a watch and records which of them break the contract.
type reader struct {
	mu      sync.Mutex
	pause   time.Duration     // after each event
	records map[string]string // token and value by key
	events  []string          // every event with its time
	err     error             // the last item of the watch
	ended   bool
	synced  int
	resync  bool // between EventResync and EventSynced
	faults  []string
}

// watch starts a reader that pauses after each event.
func watch(ctx context.Context, s *table, prefix string, pause time.Duration) *reader {
	r := &reader{pause: pause, records: make(map[string]string)}
	start := time.Now()
	go func() {
		for e, err := range s.hub.WatchGathered(ctx, s, prefix, func() time.Duration { return s.gather }) {
			r.apply(e, err, time.Since(start))
			r.rest(ctx)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.ended = true
	}()
	synctest.Wait()
	return r
}

func (r *reader) rest(ctx context.Context) {
	r.mu.Lock()
	pause := r.pause
	r.mu.Unlock()
	if pause == 0 {
		return
	}
	select {
	case <-time.After(pause):
	case <-ctx.Done():
	}
}

func (r *reader) stopPausing() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pause = 0
}

func (r *reader) apply(e store.Event, err error, after time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		r.faultf("got %v after the error %v", e, r.err)
	}
	if r.err = err; err != nil {
		return
	}
	line := fmt.Sprintf("%v %v", after, e.Kind)
	key, now := e.Record.Key, fmt.Sprintf("%d=%s", e.Record.Token, e.Record.Value)
	was, had := r.records[key]
	switch e.Kind {
	case store.EventPut:
		line += " " + key + " " + now
		if r.records[key] = now; was == now {
			r.faultf("%s: the record had not changed", line)
		}
	case store.EventGone:
		line += " " + key + " " + e.Cause.String()
		if delete(r.records, key); !had {
			r.faultf("%s: there was no record", line)
		}
		if len(e.Record.Value) > 0 || e.Record.Token == 0 {
			r.faultf("%s has the record %+v", line, e.Record)
		}
	case store.EventResync:
		if r.resync || r.synced == 0 {
			r.faultf("%s at a wrong time", line)
		}
		r.resync = true
	case store.EventSynced:
		if r.synced++; r.resync == (r.synced == 1) {
			r.faultf("%s without EventResync", line)
		}
		r.resync = false
	default:
		r.faultf("event %v", e)
	}
	r.events = append(r.events, line)
}

func (r *reader) faultf(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

// lines returns the events since the last call.
func (r *reader) lines() []string {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	events := r.events
	r.events = nil
	return events
}

// agree compares the records of the reader with those of the table.
func (r *reader) agree(s *table, prefix string) error {
	synctest.Wait()
	want := make(map[string]string)
	for rec := range s.List(context.Background(), prefix) {
		want[rec.Key] = fmt.Sprintf("%d=%s", rec.Token, rec.Value)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case len(r.faults) > 0:
		return errors.New(strings.Join(r.faults, "\n"))
	case !maps.Equal(r.records, want):
		return fmt.Errorf("the reader holds %v, the table %v", r.records, want)
	}
	return nil
}

// end returns the last item of the watch, and whether the watch has ended.
func (r *reader) end() (error, bool) {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err, r.ended
}

// answerLate makes the answer to each Read take a while.
func (s *table) answerLate(by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.late = by
}
