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

const modelLaw = "any programme of calls, by any number of owners, with calls that come again and late, has the answers and leaves the records that a map and a clock would"

// checkProgrammes runs random programmes.
func checkProgrammes(t *testing.T, h Harness) {
	whole, cutShort := 0, 0
	var first sync.Once
	h.property(t, h.Programmes, func(t *testing.T, f Fixture, rt *rapid.T, prefix string) {
		p := h.programme(t, f, rt, prefix)
		p.first = &first
		if p.run(); p.over {
			cutShort++
		} else {
			whole++
		}
	})
	t.Logf("%d programmes ran to their end; the machine was too slow for %d", whole, cutShort)
	switch {
	case whole > 0 || t.Failed():
	case h.last:
		t.Error("the machine is too slow, or the store: no programme ran to its end")
	default:
		panic(inconclusive("no programme ran to its end"))
	}
}

// programme is one random programme as it runs.
type programme struct {
	*rapid.T
	Fixture
	test    *testing.T
	first   *sync.Once // is for the first programme that differs
	exact   bool       // the time passes only when the programme lets it
	caps    store.Capabilities
	ttl     time.Duration
	prefix  string // of all its keys
	model   *model
	now     time.Time // after the call that is being compared
	tries   []*try
	calls   []call   // all that were sent, to be sent again
	code    []string // what was done, as Go
	foreign int      // values that another program put
	over    bool     // the machine is too slow to say what has happened
}

// try is an attempt to create, and the term that came of it.
type try struct {
	number int
	key    string
	peer   bool // its owner is the peer
	claim  store.Claim
	ttls   int         // its ttl, in those of the programme
	token  store.Token // zero while it has not succeeded
	writes uint64      // values that were written
}

// GoString is what rapid shows when one is drawn.
func (t *try) GoString() string { return fmt.Sprint("try ", t.number) }

func (h Harness) programme(t *testing.T, f Fixture, rt *rapid.T, prefix string) *programme {
	return &programme{
		T: rt, Fixture: f, test: t, exact: h.Virtual, caps: store.CapabilitiesOf(f.Store),
		ttl: h.programmeTTL(f.Store), prefix: prefix, model: newModel(), now: time.Now(),
	}
}

// programmeTTL is shorter than that of the cases in real time: a programme spends
// its time waiting.
func (h Harness) programmeTTL(st store.Store) time.Duration {
	if h.Virtual {
		return h.TTL
	}
	return max(h.TTL/2, store.CapabilitiesOf(st).MinTTL, store.MinTTL)
}

func (p *programme) run() {
	actions := map[string]func(*rapid.T){
		"create": p.begin, "renew": p.renewSome, "update": p.updateOne, "delete": p.deleteOne,
		"get": p.getOne, "list": p.listAll, "watch": p.watchAll,
		"again": p.again, "cancelled": p.cancelled, "pass": p.pass, "": p.compare,
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
			if !p.over {
				action(rt)
			}
		}
	}
	p.Repeat(actions)
	p.tidy()
}

// differ fails the programme. The message has nothing in it that changes from run
// to run, by which the shortest programme is found.
func (p *programme) differ(what string, got, want any) {
	p.Helper()
	story := fmt.Sprintf("\n%s\n\t%s\n\n%s: got %v, want %v", p.preamble(), strings.Join(p.code, "\n\t"), what, got, want)
	if p.Logf("%s", story); !p.exact { // with a server it may not happen again
		p.first.Do(func() { p.test.Log("at first:", story) })
	}
	panic(difference(what + " differs from the model\n\tbreaks the law: " + modelLaw))
}

func (p *programme) preamble() string {
	return fmt.Sprintf(`
	ctx, ttl := context.Background(), time.Duration(%d) // %v
	var st, peer store.Store // on the same data, which is fresh
	var grant store.Grant
	var answers []store.RenewResult
	var err error
	token := make(map[int]store.Token)
`, p.ttl, p.ttl)
}

