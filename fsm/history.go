package fsm

import "iter"

// defaultHistory is how many transitions a machine remembers.
const defaultHistory = 50

// entry is a committed transition in 16 bytes, with room for an event's index.
type entry struct {
	at       int64 // nanoseconds of the wall clock since 1970
	from, to uint16
	forced   bool
}

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
	limit   int
	entries []entry           // a ring once it has limit entries
	oldest  int               // where the ring begins
	causes  map[uint64]string // by number; few transitions have one
}

// add appends the next step, in place of the oldest if there is no room.
func (h *history) add(s step) {
	h.count = s.number
	if h.limit == 0 {
		return
	}
	if len(h.entries) < h.limit {
		h.grow()
		h.entries = append(h.entries, s.entry)
	} else {
		h.entries[h.oldest] = s.entry
		if h.oldest++; h.oldest == h.limit {
			h.oldest = 0
		}
	}
	h.explain(s)
}

// grow makes room for one more, doubling up to the limit and never beyond:
// append alone would take up to a quarter more than is ever used.
func (h *history) grow() {
	if n := len(h.entries); n == cap(h.entries) {
		h.entries = append(make([]entry, 0, min(max(4, 2*n), h.limit)), h.entries...)
	}
}

// explain keeps the cause of s and forgets that of the entry it displaced.
func (h *history) explain(s step) {
	if len(h.causes) > 0 && s.number > uint64(h.limit) {
		delete(h.causes, s.number-uint64(h.limit))
	}
	if s.cause == "" {
		return
	}
	if h.causes == nil {
		h.causes = make(map[uint64]string)
	}
	h.causes[s.number] = s.cause
}

// steps yields what is kept, oldest first.
func (h *history) steps() iter.Seq[step] {
	return func(yield func(step) bool) {
		first := h.count - uint64(len(h.entries)) + 1
		for i := range h.entries {
			number := first + uint64(i)
			e := h.entries[(h.oldest+i)%len(h.entries)]
			if !yield(step{entry: e, number: number, cause: h.causes[number]}) {
				return
			}
		}
	}
}
