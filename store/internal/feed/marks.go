package feed

import (
	"sync"

	"github.com/leasehold-go/leasehold/store"
)

// marks collects the marks of a feed between two reads. Beyond maxDirty keys it records
// only that the feed must list its prefix.
type marks struct {
	scope  scope
	signal chan struct{} // holds one element while there are marks; never closed
	closed chan struct{} // closed by the hub when the store closes

	mu    sync.Mutex
	dirty map[string]change
	full  bool
}

// change is the content of a mark.
type change struct {
	cause store.Cause
	token store.Token // of the record that was deleted; zero if not known
}

func newMarks(scope scope) *marks {
	return &marks{
		scope:  scope,
		signal: make(chan struct{}, 1),
		closed: make(chan struct{}),
		dirty:  make(map[string]change),
	}
}

// mark adds a key. A later change replaces an earlier one, because it is closer to the
// read. There has to be a read if they are of two records, or may be: they can come in the wrong
// order.
func (m *marks) mark(key string, c change) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if before, marked := m.dirty[key]; marked && before.token != c.token {
		c.token = 0
	}
	if m.dirty[key] = c; len(m.dirty) > maxDirty {
		m.full = true
		clear(m.dirty)
	}
	m.wake()
}

// urgent reports whether a mark tells of an end, or marks may have been lost.
func (m *marks) urgent() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.dirty {
		if c.cause != store.CauseUnknown {
			return true
		}
	}
	return m.full
}

func (m *marks) missed() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.full = true
	m.wake()
}

func (m *marks) wake() {
	select {
	case m.signal <- struct{}{}:
	default: // already signalled
	}
}

// take returns the marks and removes them. spare is for the next ones: an empty map, or nil.
func (m *marks) take(spare map[string]change) (dirty map[string]change, full bool) {
	if spare == nil {
		spare = make(map[string]change)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	dirty, full = m.dirty, m.full
	m.dirty, m.full = spare, false
	return dirty, full
}