func (p *programme) wrote(format string, args ...any) {
	p.code = append(p.code, fmt.Sprintf(format, args...))
}

func (p *programme) drawKey(rt *rapid.T) string {
	return p.prefix + rapid.SampledFrom([]string{"a", "ab", "b"}).Draw(rt, "key")
}

// drawTry returns one that succeeded, with the live one of its key more likely.
func (p *programme) drawTry(rt *rapid.T) *try {
	var granted []*try
	for _, t := range p.tries {
		if t.token == 0 {
			continue
		}
		granted = append(granted, t)
		if e := p.model.live(p.now, t.key); e != nil && e.token == t.token {
			granted = append(granted, t, t)
		}
	}
	if len(granted) == 0 {
		rt.Skip("no term yet")
	}
	return rapid.SampledFrom(granted).Draw(rt, "term")
}

// send sends a call to the store and to the model, and compares the answers.
func (p *programme) send(c call) {
	var got answer
	if !p.ask(func() error {
		got = c.sendTo(p.test.Context(), p.storeOf(c))
		return errors.Join(got.errs...)
	}) {
		return
	}
	p.calls = append(p.calls, c)
	first := c.verb == "create" && c.try.token == 0 && got.errs[0] == nil
	p.wrote("%s", c.code(first))
	want := c.tell(p.model, p.now)
	for i, err := range got.errs {
		if fault, condition := conditionOf(err); condition != want[i] || fault != "" {
			p.differ("the error of a "+c.verb, fmt.Sprint(err, " ", fault), want[i])
		}
		p.wantFacts(c, err)
		if len(got.untils) > 0 && err == nil {
			p.model.records[c.keyOf(i)].until = got.untils[i]
		}
	}
	if c.verb == "create" && got.errs[0] == nil {
		c.try.token = got.token
		if !p.model.granted(c.try.key, got.token) {
			p.differ("the token", got.token, "the one of the first answer, or one larger than all before")
		}
	}
}

// storeOf is the store that an owner uses: there are two processes.
func (p *programme) storeOf(c call) store.Store {
	if c.owner().peer && p.Peer != nil {
		return p.Peer
	}
	return p.Store
}

// wantFacts checks the record in an error against the model's.
func (p *programme) wantFacts(c call, err error) {
	held, _ := errors.AsType[*store.HeldError](err)
	foreign, _ := errors.AsType[*store.ForeignError](err)
	switch {
	case held != nil:
		p.wantSame("the record of a HeldError", held.Record, held.Record.Key)
	case foreign != nil:
		p.wantSame("the record of a ForeignError", foreign.Record, foreign.Record.Key)
	}
}

// wantSame checks a record against the model's.
func (p *programme) wantSame(what string, r store.Record, key string) {
	p.Helper()
	e := p.model.live(p.now, key)
	if e == nil {
		p.differ(what, show(r), "nothing")
	}
	if r.Key != key || string(r.Value) != e.value || r.Token != e.token || r.Foreign() != e.foreign {
		p.differ(what, show(r), fmt.Sprintf("value %q, token %d, foreign %v", e.value, e.token, e.foreign))
	}
	left := store.Forever
	if !e.deadline.IsZero() {
		left = e.deadline.Sub(p.now)
	}
	if off := (r.Left - left).Abs(); off > p.tolerance() {
		p.differ("the time left of "+what, r.Left, left)
	}
}

// tolerance is how far the time left may be from the model's.
func (p *programme) tolerance() time.Duration {
	switch {
	case p.caps.GroupExpiry:
		return 2 * p.ttl
	case p.exact:
		return p.caps.Precision
	}
	return p.caps.Precision + p.margin()
}

