package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/store"
)

// told is what a store has told an attempt that waits.
type told struct {
	mu     sync.Mutex
	grants []store.Grant
	over   bool      // nothing more may be told
	fault  string    // something was
	soon   bool      // the store has to tell
	latest time.Time // the latest until that a grant may have
}

// handed is what the store calls when a delete has begun the lease of the attempt.
func (t *told) handed(g store.Grant) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		t.fault = fmt.Sprintf("token %d after the claim was granted, withdrawn or deleted", g.Token)
	}
	t.grants = append(t.grants, g)
}

// expect notes whether the store may tell the attempt of a lease.
func (t *told) expect(may bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over && may {
		t.grants = nil
	}
	t.over = !may
}

// await waits until the attempt was told of its lease or may not be any more.
func (t *told) await(patience time.Duration) (grants []store.Grant, over bool, fault string) {
	for late := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		t.mu.Lock()
		grants, over, fault = t.grants, t.over, t.fault
		t.mu.Unlock()
		if len(grants) > 0 || over || !time.Now().Before(late) {
			return grants, over, fault
		}
	}
}

// createNext sends a claim that waits for its key, for the first time or again. The key of another lease
// is more likely.
func (p *programme) createNext(rt *rapid.T) {
	if waiting := p.waiting(); len(waiting) > 0 && rapid.Bool().Draw(rt, "again") {
		p.send(call{verb: "create next", attempt: rapid.SampledFrom(waiting).Draw(rt, "attempt")})
		return
	}
	key := p.drawKey(rt)
	if len(p.attempts) > 0 && rapid.Bool().Draw(rt, "of another lease") {
		key = p.drawAttempt(rt).key
	}
	a := p.newAttempt(rt, key)
	a.waits = true
	p.send(call{verb: "create next", attempt: a})
}

func (p *programme) withdraw(rt *rapid.T) {
	waiting := p.waiting()
	if len(waiting) == 0 {
		rt.Skip("no claim to withdraw")
	}
	a := rapid.SampledFrom(waiting).Draw(rt, "attempt")
	a.withdrawn = true
	p.send(call{verb: "withdraw", attempt: a, ref: store.ByNonce(a.claim.Nonce)})
}

// waiting returns those of the recent attempts that wait for their keys, or may.
func (p *programme) waiting() []*attempt {
	recent := slices.Clone(p.attempts[max(0, len(p.attempts)-6):])
	return slices.DeleteFunc(recent, func(a *attempt) bool { return !a.waits || a.withdrawn })
}

// watched names a watch of a key by a store or its peer.
type watched struct {
	key  string
	peer bool
}

// watchKey begins to watch a key, to the end of the programme: only then has the store to tell claims
// that they have got it.
func (p *programme) watchKey(rt *rapid.T) {
	w := watched{p.drawKey(rt), p.Peer != nil && rapid.Bool().Draw(rt, "by the peer")}
	if p.watches[w] != nil {
		rt.Skip("watched already")
	}
	by := call{attempt: &attempt{peer: w.peer}}
	p.logf("go func() { for range %s.WatchKey(ctx, %q) {} }()", by.via(), withoutPrefix(w.key))
	ctx, cancel := context.WithCancel(p.test.Context())
	first, ended := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(ended)
		for e, err := range p.storeOf(by).WatchKey(ctx, w.key) {
			if err != nil || e.Kind == store.EventSynced {
				select {
				case first <- err:
				default: // the watch went on
				}
			}
		}
	}()
	p.watches[w] = func() { cancel(); <-ended }
	var err error
	if p.timed(func() error {
		select {
		case err = <-first:
		case <-time.After(slack):
			err = context.DeadlineExceeded
		}
		return err
	}) && err != nil {
		p.mismatch("a watch of a key", err, nil)
	}
}

func (p *programme) endWatches() {
	for _, end := range p.watches {
		end()
	}
}

// handedOver notes that the store has to tell the attempt that got a key just now, if it did, and the key
// was watched.
func (p *programme) handedOver(key string) {
	e := p.model.live(p.now, key)
	for _, a := range p.attempts {
		if e != nil && e.token == 0 && e.nonce == a.claim.Nonce {
			a.soon = p.watches[watched{key, a.peer && p.Peer != nil}] != nil
		}
	}
}

// learn takes the token of a lease that was handed over.
func (p *programme) learn(e *entry, r store.Record) {
	p.Helper()
	for _, a := range p.attempts {
		if a.claim.Nonce == e.nonce {
			a.token = r.Token
			p.logf("r, err = st.Get(ctx, %q)\n\ttoken[%d] = r.Token", withoutPrefix(r.Key), a.number)
		}
	}
	if !p.model.granted(r.Key, r.Token) {
		p.mismatch("the token of a lease that was handed over", r.Token, "a larger one than every token before")
	}
}

// wantTold checks what the store has told attempts that wait.
func (p *programme) wantTold() {
	p.Helper()
	for _, a := range p.attempts {
		if !a.waits {
			continue
		}
		patience := time.Duration(0)
		if e := p.model.live(p.now, a.key); e != nil && e.nonce == a.claim.Nonce && a.soon {
			patience = time.Minute // the law on successors checks punctuality
		}
		grants, over, fault := a.await(patience)
		switch {
		case fault != "":
			p.mismatch("what a claim is told", fault, "nothing")
		case len(grants) > 1:
			p.mismatch("what a claim is told", fmt.Sprint(len(grants), " times of its lease"), "once")
		case len(grants) == 0 && patience > 0 && !over:
			p.mismatch("what a claim is told", "nothing", "of its lease")
		case len(grants) == 0:
		case grants[0].Token != a.token && (a.token != 0 || !p.model.ended[a.claim.Nonce]):
			p.mismatch("the token that a claim is told", grants[0].Token, a.token)
		case grants[0].Until.After(a.latest) || a.latest.Sub(grants[0].Until) > p.tolerance():
			p.mismatch("until of a lease that was handed over", grants[0].Until.Sub(a.latest), "its TTL after the last call of its claim")
		}
	}
}
