package fsm

import (
	"iter"

	"github.com/leasehold-go/leasehold/fsm/internal/graph"
)

// defaultHistory is how many transitions a machine keeps.
const defaultHistory = 50

// entry is a transition in 16 bytes. With a fifth field it would no longer travel in
// registers, and a transition would cost a tenth more.
type entry struct {
	at       int64 // nanoseconds since 1970
	from, to graph.ID
	event    uint16 // number in the definition, from 1; 0 without an event, or forced
}

// history counts all committed transitions and keeps the newest of them.
type history struct {
	count uint64
	ring  *ring // nil while it is empty and has the default limit
}

// ring holds the entries, and the causes of the few that have one.
type ring struct {
	entries []entry           // oldest first until there are limit of them
	causes  map[uint64]string // by number
	next    uint32            // place of the next entry: at the end, or that of the oldest
	limit   uint32            // how many entries are kept
}

// newHistory returns an empty history.
func newHistory(limit uint32) (h history) {
	if limit != defaultHistory {
		h.ring = &ring{limit: limit}
	}
	return h
}

// limit is how many entries are kept.
func (h *history) limit() uint32 {
	if h.ring == nil {
		return defaultHistory
	}
	return h.ring.limit
}

// replace puts the next entry in place of the oldest, if that is all there is to do. It is
// short so that it is inlined.
func (h *history) replace(e entry) bool {
	r := h.ring
	if r == nil || int(r.next) >= len(r.entries) || r.causes != nil {
		return false
	}
	r.entries[r.next] = e
	if r.next++; r.next == r.limit {
		r.next = 0
	}
	return true
}

// add is replace for every other case: the ring has room, or there are causes. The count
// includes the entry already.
func (h *history) add(e entry, cause string) {
	if h.ring == nil {
		h.ring = &ring{limit: defaultHistory}
	}
	r := h.ring
	if r.limit == 0 {
		return
	}
	if n := len(r.entries); n < int(r.limit) {
		if n == cap(r.entries) { // double, up to the limit; append could exceed it by a quarter
			r.entries = append(make([]entry, 0, min(max(4, 2*n), int(r.limit))), r.entries...)
		}
		r.entries = append(r.entries, e)
	} else {
		r.entries[r.next] = e
	}
	if r.next++; r.next == r.limit {
		r.next = 0
	}
	if h.count > uint64(r.limit) {
		delete(r.causes, h.count-uint64(r.limit))
	}
	if cause != "" {
		if r.causes == nil {
			r.causes = make(map[uint64]string)
		}
		r.causes[h.count] = cause
	}
}

// len is how many entries are kept.
func (h *history) len() int {
	if h.ring == nil {
		return 0
	}
	return len(h.ring.entries)
}

// kept is an entry of the history with its number and cause.
type kept struct {
	entry
	number uint64
	cause  string
}

// all yields the entries that are kept, oldest first.
func (h *history) all() iter.Seq[kept] {
	return func(yield func(kept) bool) {
		n := h.len()
		for i := range n {
			number := h.count - uint64(n-1-i)
			e := h.ring.entries[(int(h.ring.next)+i)%n]
			if !yield(kept{e, number, h.ring.causes[number]}) {
				return
			}
		}
	}
}
