package redisstore

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// index keeps the names of keys where List looks for them. An entry is written beside its
// record and not by the same script, so that trouble with one is none of the other. After a
// crash between the two an entry can be missing for a ttl, until a renewal of the record has it
// written again; the entry of a record that has gone stays until housekeeping or a List finds it: a
// round looks at the records that its own store has deleted, and at a page of the entries of all
// stores; see walk.
type index struct {
	layout    layout
	transport *transport
	began     time.Time

	mu      sync.Mutex
	missing map[string]struct{}    // keys whose entry is to be written again
	gone    map[string]struct{}    // keys whose entry is to go if there is no record
	renewed string                 // a key whose record was renewed since the last round; "" for none
	spare   [2]map[string]struct{} // empty ones for missing and gone of the next round, if there are any
	timer   *time.Timer            // of the next round of housekeeping; nil if none is due
	running bool                   // a round is; it starts the timer of the next
	refused bool                   // the last round could not write all entries: the next has no hurry
	closed  bool

	// Where the next walk begins, and not before when. Rounds alone, which never overlap, use
	// them.
	slot     int
	from     string // as in a cursor; "" before the first walk
	walkFrom time.Time
}

const (
	houseTime  = time.Second     // between rounds of housekeeping, at the least
	houseLimit = 5 * time.Second // for one
	houseItems = 1 << 12         // beyond which a round comes at once
	entryCost  = 128

	walkPage  = maxCallKeys      // entries of an index that a round looks at
	walkSlots = 128              // indices of a Cluster that it looks at
	walkMost  = 1000             // and their entries, beyond which it looks at no further index
	walkPause = 30 * time.Second // until the next walk, after one that found few entries to take out
)

func newIndex(l layout, t *transport) *index {
	return &index{
		layout: l, transport: t, began: time.Now(),
		missing: make(map[string]struct{}), gone: make(map[string]struct{}),
		spare: [2]map[string]struct{}{make(map[string]struct{}), make(map[string]struct{})},
	}
}

// addLater has the entry of a key written by the next round, and again until that works.
func (x *index) addLater(key string) { x.note(&x.missing, key) }

// sweepLater has the next round take a key out that has no record any more.
func (x *index) sweepLater(key string) { x.note(&x.gone, key) }

func (x *index) note(set *map[string]struct{}, key string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.closed {
		delete(x.missing, key) // there is no entry to write if it is gone
		(*set)[key] = struct{}{}
		x.schedule()
	}
}

// schedule starts the timer of the next round, if one is due.
func (x *index) schedule() {
	switch n := len(x.missing) + len(x.gone); {
	case n == 0 && x.renewed == "" || x.closed || x.running:
	case x.timer == nil && n >= houseItems && !x.refused:
		x.timer = time.AfterFunc(0, x.keepHouse)
	case x.timer == nil:
		x.timer = time.AfterFunc(houseTime, x.keepHouse)
	case n == houseItems && !x.refused:
		x.timer.Reset(0)
	}
}

// refresh has a round follow renewals that began at a time, and write the entries again that are
// due: an index can have lost them with a server's data.
func (x *index) refresh(batch []store.Renewal, results []store.RenewResult, began time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return
	}
	for i, r := range batch {
		if results[i].Err != nil {
			continue
		}
		x.renewed = r.Key
		if entryDue(began.Sub(x.began), results[i].Until.Sub(began), r.Token) {
			x.missing[r.Key] = struct{}{}
		}
		x.schedule()
	}
}

// entryDue reports whether a renewal at a time has the entry of its key written again. Those in half a
// ttl have, then those in three tenths of one have not. So the next such renewal comes within a ttl
// of the last, if the pauses between two are as a keeper's: at most half a ttl, and each at most a tenth
// shorter than the longest. The token spreads the keys over time.
func entryDue(at, ttl time.Duration, t store.Token) bool {
	const parts = 1 << 10
	ttl = min(ttl, store.Forever/2) // so that the sum has room
	round := ttl / 10 * 8
	return (at%round+round/parts*time.Duration(t%parts))%round < ttl/2
}

// keepHouse is a round.
func (x *index) keepHouse() {
	if !x.transport.tasks.enter() {
		return
	}
	defer x.transport.tasks.running.Done()
	x.mu.Lock()
	if x.running { // the timer was set once more while it fired
		x.mu.Unlock()
		return
	}
	x.running = true
	missing, gone, renewed := x.missing, x.gone, x.renewed
	x.missing, x.gone, x.renewed = x.spare[0], x.spare[1], ""
	x.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.Background(), houseLimit)
	defer cancel()
	x.write(ctx, missing)
	x.sweep(ctx, gone)
	x.walk(ctx, renewed)

	x.mu.Lock()
	defer x.mu.Unlock()
	x.spare = [2]map[string]struct{}{emptied(missing), emptied(gone)}
	x.timer, x.running = nil, false
	x.schedule()
}

// emptied returns an empty set: the given one, whose room is used again, unless it is large.
func emptied(set map[string]struct{}) map[string]struct{} {
	if len(set) > 4*houseItems {
		return make(map[string]struct{})
	}
	clear(set)
	return set
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
		for i := range some {
			args = append(args, 0, &some[i]) // a pointer is an argument without an allocation
		}
		calls = append(calls, newCommand(entryCost*len(some), "zadd", index, args...))
		groups = append(groups, some)
	}
	x.transport.do(ctx, calls...)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.refused = false
	for i, c := range calls {
		if _, err := c.reply(); err != nil {
			x.refused = true
			for _, key := range groups[i] {
				if _, gone := x.gone[key]; !gone {
					x.missing[key] = struct{}{}
				}
			}
		}
	}
}

// walk looks at the next page of entries of all stores and takes out the keys without a record:
// leases that expired leave such entries. The next round goes on if a quarter of the page was
// such; else there is a pause. The first walk begins at a key that the store renewed, so that the
// stores of many processes do not all look at the same entries.
func (x *index) walk(ctx context.Context, renewed string) {
	if time.Now().Before(x.walkFrom) {
		return
	}
	if x.from == "" && renewed != "" {
		x.slot, x.from = slotOf(renewed), "["+renewed
	}
	calls := make([]*call, 1)
	if x.layout.slotted {
		calls = make([]*call, walkSlots)
	}
	from := cmp.Or(x.from, "-")
	for i := range calls {
		calls[i] = new(call).readyRange(x.layout.index((x.slot+i)%slots), pageWithin(from, "+", walkPage), walkPage)
		from = "-"
	}
	x.transport.do(ctx, calls...)
	var looks []*call
	seen, dropped := 0, 0
	first := x.slot
	for i, c := range calls {
		keys, _ := c.page() // nil if the server has too much to do, or the slot moves
		seen += len(keys)
		index := x.layout.index((first + i) % slots)
		if len(keys) > 0 {
			looks = append(looks, x.drop(index, keys))
		}
		x.slot, x.from = (first+i+1)%slots, "-"
		if len(keys) == walkPage {
			x.slot, x.from = (first+i)%slots, "("+keys[walkPage-1]
			break
		}
		if seen >= walkMost {
			break
		}
	}
	x.transport.do(ctx, looks...)
	for _, look := range looks {
		answer, _ := look.reply()
		n, _ := answer.(int64)
		dropped += int(n)
	}
	if dropped == 0 || dropped*4 < seen {
		x.walkFrom = time.Now().Add(walkPause)
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
	for i := range some {
		keys = append(keys, &some[i])
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
