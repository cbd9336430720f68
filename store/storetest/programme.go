package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/store"
)

const modelLaw = "any programme of calls by several processes, with calls that are repeated and late, has the answers of a map with a clock and leaves the same records"

// checkProgrammes runs random programmes.
func checkProgrammes(t *testing.T, h Harness) {
	completed, stopped := 0, 0
	var first sync.Once
	h.property(t, h.Programmes, func(t *testing.T, f Fixture, rt *rapid.T, prefix string) {
		p := h.programme(t, f, rt, prefix)
		p.first = &first
		if p.run(); p.tooSlow {
			stopped++
		} else {
			completed++
		}
	})
	t.Logf("%d programmes ran to their end; the machine was too slow for %d", completed, stopped)
	switch {
	case completed > 0 || t.Failed():
	case h.last:
		t.Error("the machine or the store is too slow: no programme ran to its end")
	default:
		panic(inconclusive("no programme ran to its end"))
	}
}

// programme is the run of one random programme.
type programme struct {
	*rapid.T
	Fixture
	test     *testing.T
	first    *sync.Once // for the first mismatch of any programme
	exact    bool       // time passes only when the programme sleeps
	caps     store.Capabilities
	ttl      time.Duration
	prefix   string // of all keys of the programme
	model    *model
	now      time.Time // when the call that is being compared returned
	attempts []*attempt
	calls    []call             // every call so far, to be repeated
	log      []string           // the programme so far, as Go
	foreign  int                // number of values that the outsider put
	watches  map[watched]func() // end the watches of single keys
	tooSlow  bool               // a call took so long that the expected state is unknown
}

// attempt is one attempt to create, and the lease that it began.
type attempt struct {
	number    int
	key       string
	peer      bool // the peer makes the calls
	claim     store.Claim
	waits     bool        // its claim may be next
	withdrawn bool        // so that it must not be sent again
	ttls      int         // its TTL, in multiples of the programme's
	token     store.Token // zero until the create succeeded
	writes    uint64      // number of values written

	told
}

// GoString returns a name for rapid's log.
func (a *attempt) GoString() string { return fmt.Sprint("create ", a.number) }

// programme returns a programme that has not run. In real time its TTL is shorter than
// that of the cases, because a programme spends its time waiting.
func (h Harness) programme(t *testing.T, f Fixture, rt *rapid.T, prefix string) *programme {
	caps, ttl := store.CapabilitiesOf(f.Store), h.TTL
	if !h.Virtual {
		ttl = max(h.TTL/2, caps.MinTTL, store.MinTTL)
	}
	return &programme{
		T: rt, Fixture: f, test: t, exact: h.Virtual, caps: caps,
		ttl: ttl, prefix: prefix, model: newModel(), now: time.Now(), watches: make(map[watched]func()),
	}
}

func (p *programme) run() {
	defer p.endWatches()
	actions := map[string]func(*rapid.T){
		"create": p.create, "renew": p.renewBatch, "update": p.update, "delete": p.delete,
		"get": p.getUnusedKey, "list": p.list, "watch": p.watch,
		"repeat": p.repeat, "cancelled": p.cancelled, "sleep": p.sleep, "": p.wantModel,
	}
	if _, succeeds := p.Store.(store.Successor); succeeds {
		actions["create next"], actions["withdraw"], actions["watch key"] = p.createNext, p.withdraw, p.watchKey
	}
	if p.Outsider != nil {
		actions["outsider puts"] = p.outsiderPuts
		actions["outsider deletes"] = p.outsiderDeletes
	}
	if p.Outsider != nil && p.Outsider.Overwrite != nil {
		actions["outsider overwrites"] = p.outsiderOverwrites
	}
	for name, action := range actions {
		actions[name] = func(rt *rapid.T) {
			if !p.tooSlow {
				action(rt)
			}
		}
	}
	p.Repeat(actions)

	// Foreign values may have no expiry.
	for key, e := range p.model.records {
		if e.foreign {
			p.Outsider.Delete(key)
		}
	}
}

// mismatch fails the programme. Its panic value must be the same in every run, because
// rapid compares it to find the shortest programme.
func (p *programme) mismatch(what string, got, want any) {
	p.Helper()
	listing := fmt.Sprintf(`

	ctx, ttl := context.Background(), time.Duration(%d) // %v
	var st, peer store.Store // on the same data, which is fresh
	var grant store.Grant
	var next bool
	var r store.Record
	var answers []store.RenewResult
	var err error
	token := make(map[int]store.Token)

	%s

%s: got %v, want %v`, p.ttl, p.ttl, strings.Join(p.log, "\n\t"), what, got, want)
	if p.Logf("%s", listing); !p.exact { // on a server the mismatch may not happen again
		p.first.Do(func() { p.test.Log("first mismatch:", listing) })
	}
	panic(difference(what + " differs from the model\n\tbreaks the law: " + modelLaw))
}

