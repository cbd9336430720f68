// Package feed turns "something happened to this key" into the events of a
// store's Watch. The backends that have no ordered change stream of their own
// share it, so that the law of a watch is kept in one place: whoever applies
// each put and each gone in order holds what a list would yield.
//
// A mark never carries a record. It says only that a key is worth reading again,
// so marks may be doubled, merged, reordered or late without harm, and one that
// was lost is made good by the next full read. For the end of a record that
// nobody announces a feed keeps the time left of each record that it has told,
// and reads again when that has passed.
package feed

import (
	"context"
	"iter"
	"strings"
	"sync"

	"github.com/leasehold-go/leasehold/store"
)

// Source is what a feed reads from.
type Source interface {
	// Read returns the live records among keys, by key.
	Read(ctx context.Context, keys []string) (map[string]store.Record, error)
	// List is the store's own.
	List(ctx context.Context, prefix string) iter.Seq2[store.Record, error]
}

// Hub passes marks on to every feed whose prefix they concern. Its methods never
// block. The zero Hub is ready for use.
type Hub struct {
	// Lossy says that marks can be lost, so that each feed also reads
	// everything once in the longest time left that it saw.
	Lossy bool

	mu     sync.Mutex
	feeds  map[*marks]struct{}
	closed bool
}

// Mark says that something happened to a key, and why it is gone if it is and
// that is known.
func (h *Hub) Mark(key string, cause store.Cause) {
	h.each(func(m *marks) {
		if strings.HasPrefix(key, m.prefix) {
			m.mark(key, cause)
		}
	})
}

// Missed says that any number of marks may have been lost.
func (h *Hub) Missed() {
	h.each((*marks).missed)
}

// Close ends every feed with [store.ErrClosed], and those to come.
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

// Watch runs a feed in the reader's own goroutine; see [store.Store].
func (h *Hub) Watch(ctx context.Context, src Source, prefix string) iter.Seq2[store.Event, error] {
	return func(yield func(store.Event, error) bool) {
		m := newMarks(prefix)
		h.join(m)
		defer h.leave(m)
		f := &feed{src: src, prefix: prefix, lossy: h.Lossy, marks: m, yield: yield}
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

// Keys yields the keys that are marked from now on, until ctx ends or the hub is closed.
func (h *Hub) Keys(ctx context.Context) iter.Seq[string] {
	return func(yield func(string) bool) {
		m := newMarks("")
		h.join(m)
		defer h.leave(m)
		for {
			select {
			case <-ctx.Done():
				return
			case <-m.closed:
				return
			case <-m.signal:
			}
			keys, _ := m.take()
			for key := range keys {
				if !yield(key) {
					return
				}
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
