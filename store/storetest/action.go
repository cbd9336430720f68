package storetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/store"
)

func (p *programme) begin(rt *rapid.T) {
	n := len(p.tries) + 1
	key := p.drawKey(rt)
	ttls := rapid.IntRange(1, 2).Draw(rt, "ttls")
	t := &try{number: n, key: key, peer: n%2 == 0, ttls: ttls, claim: store.Claim{
		Key: key, Value: fmt.Appendf(nil, "try %d", n), TTL: p.ttl * time.Duration(ttls), Nonce: store.NewNonce(),
	}}
	p.tries = append(p.tries, t)
	p.send(call{verb: "create", try: t})
}

// drawWrite returns a write with the next value of a term, or without one.
func (p *programme) drawWrite(rt *rapid.T, value bool) (*try, store.Renewal) {
	t := p.drawTry(rt)
	w := store.Renewal{Key: t.key, Token: t.token}
	if value {
		t.writes++
		w.Seq, w.Value = t.writes, fmt.Appendf(nil, "try %d value %d", t.number, t.writes)
	}
	return t, w
}

func (p *programme) renewSome(rt *rapid.T) {
	c := call{verb: "renew"}
	seen := make(map[string]bool)
	for range rapid.IntRange(1, 3).Draw(rt, "batch") {
		t, w := p.drawWrite(rt, rapid.Bool().Draw(rt, "with a value"))
		if !seen[t.key] {
			c.tries, c.writes = append(c.tries, t), append(c.writes, w)
		}
		seen[t.key] = true
	}
	p.send(c)
}

func (p *programme) updateOne(rt *rapid.T) {
	t, w := p.drawWrite(rt, true)
	p.send(call{verb: "update", tries: []*try{t}, writes: []store.Renewal{w}})
}

func (p *programme) deleteOne(rt *rapid.T) {
	if len(p.tries) > 0 && rapid.Bool().Draw(rt, "by nonce") {
		recent := p.tries[max(0, len(p.tries)-6):]
		t := rapid.SampledFrom(recent).Draw(rt, "try")
		p.send(call{verb: "delete", try: t, term: store.ByNonce(t.claim.Nonce)})
		return
	}
	t := p.drawTry(rt)
	p.send(call{verb: "delete", try: t, term: store.ByToken(t.token)})
}

// again sends a call that was sent before, like a client that lost the reply or a
// network that kept the request for a while. A create is not kept for long: a
// store remembers only so many that have ended.
func (p *programme) again(rt *rapid.T) {
	const oldest = 8 // terms
	var some []call
	for _, c := range p.calls {
		if c.verb != "create" || c.try.number > len(p.tries)-oldest {
			some = append(some, c)
		}
	}
	if len(some) == 0 {
		rt.Skip("nothing was sent yet")
	}
	p.send(rapid.SampledFrom(some).Draw(rt, "call"))
}

// cancelled sends a call whose context has ended: it changes nothing.
func (p *programme) cancelled(rt *rapid.T) {
	if len(p.calls) == 0 {
		rt.Skip("nothing was sent yet")
	}
	ctx, cancel := context.WithCancel(p.test.Context())
	cancel()
	c := rapid.SampledFrom(p.calls).Draw(rt, "call")
	p.wrote("// with a context that has ended: %s", c)
	for _, err := range c.sendTo(ctx, p.storeOf(c)).errs {
		if fault, got := conditionOf(err); fault != "" || got != store.ErrUnavailable && got != store.ErrInDoubt {
			p.differ("the error of a "+c.verb+" whose context has ended", err, store.ErrUnavailable)
		}
	}
}

func (p *programme) getOne(rt *rapid.T) {
	key := p.drawKey(rt) + "nobody's"
	p.wrote("_, err = st.Get(ctx, %q)", bare(key))
	if _, err := p.Store.Get(p.test.Context(), key); !errors.Is(err, store.ErrNotFound) {
		p.differ("get of a key that never was", err, store.ErrNotFound)
	}
}

func (p *programme) listAll(rt *rapid.T) {
	prefix := p.prefix + rapid.SampledFrom([]string{"", "a", "ab", "abc", "b"}).Draw(rt, "prefix")
	p.wrote("for r, err := range st.List(ctx, %q) {}", bare(prefix))
	var listed map[string]store.Record
	var err error
	if !p.ask(func() error { listed, err = collect(p.Store.List(p.test.Context(), prefix)); return err }) {
		return
	}
	if err != nil {
		p.differ("a list", err, nil)
	}
	p.wantAll("a list", prefix, listed)
}

func (p *programme) watchAll(rt *rapid.T) {
	prefix := p.prefix + rapid.SampledFrom([]string{"", "a", "ab"}).Draw(rt, "prefix")
	p.wrote("for e, err := range st.Watch(ctx, %q) { /* until it is synced */ }", bare(prefix))
	told := view{prefix: prefix, records: make(map[string]store.Record)}
	ctx, cancel := context.WithTimeout(p.test.Context(), slack)
	defer cancel()
	inTime := p.ask(func() error {
		for e, err := range p.Store.Watch(ctx, prefix) {
			if told.apply(e, err); told.synced > 0 {
				break
			}
		}
		return told.err
	})
	if !inTime {
		return
	}
	if told.fault != "" || told.err != nil {
		p.differ("a watch", fmt.Sprint(told.err, told.fault), nil)
	}
	p.wantAll("a watch", prefix, told.records)
}

func (p *programme) outsiderPuts(rt *rapid.T) {
	key := p.drawKey(rt)
	ttl := rapid.SampledFrom([]time.Duration{p.ttl, store.Forever}).Draw(rt, "ttl")
	p.foreign++
	value := fmt.Sprintf("foreign %d", p.foreign)
	p.ask(func() error { p.Outsider.Put(key, []byte(value), ttl); return nil })
	p.model.put(p.now, key, value, ttl)
	p.wrote("// another program puts %q under %q (%s)", value, bare(key), store.Left(ttl))
}

func (p *programme) outsiderOverwrites(rt *rapid.T) {
	key := p.drawKey(rt)
	value := fmt.Sprintf("foreign %d", p.foreign+1)
	var there bool
	p.ask(func() error {
		if there = p.model.live(time.Now(), key) != nil; there {
			p.Outsider.Overwrite(key, []byte(value))
		}
		return nil
	})
	if !there {
		rt.Skip("nothing to overwrite")
	}
	p.foreign++
	p.model.put(p.now, key, value, 0)
	p.wrote("// another program overwrites %q with %q and keeps its expiry", bare(key), value)
}

func (p *programme) outsiderDeletes(rt *rapid.T) {
	key := p.drawKey(rt)
	p.ask(func() error { p.Outsider.Delete(key); return nil })
	p.model.live(p.now, key)
	p.model.end(key)
	p.wrote("// another program deletes %q", bare(key))
}

func (p *programme) pass(rt *rapid.T) {
	tenths := rapid.SampledFrom([]time.Duration{1, 3, 5, 9, 10, 15, 20}).Draw(rt, "tenths of a ttl")
	p.wrote("time.Sleep(%d * ttl / 10)", tenths)
	time.Sleep(tenths * p.ttl / 10)
}