func (p *programme) logf(format string, args ...any) {
	p.log = append(p.log, fmt.Sprintf(format, args...))
}

func (p *programme) drawKey(rt *rapid.T) string {
	return p.prefix + rapid.SampledFrom([]string{"a", "ab", "b"}).Draw(rt, "key")
}

// drawAttempt returns an attempt that succeeded. Attempts with a live lease are more
// likely.
func (p *programme) drawAttempt(rt *rapid.T) *attempt {
	var granted []*attempt
	for _, a := range p.attempts {
		if a.token == 0 {
			continue
		}
		granted = append(granted, a)
		if e := p.model.live(p.now, a.key); e != nil && e.token == a.token {
			granted = append(granted, a, a)
		}
	}
	if len(granted) == 0 {
		rt.Skip("no lease yet")
	}
	return rapid.SampledFrom(granted).Draw(rt, "lease")
}

// send makes a call on the store and on the model, and compares the answers.
func (p *programme) send(c call) {
	var got answer
	if c.verb == "create next" {
		c.attempt.expect(true)
	}
	if !p.timed(func() error {
		got = c.sendTo(p.test.Context(), p.storeOf(c))
		return errors.Join(got.errs...)
	}) {
		return
	}
	p.calls = append(p.calls, c)
	first := c.creates() && c.attempt.token == 0 && got.errs[0] == nil
	p.logf("%s", c.code(first))
	want, next := c.applyTo(p.model, p.now)
	if got.next != next {
		p.mismatch("whether a claim is next", got.next, next)
	}
	if next {
		c.attempt.latest = p.now.Add(c.attempt.claim.TTL)
	}
	for i, err := range got.errs {
		if fault, condition := conditionOf(err); condition != want[i] || fault != "" {
			p.mismatch("the error of a "+c.verb, fmt.Sprint(err, " ", fault), want[i])
		}
		if held, ok := errors.AsType[*store.HeldError](err); ok {
			p.wantSame("the record of a HeldError", held.Record, held.Record.Key)
		} else if foreign, ok := errors.AsType[*store.ForeignError](err); ok {
			p.wantSame("the record of a ForeignError", foreign.Record, foreign.Record.Key)
		}
		if len(got.untils) > 0 && err == nil {
			key := c.holder().key
			if c.verb == "renew" {
				key = c.writes[i].Key
			}
			p.model.records[key].until = got.untils[i]
		}
	}
	if !c.creates() && c.attempt != nil {
		p.handedOver(c.attempt.key)
	}
	if c.settles() || c.verb == "create next" && got.errs[0] == nil {
		c.attempt.expect(false)
	}
	if c.creates() && got.errs[0] == nil {
		c.attempt.token = got.token
		if !p.model.granted(c.attempt.key, got.token) {
			p.mismatch("the token", got.token, "that of the first answer, or a larger one than every token before")
		}
	}
}

// storeOf returns the store of the process that makes the call.
func (p *programme) storeOf(c call) store.Store {
	if c.holder().peer && p.Peer != nil {
		return p.Peer
	}
	return p.Store
}

// wantSame compares a record with the model's.
func (p *programme) wantSame(what string, r store.Record, key string) {
	p.Helper()
	e := p.model.live(p.now, key)
	if e == nil {
		p.mismatch(what, describe(r), "no record")
	}
	if e.token == 0 && !e.foreign {
		p.learn(e, r)
	}
	if r.Key != key || string(r.Value) != e.value || r.Token != e.token || r.Foreign() != e.foreign {
		p.mismatch(what, describe(r), fmt.Sprintf("value %q, token %d, foreign %v", e.value, e.token, e.foreign))
	}
	left := store.Forever
	if !e.deadline.IsZero() {
		left = e.deadline.Sub(p.now)
	}
	tolerance := p.caps.Precision + p.tolerance()
	if p.caps.GroupExpiry {
		tolerance = 2 * p.ttl
	}
	if (r.Left - left).Abs() > tolerance {
		p.mismatch("the time left of "+what, r.Left, left)
	}
}

// tolerance is how far what the model knows of a time may be off.
func (p *programme) tolerance() time.Duration {
	if p.exact {
		return 0
	}
	return p.margin()
}

