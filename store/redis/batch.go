package redisstore

import (
	"strings"
	"sync"
)

// batch is the calls of a batch of renewals or deletes, and the room for the names and digits in
// them: there are no allocations for each. The calls are used again if the servers have
// confirmed all of them: a sender can still have one that failed.
type batch struct {
	calls []call
	sent  []*call         // those that are valid
	texts strings.Builder // its text is never used again
}

const (
	textCost = 64   // bytes of texts for a call, beside the bytes of its key
	maxKept  = 1024 // calls in a batch that is kept
)

var batches = sync.Pool{New: func() any { return new(batch) }}

// newBatch returns a batch of n zero calls.
func newBatch(n int) *batch {
	b := batches.Get().(*batch)
	if cap(b.calls) < n {
		b.calls, b.sent = make([]call, n), make([]*call, 0, n)
	}
	b.calls = b.calls[:n]
	b.texts.Grow(n * textCost)
	return b
}

// free gives the calls up, of which so many have been confirmed.
func (b *batch) free(confirmed int) {
	if confirmed < len(b.sent) || cap(b.calls) > maxKept {
		return
	}
	clear(b.calls)
	clear(b.sent)
	b.sent = b.sent[:0]
	b.texts.Reset()
	batches.Put(b)
}
