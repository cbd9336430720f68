package redisstore

import (
	"context"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// index keeps the names of keys where List looks for them. An entry is written beside its
// record and not by the same script, so that trouble with one is none of the other. After a
// crash between the two an entry can be missing until the record is renewed; the entry of a
// record that has gone stays until housekeeping or a List finds it.
type index struct {
	layout    layout
	transport *transport

	mu      sync.Mutex
	missing map[string]struct{} // keys whose entry is to be written again
	gone    map[string]struct{} // keys whose entry is to go if there is no record
	timer   *time.Timer         // of the next round of housekeeping; nil if none is due
	closed  bool
}

const (
	houseTime  = time.Second     // between rounds of housekeeping, at the least
	houseLimit = 5 * time.Second // for one
	houseItems = 1 << 12         // beyond which a round comes at once
	entryCost  = 128
)

func newIndex(l layout, t *transport) *index {
	return &index{layout: l, transport: t, missing: make(map[string]struct{}), gone: make(map[string]struct{})}
}

// addLater has the entry of a key written by the next round, and again until that works.
func (x *index) addLater(key string) { x.note(&x.missing, key) }

// sweepLater has the next round take a key out that has no record any more.
func (x *index) sweepLater(key string) { x.note(&x.gone, key) }

func (x *index) note(set *map[string]struct{}, key string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.closed {
		(*set)[key] = struct{}{}
		x.schedule()
	}
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
func (x *index) refresh(batch []store.Renewal, results []store.RenewResult) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i, r := range batch {
		if !x.closed && results[i].Err == nil {
			x.missing[r.Key] = struct{}{}
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
	x.missing, x.gone = make(map[string]struct{}), make(map[string]struct{})
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
func (x *index) byIndex(set map[string]struct{}) iter.Seq2[string, []string] {
	groups := make(map[string][]string)
	for key := range set {
		index := x.layout.indexOf(key)
		groups[index] = append(groups[index], key)
	}
	return func(yield func(string, []string) bool) {
		for index, all := range groups {
			for some := range slices.Chunk(all, maxCallKeys) {
				if !yield(index, some) {
					return
				}
			}
		}
	}
}

// write puts keys into their indices, and keeps the keys of failed calls for the next round.
func (x *index) write(ctx context.Context, missing map[string]struct{}) {
	var calls []*call
	var groups [][]string
	for index, some := range x.byIndex(missing) {
		args := make([]any, 0, 2*len(some))
		for _, key := range some {
			args = append(args, 0, key)
		}
		calls = append(calls, newCommand(entryCost*len(some), "zadd", index, args...))
		groups = append(groups, some)
	}
	x.transport.do(ctx, calls...)
	x.mu.Lock()
	defer x.mu.Unlock()
	for i, c := range calls {
		if _, err := c.reply(); err != nil {
			for _, key := range groups[i] {
				x.missing[key] = struct{}{}
			}
		}
	}
}

// sweep takes out keys without a record. An entry that stays is left to the next List.
func (x *index) sweep(ctx context.Context, gone map[string]struct{}) {
	var calls []*call
	for index, some := range x.byIndex(gone) {
		calls = append(calls, x.drop(index, some))
	}
	x.transport.do(ctx, calls...)
}

// drop is a call that takes keys without a record out of their index.
func (x *index) drop(index string, some []string) *call {
	keys := make([]any, 0, 1+len(some))
	keys = append(keys, index)
	for _, key := range some {
		keys = append(keys, key)
	}
	return newScriptCall(dropScript, entryCost*len(some), keys)
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
