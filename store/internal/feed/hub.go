// Package feed turns marks, which say that a key may have changed, into the events of a
// store's Watch. The backends without an ordered change stream share it, so that one
// package keeps the law of a watch: a reader that applies each put and each gone in order
// holds the records that List yields.
//
// A mark carries no record; a feed reads the key that was marked. Marks may therefore be
// repeated, merged, reordered or late, and the next list makes up for a lost mark. A
// record that expires without a mark is read again when its time left has passed.
//
// Beside feeds the package has the common parts of requests and logs: [Messages] and [ReadLog].
package feed

import (
	"context"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// moment is how long marks that are in no hurry are collected.
const moment = time.Millisecond

// Source reads records for a feed.
type Source interface {
	// Read returns the live records among keys, by key.
	Read(ctx context.Context, keys []string) (map[string]store.Record, error)
	// List is the List of the store.
	List(ctx context.Context, prefix string) iter.Seq2[store.Record, error]
}

// scope is the keys of a feed: those with a prefix, or one.
type scope struct {
	name  string
	exact bool
}

func (s scope) has(key string) bool {
	if s.exact {
		return key == s.name
	}
	return strings.HasPrefix(key, s.name)
}

// Hub distributes marks to the feeds of the marked keys. Its methods never block, and
// its zero value is ready for use.
type Hub struct {
	// Lossy says that marks can be lost. Each feed then also lists its prefix once per
	// longest time left of its records.
	Lossy bool

	mu     sync.Mutex
	feeds  map[*marks]struct{}
	closed bool
}

// Mark reports a change of a key. The cause is that of the record's end, if the record
// has ended and the cause is known.
func (h *Hub) Mark(key string, cause store.Cause) {
	h.mark(key, change{cause: cause})
}

// MarkDeleted reports that the record with that token was deleted. A feed that knows the
// record yields its end without reading the key again.
func (h *Hub) MarkDeleted(key string, token store.Token) {
	h.mark(key, change{cause: store.CauseDeleted, token: token})
}

func (h *Hub) mark(key string, c change) {
	h.each(func(m *marks) {
		if m.scope.has(key) {
			m.mark(key, c)
		}
	})
}

// Missed reports that any number of marks may have been lost.
func (h *Hub) Missed() {
	h.each((*marks).missed)
}

// Close ends every feed, present or future, with [store.ErrClosed].
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.closed = true
		for m := range h.feeds {
			close(m.closed)
		}
	}
}

func (h *Hub) each(do func(*marks)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for m := range h.feeds {
		do(m)
	}
}

// Watch runs a feed of the keys with a prefix in the reader's own goroutine; see
// [store.Store].
func (h *Hub) Watch(ctx context.Context, src Source, prefix string) iter.Seq2[store.Event, error] {
	return h.watch(ctx, src, scope{name: prefix}, nil)
}

// WatchGathered is Watch with marks that are read together, up to a time after the first of them.
func (h *Hub) WatchGathered(ctx context.Context, src Source, prefix string, gather func() time.Duration) iter.Seq2[store.Event, error] {
	return h.watch(ctx, src, scope{name: prefix}, gather)
}

// WatchKey runs a feed of one key. It reads that key alone, and never lists.
func (h *Hub) WatchKey(ctx context.Context, src Source, key string) iter.Seq2[store.Event, error] {
	return h.watch(ctx, src, scope{name: key, exact: true}, nil)
}

func (h *Hub) watch(ctx context.Context, src Source, scope scope, gather func() time.Duration) iter.Seq2[store.Event, error] {
	return func(yield func(store.Event, error) bool) {
		m := newMarks(scope)
		h.join(m)
		defer h.leave(m)
		f := &feed{src: src, scope: scope, lossy: h.Lossy, gather: gather, marks: m, yield: yield}
		err := f.run(ctx)
		if err == errStop {
			return
		}
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		yield(store.Event{}, err)
	}
}

// Keys yields the keys that are marked from the call on, until ctx ends or the hub is closed. It
// yields the empty key if marks may have been lost. Marks are kept until ctx ends, also if nobody
// reads them. A first mark is yielded at once, and those of the next millisecond together after it:
// a burst of marks would otherwise wake the reader for each.
func (h *Hub) Keys(ctx context.Context) iter.Seq[string] {
	m := newMarks(scope{})
	h.join(m)
	context.AfterFunc(ctx, func() { h.leave(m) })
	return func(yield func(string) bool) {
		defer h.leave(m)
		var keys map[string]change
		pause := time.NewTimer(moment)
		defer pause.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-m.closed:
				return
			case <-m.signal:
			}
			var missed bool
			if keys, missed = m.take(keys); missed && !yield("") {
				return
			}
			for key := range keys {
				if !yield(key) {
					return
				}
			}
			clear(keys)
			pause.Reset(moment)
			select {
			case <-ctx.Done():
				return
			case <-m.closed:
				return
			case <-pause.C:
			}
		}
	}
}

func (h *Hub) join(m *marks) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		close(m.closed)
		return
	}
	if h.feeds == nil {
		h.feeds = make(map[*marks]struct{})
	}
	h.feeds[m] = struct{}{}
}

func (h *Hub) leave(m *marks) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.feeds, m)
}