// wantModel compares every key with the model, as the store and the outsider see it.
// It runs after each action.
func (p *programme) wantModel(*rapid.T) {
	for _, key := range []string{p.prefix + "a", p.prefix + "ab", p.prefix + "b"} {
		var r store.Record
		var err error
		if !p.timed(func() error { r, err = p.Store.Get(p.test.Context(), key); return err }) {
			return
		}
		e := p.model.live(p.now, key)
		switch {
		case err == nil:
			p.wantSame("the stored record", r, key)
		case e != nil || !errors.Is(err, store.ErrNotFound):
			p.mismatch("the stored record", err, e)
		}
		if p.Outsider == nil {
			continue
		}

		var value []byte
		var left time.Duration
		if !p.timed(func() error { value, left = p.Outsider.Get(key); return nil }) {
			return
		}
		e = p.model.live(p.now, key)
		switch {
		case e == nil && left != 0:
			p.mismatch("the value that the outsider reads", fmt.Sprintf("%q", value), "no value")
		case e == nil:
		case string(value) != e.value || (left == store.Forever) != e.deadline.IsZero() || left == 0:
			p.mismatch("the value that the outsider reads", fmt.Sprintf("%q, %s", value, store.Left(left)), fmt.Sprintf("%q", e.value))
		}
	}
	p.wantTold()
}

// wantAll compares records with all records of the model under a prefix. Foreign
// records may be missing.
func (p *programme) wantAll(what, prefix string, records map[string]store.Record) {
	for key, r := range records {
		if !strings.HasPrefix(key, prefix) {
			p.mismatch(what, key, "keys under "+prefix)
		}
		p.wantSame("a record of "+what, r, key)
	}
	for key := range p.model.records {
		e := p.model.live(p.now, key)
		if _, ok := records[key]; !ok && e != nil && !e.foreign && strings.HasPrefix(key, prefix) {
			p.mismatch(what, "no record", e.value)
		}
	}
}

// margin is the time that a call may take in real time before the programme stops.
func (p *programme) margin() time.Duration { return p.ttl / 5 }

// timed makes one call at a time when the model knows which records have expired. It
// returns false, and the programme stops, if the call took so long that this is no
// longer so, or if the server had no time to answer.
func (p *programme) timed(call func() error) bool {
	began := p.awaitExpiries()
	err := call()
	p.now = time.Now()
	p.tooSlow = p.tooSlow || !p.exact && (p.now.Sub(began) > p.margin() || unanswered(err))
	return !p.tooSlow
}

// awaitExpiries waits until every record that is about to expire is gone from the store, and
// returns a time at which none was. The machine may stand still after it. In exact virtual time
// there is nothing to wait for.
func (p *programme) awaitExpiries() (at time.Time) {
	for waited := true; waited; {
		at = time.Now()
		waited = p.awaitExpiriesAt(at)
	}
	return at
}

// awaitExpiriesAt waits for the records that are about to expire at a time, and reports whether
// there were any.
func (p *programme) awaitExpiriesAt(at time.Time) (waited bool) {
	if p.exact && p.caps.Precision == 0 && !p.caps.GroupExpiry {
		return false
	}
	for key, e := range p.model.records {
		earliest := e.deadline.Add(-p.margin())
		if !e.until.IsZero() && e.until.Before(earliest) { // counted from an earlier renew of its group
			earliest = e.until
		}
		if e.deadline.IsZero() || earliest.Sub(at) > p.margin() {
			continue
		}
		waited = true

		latest := e.deadline.Add(p.caps.Precision + slack)
		if p.caps.GroupExpiry {
			latest = latest.Add(2 * p.ttl)
		}
		if !p.exact {
			latest = latest.Add(time.Minute) // the law on expiry checks punctuality
		}
		for gone := false; !gone; {
			if !time.Now().Before(latest) {
				p.mismatch("the record after its TTL", "a record", "no record")
			}
			_, err := p.Store.Get(p.test.Context(), key)
			gone = errors.Is(err, store.ErrNotFound) && !time.Now().Before(e.deadline.Add(-p.margin()))
			if !gone {
				time.Sleep(p.ttl / 100)
			}
		}
		p.model.end(key)
	}
	for key, w := range p.model.next {
		if w.deadline.Sub(at) <= 2*p.margin() {
			waited = true
			time.Sleep(time.Until(w.deadline.Add(p.caps.Precision)))
			delete(p.model.next, key)
		}
	}
	return waited
}
