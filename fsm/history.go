package fsm

import (
	"iter"
	"math"
)

// defaultHistory is how many transitions a machine remembers.
const defaultHistory = 50

// entry is a committed transition in 16 bytes. (With a fifth field it would no
// longer travel in registers, and cost a tenth of a transition.)
type entry struct {
	at       int64 // nanoseconds of the wall clock since 1970
	from, to uint16
	event    uint16 // its number in the definition, from 1; 0 without one
}

// forced stands in the place of an event's number for a reset.
const forced = math.MaxUint16

// step is a transition in the machine's own terms: what an entry keeps, and
// what is kept aside or follows from its place.
type step struct {
	entry
	number uint64
	cause  string
}

// history counts all committed transitions and keeps the newest of them.
type history struct {
	count   uint64
	entries []entry           // a ring once it has limit entries
	next    uint32            // where the next entry goes: at the end, or in place of the oldest
	limit   uint32            // how many are kept
	causes  map[uint64]string // by number; few transitions have one
}

// replace puts the next step in place of the oldest, if nothing else is to be done.
// It is as short as it is so that it is inlined.
func (h *history) replace(e entry) bool {
	if int(h.next) >= len(h.entries) || h.causes != nil {
		return false
	}
	h.entries[h.next] = e
	if h.next++; h.next == h.limit {
		h.next = 0
	}
	return true
}

// extend is replace for all other cases: there is still room, or a cause.
func (h *history) extend(e entry, cause string) {
	if h.limit == 0 {
		return
	}
	if len(h.entries) < int(h.limit) {
		h.grow()
		h.entries = append(h.entries, e)
	} else {
		h.entries[h.next] = e
	}
	if h.next++; h.next == h.limit {
		h.next = 0
	}
	h.explain(cause)
}

// grow makes room for one more, doubling up to the limit and never beyond:
// append alone would take up to a quarter more than is ever used.
func (h *history) grow() {
	if n := len(h.entries); n == cap(h.entries) {
		h.entries = append(make([]entry, 0, min(max(4, 2*n), int(h.limit))), h.entries...)
	}
}

// explain keeps the cause of the last step and forgets that of the one it
// displaced.
func (h *history) explain(cause string) {
	if h.count > uint64(h.limit) {
		delete(h.causes, h.count-uint64(h.limit))
	}
	if cause == "" {
		return
	}
	if h.causes == nil {
		h.causes = make(map[uint64]string)
	}
	h.causes[h.count] = cause
}

// steps yields what is kept, oldest first.
func (h *history) steps() iter.Seq[step] {
	return func(yield func(step) bool) {
		first := h.count - uint64(len(h.entries)) + 1
		for i := range h.entries {
			number := first + uint64(i)
			e := h.entries[(int(h.next)+i)%len(h.entries)]
			if !yield(step{entry: e, number: number, cause: h.causes[number]}) {
				return
			}
		}
	}
}
