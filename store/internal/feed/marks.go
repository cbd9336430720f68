package feed

import (
	"sync"

	"github.com/leasehold-go/leasehold/store"
)

// marks collects the marks of a feed between two reads. Beyond maxDirty keys it records
// only that the feed must list its prefix.
type marks struct {
	prefix string
	signal chan struct{} // holds one element while there are marks; never closed
	closed chan struct{} // closed by the hub when the store closes

	mu    sync.Mutex
	dirty map[string]store.Cause
	full  bool
}

func newMarks(prefix string) *marks {
	return &marks{
		prefix: prefix,
		signal: make(chan struct{}, 1),
		closed: make(chan struct{}),
		dirty:  make(map[string]store.Cause),
	}
}

// mark adds a key. A later cause replaces an earlier one, because it is closer to the
// read.
func (m *marks) mark(key string, cause store.Cause) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dirty[key] = cause; len(m.dirty) > maxDirty {
		m.full = true
		clear(m.dirty)
	}
	m.wake()
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

// take returns the marks and removes them.
func (m *marks) take() (dirty map[string]store.Cause, full bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dirty, full = m.dirty, m.full
	m.dirty, m.full = make(map[string]store.Cause), false
	return dirty, full
}
