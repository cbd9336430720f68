package redisstore

import (
	"context"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// index keeps the names of keys where List looks for them. An entry is written with its
// record and not by the same script, so that trouble with one is none of the other: after a
// crash between the two an entry can be missing until the record is renewed, and one whose
// record has gone stays until somebody finds that out.
type index struct {
	layout    layout
	transport *transport

	mu      sync.Mutex
	missing map[string]names // whose entry is to be written again
	gone    map[string]names // whose entry is to go if there is no record
	timer   *time.Timer      // of the next round of housekeeping; nil if none is due
	closed  bool
}

const (
	houseTime  = time.Second     // between rounds of housekeeping, at the least
	houseLimit = 5 * time.Second // for one
	houseItems = 1 << 12         // beyond which a round comes at once
	entryCost  = 128
)

func newIndex(l layout, t *transport) *index {
	return &index{layout: l, transport: t, missing: make(map[string]names), gone: make(map[string]names)}
}

// entry is a call that puts a key into its index.
func (x *index) entry(n names) *call {
	return newCommand(entryCost, "zadd", x.layout.index(n.slot), 0, n.key)
}

// addLater has the entry of a key written by the next round, and again until that works.
func (x *index) addLater(n names) { x.note(&x.missing, n) }

// sweepLater has the next round take a key out that has no record any more.
func (x *index) sweepLater(n names) { x.note(&x.gone, n) }

func (x *index) note(set *map[string]names, n names) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return
	}
	(*set)[n.key] = n
	x.schedule()
}

// schedule starts the timer of the next round, if one is due.
func (x *index) schedule() {
	if len(x.missing)+len(x.gone) == 0 || x.closed {
		return
	}
	if x.timer == nil {
		x.timer = time.AfterFunc(houseTime, x.keepHouse)
	} else if len(x.missing)+len(x.gone) == houseItems {
		x.timer.Reset(0)
	}
}

// refresh has the next round write the entries of renewed records again: an index can have
// lost them with a server's data.
func (x *index) refresh(items []item, results []store.RenewResult) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, i := range items {
		if !x.closed && results[i.place].Err == nil {
			x.missing[i.key] = i.names
			x.schedule()
		}
	}
}

// keepHouse is a round.
func (x *index) keepHouse() {
	if !x.transport.tasks.enter() {
		return
	}
	defer x.transport.tasks.running.Done()
	x.mu.Lock()
	missing, gone := x.missing, x.gone
	x.missing, x.gone = make(map[string]names), make(map[string]names)
	x.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.Background(), houseLimit)
	defer cancel()
	x.write(ctx, missing)
	x.sweep(ctx, gone)

	x.mu.Lock()
	defer x.mu.Unlock()
	x.timer = nil
	x.schedule()
}

// byIndex yields keys by the index that has them, as many as fit into a call.
func (x *index) byIndex(set map[string]names) iter.Seq2[string, []names] {
	groups := make(map[string][]names)
	for _, n := range set {
		index := x.layout.index(n.slot)
		groups[index] = append(groups[index], n)
	}
	return func(yield func(string, []names) bool) {
		for index, all := range groups {
			for some := range slices.Chunk(all, maxCallKeys) {
				if !yield(index, some) {
					return
				}
			}
		}
	}
}

// write puts keys into their indices, and keeps what failed for the next round.
func (x *index) write(ctx context.Context, missing map[string]names) {
	var calls []*call
	var groups [][]names
	for index, some := range x.byIndex(missing) {
		args := []any{"zadd", index}
		for _, n := range some {
			args = append(args, 0, n.key)
		}
		calls = append(calls, newCommand(entryCost*len(some), args...))
		groups = append(groups, some)
	}
	x.transport.do(ctx, calls...)
	x.mu.Lock()
	defer x.mu.Unlock()
	for i, c := range calls {
		if _, err := c.reply(); err != nil {
			for _, n := range groups[i] {
				x.missing[n.key] = n
			}
		}
	}
}

// sweep takes out keys without a record. What fails is left to the next List.
func (x *index) sweep(ctx context.Context, gone map[string]names) {
	var calls []*call
	for index, some := range x.byIndex(gone) {
		calls = append(calls, x.drop(index, some))
	}
	x.transport.do(ctx, calls...)
}

// drop is a call that takes those of some keys out of their index that have no record.
func (x *index) drop(index string, some []names) *call {
	args := make([]any, 0, 4+len(some))
	args = append(args, "evalsha", dropScript.hash, 1+len(some), index)
	for _, n := range some {
		args = append(args, n.key)
	}
	return newCall(dropScript, plainCall, entryCost*len(some), args)
}

// close ends the housekeeping after a last round.
func (x *index) close() {
	x.mu.Lock()
	x.closed = true
	timer := x.timer
	x.mu.Unlock()
	if timer != nil && timer.Stop() {
		x.keepHouse()
	}
}
