package differential_test

import (
	"time"

	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/store"
)

// recent is how many claims are repeated: a store remembers only so many that have
// ended.
const recent = 8

// draft is a programme that is being drawn.
type draft struct {
	*programme
	ttls  map[int]time.Duration // by the number of the claim
	seqs  map[int]uint64        // the last of each term
	again []func()              // the last writes that were sent
}

// draw draws a programme and runs it, with another program or without.
func draw(rt *rapid.T, backends []*backend, outsider bool) *programme {
	d := &draft{newProgramme(backends), make(map[int]time.Duration), make(map[int]uint64), nil}
	defer d.end()
	rt.Repeat(d.actions(outsider))
	d.look()
	return d.programme
}

// actions are what a programme is drawn from.
func (d *draft) actions(outsider bool) map[string]func(*rapid.T) {
	actions := map[string]func(*rapid.T){
		"create": d.drawCreate, "create again": d.drawCreateAgain, "renew": d.drawRenew, "update": d.drawUpdate,
		"delete": d.drawDelete, "delete by nonce": d.drawDeleteByNonce, "again": d.drawAgain,
		"list": d.drawList, "watch": d.drawWatch, "look": func(*rapid.T) { d.look() }, "pass": d.drawPass,
	}
	if outsider {
		actions["put"] = d.drawPut
		actions["overwrite"] = func(rt *rapid.T) { d.overwrite(drawKey(rt)) }
		actions["remove"] = func(rt *rapid.T) { d.remove(drawKey(rt)) }
	}
	for name, action := range actions {
		actions[name] = func(rt *rapid.T) {
			if !d.over {
				action(rt)
			}
		}
	}
	return actions
}

func drawKey(rt *rapid.T) string { return rapid.SampledFrom(keys).Draw(rt, "key") }

// send sends a write, one in a few with little time to answer. It reports whether it
// did that.
func (d *draft) send(rt *rapid.T, write func()) (cut bool) {
	limits := []time.Duration{-1, -1, -1, -1, -1, -1, 0, 100 * time.Microsecond, time.Millisecond}
	limit := rapid.SampledFrom(limits).Draw(rt, "limit")
	if limit >= 0 {
		d.within(limit)
	}
	write()
	d.again = append(d.again, write)
	return limit >= 0
}

// sendCreate settles a claim whose create was cut short and then not granted: the
// first may come yet.
func (d *draft) sendCreate(rt *rapid.T, n int, key string) {
	cut := d.send(rt, func() { d.create(n, key, d.ttls[n]) })
	if cut && d.sides[0].tokens[n] == 0 {
		d.deleteByNonce(n, key)
	}
}

func (d *draft) drawCreate(rt *rapid.T) {
	n := len(d.ttls) + 1
	key := drawKey(rt)
	d.ttls[n] = rapid.SampledFrom([]time.Duration{long, brief}).Draw(rt, "ttl")
	if rapid.IntRange(0, 9).Draw(rt, "deleted before it comes") == 9 {
		d.deleteByNonce(n, key)
	}
	d.sendCreate(rt, n, key)
}

// drawClaim returns one that was made lately.
func (d *draft) drawClaim(rt *rapid.T) int {
	if len(d.ttls) == 0 {
		rt.Skip("no claim yet")
	}
	return len(d.ttls) - rapid.IntRange(0, min(recent, len(d.ttls))-1).Draw(rt, "claims ago")
}

// drawTerm returns a claim that was granted.
func (d *draft) drawTerm(rt *rapid.T) int {
	n := d.drawClaim(rt)
	if d.sides[0].tokens[n] == 0 {
		rt.Skip("not granted")
	}
	return n
}

func (d *draft) drawCreateAgain(rt *rapid.T) {
	n := d.drawClaim(rt)
	d.sendCreate(rt, n, d.claims[n].key)
}

// drawSeq returns the number of a new write, or that of one which was sent.
func (d *draft) drawSeq(rt *rapid.T, n int) uint64 {
	if d.seqs[n] > 0 && rapid.IntRange(0, 3).Draw(rt, "old") == 3 {
		return rapid.Uint64Range(1, d.seqs[n]).Draw(rt, "seq")
	}
	d.seqs[n]++
	return d.seqs[n]
}

func (d *draft) drawUpdate(rt *rapid.T) {
	n := d.drawTerm(rt)
	seq := d.drawSeq(rt, n)
	d.send(rt, func() { d.update(n, seq) })
}

// drawRenew draws a batch in which no key is twice. The terms in it may be of several
// owners.
func (d *draft) drawRenew(rt *rapid.T) {
	var batch []write
	seen := make(map[string]bool)
	for range rapid.IntRange(1, 3).Draw(rt, "batch") {
		w := write{term: d.drawTerm(rt)}
		if seen[d.claims[w.term].key] {
			continue
		}
		if seen[d.claims[w.term].key] = true; rapid.Bool().Draw(rt, "with a value") {
			w.seq = d.drawSeq(rt, w.term)
		}
		batch = append(batch, w)
	}
	d.send(rt, func() { d.renew(batch...) })
}

func (d *draft) drawDelete(rt *rapid.T) {
	n := d.drawTerm(rt)
	d.send(rt, func() { d.delete(n) })
}

func (d *draft) drawDeleteByNonce(rt *rapid.T) {
	n := d.drawClaim(rt)
	d.send(rt, func() { d.deleteByNonce(n, d.claims[n].key) })
}

// drawAgain sends a write that was sent before, like a network that kept it for a
// while.
func (d *draft) drawAgain(rt *rapid.T) {
	const kept = 10
	if len(d.again) == 0 {
		rt.Skip("nothing was sent yet")
	}
	d.again[len(d.again)-rapid.IntRange(1, min(kept, len(d.again))).Draw(rt, "writes ago")]()
}

func (d *draft) drawList(rt *rapid.T) {
	d.list(rapid.SampledFrom([]string{"", "a", "a*", "ab", "[a]", "b"}).Draw(rt, "prefix"))
}

func (d *draft) drawWatch(rt *rapid.T) {
	if len(d.sides[0].views) == 2 {
		rt.Skip("enough watches")
	}
	d.watch(rapid.SampledFrom([]string{"", "a*"}).Draw(rt, "prefix"))
}

// drawPass lets time pass if that makes a difference.
func (d *draft) drawPass(rt *rapid.T) {
	matters := false
	for _, key := range keys {
		left := d.sides[0].left(key)
		matters = matters || left > 0 && left <= brief
	}
	if !matters {
		rt.Skip("nothing expires")
	}
	d.pass(rapid.IntRange(1, 8).Draw(rt, "tenths of a brief ttl"))
}

func (d *draft) drawPut(rt *rapid.T) {
	key := drawKey(rt)
	d.put(key, rapid.SampledFrom([]time.Duration{store.Forever, brief}).Draw(rt, "ttl"))
}
