package storetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/store"
)

func (p *programme) create(rt *rapid.T) {
	p.send(call{verb: "create", attempt: p.newAttempt(rt, p.drawKey(rt))})
}

func (p *programme) newAttempt(rt *rapid.T, key string) *attempt {
	n := len(p.attempts) + 1
	ttls := rapid.IntRange(1, 2).Draw(rt, "ttls")
	a := &attempt{number: n, key: key, peer: n%2 == 0, ttls: ttls, claim: store.Claim{
		Key: key, Value: fmt.Appendf(nil, "create %d", n), TTL: p.ttl * time.Duration(ttls), Nonce: store.NewNonce(),
	}}
	p.attempts = append(p.attempts, a)
	return a
}

// drawWrite returns a write of a lease, with its next value or without a value.
func (p *programme) drawWrite(rt *rapid.T, value bool) (*attempt, store.Renewal) {
	a := p.drawAttempt(rt)
	w := store.Renewal{Key: a.key, Token: a.token}
	if value {
		a.writes++
		w.Seq, w.Value = a.writes, fmt.Appendf(nil, "create %d value %d", a.number, a.writes)
	}
	return a, w
}

func (p *programme) renewBatch(rt *rapid.T) {
	c := call{verb: "renew"}
	seen := make(map[string]bool)
	for range rapid.IntRange(1, 3).Draw(rt, "batch") {
		a, w := p.drawWrite(rt, rapid.Bool().Draw(rt, "with a value"))
		if !seen[a.key] {
			c.attempts, c.writes = append(c.attempts, a), append(c.writes, w)
		}
		seen[a.key] = true
	}
	p.send(c)
}

func (p *programme) update(rt *rapid.T) {
	a, w := p.drawWrite(rt, true)
	p.send(call{verb: "update", attempts: []*attempt{a}, writes: []store.Renewal{w}})
}

func (p *programme) delete(rt *rapid.T) {
	if len(p.attempts) > 0 && rapid.Bool().Draw(rt, "by nonce") {
		recent := p.attempts[max(0, len(p.attempts)-6):]
		a := rapid.SampledFrom(recent).Draw(rt, "attempt")
		p.send(call{verb: "delete", attempt: a, ref: store.ByNonce(a.claim.Nonce)})
		return
	}
	a := p.drawAttempt(rt)
	p.send(call{verb: "delete", attempt: a, ref: store.ByToken(a.token)})
}

// repeat sends an earlier call again, as a client that lost the reply or a slow network
// does. It repeats only recent creates, because a store remembers a limited number of
// ended ones.
func (p *programme) repeat(rt *rapid.T) {
	const oldest = 8 // attempts
	var some []call
	for _, c := range p.calls {
		if !c.creates() || c.attempt.number > len(p.attempts)-oldest && !c.attempt.withdrawn {
			some = append(some, c)
		}
	}
	if len(some) == 0 {
		rt.Skip("no call to repeat")
	}
	p.send(rapid.SampledFrom(some).Draw(rt, "call"))
}

// cancelled sends a call with an ended context, which changes nothing.
func (p *programme) cancelled(rt *rapid.T) {
	if len(p.calls) == 0 {
		rt.Skip("no call to repeat")
	}
	ctx, cancel := context.WithCancel(p.test.Context())
	cancel()
	c := rapid.SampledFrom(p.calls).Draw(rt, "call")
	p.logf("// with a context that has ended: %s", c)
	for _, err := range c.sendTo(ctx, p.storeOf(c)).errs {
		if fault, got := conditionOf(err); fault != "" || got != store.ErrUnavailable && got != store.ErrInDoubt {
			p.mismatch("the error of a "+c.verb+" whose context has ended", err, store.ErrUnavailable)
		}
	}
}

func (p *programme) getUnusedKey(rt *rapid.T) {
	key := p.drawKey(rt) + "unused"
	p.logf("_, err = st.Get(ctx, %q)", withoutPrefix(key))
	if _, err := p.Store.Get(p.test.Context(), key); !errors.Is(err, store.ErrNotFound) {
		p.mismatch("get of an unused key", err, store.ErrNotFound)
	}
}

func (p *programme) list(rt *rapid.T) {
	prefix := p.prefix + rapid.SampledFrom([]string{"", "a", "ab", "abc", "b"}).Draw(rt, "prefix")
	p.logf("for r, err := range st.List(ctx, %q) {}", withoutPrefix(prefix))
	var listed map[string]store.Record
	var err error
	if !p.timed(func() error { listed, err = collect(p.Store.List(p.test.Context(), prefix)); return err }) {
		return
	}
	if err != nil {
		p.mismatch("a list", err, nil)
	}
	p.wantAll("a list", prefix, listed)
}

func (p *programme) watch(rt *rapid.T) {
	prefix := p.prefix + rapid.SampledFrom([]string{"", "a", "ab"}).Draw(rt, "prefix")
	p.logf("for e, err := range st.Watch(ctx, %q) { /* until EventSynced */ }", withoutPrefix(prefix))
	seen := view{prefix: prefix, records: make(map[string]store.Record)}
	ctx, cancel := context.WithTimeout(p.test.Context(), slack)
	defer cancel()
	inTime := p.timed(func() error {
		for e, err := range p.Store.Watch(ctx, prefix) {
			if seen.apply(e, err); seen.synced > 0 {
				break
			}
		}
		return seen.err
	})
	if !inTime {
		return
	}
	if seen.fault != "" || seen.err != nil {
		p.mismatch("a watch", fmt.Sprint(seen.err, seen.fault), nil)
	}
	p.wantAll("a watch", prefix, seen.records)
}

func (p *programme) outsiderPuts(rt *rapid.T) {
	key := p.drawKey(rt)
	ttl := rapid.SampledFrom([]time.Duration{p.ttl, store.Forever}).Draw(rt, "ttl")
	p.foreign++
	value := fmt.Sprintf("foreign %d", p.foreign)
	p.timed(func() error { p.Outsider.Put(key, []byte(value), ttl); return nil })
	p.model.put(p.now, key, value, ttl)
	p.logf("// another program puts %q under %q (%s)", value, withoutPrefix(key), store.Left(ttl))
}

func (p *programme) outsiderOverwrites(rt *rapid.T) {
	key := p.drawKey(rt)
	value := fmt.Sprintf("foreign %d", p.foreign+1)
	var exists bool
	p.timed(func() error {
		if exists = p.model.live(time.Now(), key) != nil; exists {
			p.Outsider.Overwrite(key, []byte(value))
		}
		return nil
	})
	if !exists {
		rt.Skip("nothing to overwrite")
	}
	p.foreign++
	p.model.put(p.now, key, value, 0)
	p.logf("// another program overwrites %q with %q and keeps its expiry", withoutPrefix(key), value)
}

func (p *programme) outsiderDeletes(rt *rapid.T) {
	key := p.drawKey(rt)
	p.timed(func() error { p.Outsider.Delete(key); return nil })
	p.model.live(p.now, key)
	p.model.end(key)
	p.logf("// another program deletes %q", withoutPrefix(key))
}

func (p *programme) sleep(rt *rapid.T) {
	tenths := rapid.SampledFrom([]time.Duration{1, 3, 5, 9, 10, 15, 20}).Draw(rt, "tenths of a ttl")
	p.logf("time.Sleep(%d * ttl / 10)", tenths)
	time.Sleep(tenths * p.ttl / 10)
}