// compare is what is done after each step: what is stored is what the model has.
func (p *programme) compare(*rapid.T) {
	for _, key := range []string{"a", "ab", "b"} {
		var r store.Record
		var err error
		if !p.ask(func() error { r, err = p.Store.Get(p.test.Context(), p.prefix+key); return err }) {
			return
		}
		e := p.model.live(p.now, p.prefix+key)
		switch {
		case err == nil:
			p.wantSame("the record that is stored", r, p.prefix+key)
		case e != nil || !errors.Is(err, store.ErrNotFound):
			p.differ("the record that is stored", err, e)
		}
		p.wantBeneath(p.prefix + key)
	}
}

// wantBeneath compares what another program sees.
func (p *programme) wantBeneath(key string) {
	var value []byte
	var left time.Duration
	if p.Outsider == nil || !p.ask(func() error { value, left = p.Outsider.Get(key); return nil }) {
		return
	}
	e := p.model.live(p.now, key)
	switch {
	case e == nil && left != 0:
		p.differ("what lies beneath the store", fmt.Sprintf("%q", value), "nothing")
	case e == nil:
	case string(value) != e.value || (left == store.Forever) != e.deadline.IsZero() || left == 0:
		p.differ("what lies beneath the store", fmt.Sprintf("%q, %s", value, store.Left(left)), fmt.Sprintf("%q", e.value))
	}
}

// margin is how long a call may take in real time for the programme to go on.
func (p *programme) margin() time.Duration { return p.ttl / 5 }

// calm lets no call be made when a record may or may not have expired: it waits
// until those that are due are gone. Where time is virtual there is no doubt.
func (p *programme) calm() {
	if p.exact && p.caps.Precision == 0 && !p.caps.GroupExpiry {
		return
	}
	for key, e := range p.model.records {
		sure := e.deadline.Add(-p.margin())
		if !e.until.IsZero() && e.until.Before(sure) { // counted from an earlier renew of its group
			sure = e.until
		}
		if e.deadline.IsZero() || time.Until(sure) > p.margin() {
			continue
		}
		p.awaitEnd(key, e)
		p.model.end(key)
	}
}

func (p *programme) awaitEnd(key string, e *entry) {
	limit := e.deadline.Add(p.caps.Precision + slack)
	if p.caps.GroupExpiry {
		limit = limit.Add(2 * p.ttl)
	}
	if !p.exact {
		limit = limit.Add(time.Minute) // that it is on time is for the law on expiry
	}
	for time.Now().Before(limit) {
		if _, err := p.Store.Get(p.test.Context(), key); errors.Is(err, store.ErrNotFound) && !time.Now().Before(e.deadline.Add(-p.margin())) {
			return
		}
		time.Sleep(p.ttl / 100)
	}
	p.differ("the record after its ttl", "there", "gone")
}

// ask makes one call at a time at which it is certain what has expired. It
// reports false when the call took so long that this is no longer so, or the server
// had no time to answer; the programme then does nothing more.
func (p *programme) ask(call func() error) bool {
	p.calm()
	began := time.Now()
	err := call()
	p.now = time.Now()
	p.over = p.over || !p.exact && (p.now.Sub(began) > p.margin() || unanswered(err))
	return !p.over
}

// tidy removes what would stay for ever.
func (p *programme) tidy() {
	for key, e := range p.model.records {
		if e.foreign {
			p.Outsider.Delete(key)
		}
	}
}

// wantAll checks records against all of the model's under a prefix. Foreign ones
// may be among them or not.
func (p *programme) wantAll(what, prefix string, records map[string]store.Record) {
	for key, r := range records {
		if !strings.HasPrefix(key, prefix) {
			p.differ(what, key, "keys under "+prefix)
		}
		p.wantSame("a record of "+what, r, key)
	}
	for key := range p.model.records {
		e := p.model.live(p.now, key)
		if _, ok := records[key]; !ok && e != nil && !e.foreign && strings.HasPrefix(key, prefix) {
			p.differ(what, "nothing", e.value)
		}
	}
}
