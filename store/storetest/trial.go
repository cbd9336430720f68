package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

const (
	// long is the ttl of records that are not to expire within a case.
	long = time.Hour
	// slack is how late a record may go in real time.
	slack = 2 * time.Second
)

// trial is one run of one case on a store of its own.
type trial struct {
	*testing.T
	Fixture
	law     string
	virtual bool
	last    bool // if it proves nothing, none does
	caps    store.Capabilities
	ttl     time.Duration        // of records that are to expire within the case
	relied  map[string]time.Time // see rely; nil before the first
}

func (h Harness) trial(t *testing.T, law string) *trial {
	f := h.Open(t)
	return &trial{T: t, Fixture: f, law: law, virtual: h.Virtual, last: h.last, caps: store.CapabilitiesOf(f.Store), ttl: h.TTL}
}

// peer is the store of another process, if the fixture has one.
func (c *trial) peer() store.Store {
	if c.Peer != nil {
		return c.Peer
	}
	return c.Store
}

// term is a term that a case began.
type term struct {
	store.Claim
	store.Grant
	latest time.Time // when the record is gone, but for precision and slack
}

func (t term) beat() store.Renewal { return store.Renewal{Key: t.Key, Token: t.Token} }

func (t term) write(seq uint64, value string) store.Renewal {
	return store.Renewal{Key: t.Key, Token: t.Token, Seq: seq, Value: []byte(value)}
}

func (t term) update(seq uint64, value string) store.Update {
	return store.Update{Key: t.Key, Token: t.Token, Seq: seq, Value: []byte(value)}
}

func claim(key string, ttl time.Duration) store.Claim {
	return store.Claim{Key: key, Value: []byte("first"), TTL: ttl, Nonce: store.NewNonce()}
}

// hold begins a term that does not expire within the case.
func (c *trial) hold(key string) term {
	c.Helper()
	return c.create(claim(key, long))
}

// brief begins a term that expires within the case unless it is renewed.
func (c *trial) brief(key string) term {
	c.Helper()
	return c.create(claim(key, c.ttl))
}

func (c *trial) create(claim store.Claim) term {
	c.Helper()
	c.rely(claim.Key, time.Now().Add(claim.TTL))
	grant, err := c.Store.Create(c.Context(), claim)
	if err != nil {
		c.broke("create of %q, which is free: %v", claim.Key, err)
	}
	c.rely(claim.Key, grant.Until)
	return term{claim, grant, time.Now().Add(claim.TTL)}
}

func (c *trial) renew(w store.Renewal) store.RenewResult {
	c.Helper()
	answers := c.Store.Renew(c.Context(), []store.Renewal{w})
	if len(answers) != 1 {
		c.broke("renew of a batch of one has %d answers", len(answers))
	}
	if answers[0].Err == nil {
		c.rely(w.Key, answers[0].Until)
	}
	return answers[0]
}

// keep renews a term that is to be there.
func (c *trial) keep(t *term) {
	c.Helper()
	r := c.renew(t.beat())
	if r.Err != nil {
		c.broke("renew of %q by its holder: %v", t.Key, r.Err)
	}
	t.Until, t.latest = r.Until, time.Now().Add(t.TTL)
}

func (c *trial) update(u store.Update) {
	c.Helper()
	if err := c.Store.Update(c.Context(), u); err != nil {
		c.broke("update of %q by its holder: %v", u.Key, err)
	}
}

func (c *trial) remove(key string, t store.LeaseRef) {
	c.Helper()
	if err := c.Store.Delete(c.Context(), key, t); err != nil {
		c.broke("delete of %q: %v", key, err)
	}
}

// get returns a record that is to be there.
func (c *trial) get(key string) store.Record {
	c.Helper()
	r, err := c.Store.Get(c.Context(), key)
	if err != nil {
		c.broke("get of %q, which has a record: %v", key, err)
	}
	return r
}

// list returns what List yields, by key.
func (c *trial) list(prefix string) map[string]store.Record {
	c.Helper()
	all, err := collect(c.Store.List(c.Context(), prefix))
	if err != nil {
		c.broke("list of %q: %v", prefix, err)
	}
	return all
}

// wantRecord checks what is under a key.
func (c *trial) wantRecord(what, key, value string, token store.Token) {
	c.Helper()
	r := c.get(key)
	if r.Key != key || string(r.Value) != value || r.Token != token {
		c.broke("%s: %q holds %s, want value %q and token %d", what, key, show(r), value, token)
	}
}

// wantNone checks that there is no record under a key, and nothing beneath it.
func (c *trial) wantNone(what, key string) {
	c.Helper()
	if r, err := c.Store.Get(c.Context(), key); err == nil {
		c.broke("%s: %q holds %s, want nothing", what, key, show(r))
	} else {
		c.want(what+": get", err, store.ErrNotFound)
	}
	if c.Outsider == nil {
		return
	}
	if value, left := c.Outsider.Get(key); left != 0 {
		c.broke("%s: beneath the store %q holds %.32q (%s), want nothing", what, key, value, store.Left(left))
	}
}

// want checks that err wraps one condition, and which.
func (c *trial) want(what string, err, condition error) {
	c.Helper()
	fault, got := conditionOf(err)
	if fault != "" {
		c.broke("%s: %v: the error %s", what, err, fault)
	}
	if got != condition {
		c.broke("%s: got %v, want %s", what, err, fmt.Sprint(condition)) // which is no fact
	}
}

var conditions = []error{
	store.ErrHeld, store.ErrLost, store.ErrForeign, store.ErrUnavailable, store.ErrInDoubt,
	store.ErrNotFound, store.ErrEnded, store.ErrStale, store.ErrClosed, store.ErrInvalid,
}

// conditionOf returns what is wrong with err as an error of a store, and the
// condition that it wraps, nil for nil.
func conditionOf(err error) (fault string, condition error) {
	for _, one := range conditions {
		switch {
		case !errors.Is(err, one):
		case condition != nil:
			return fmt.Sprintf("wraps both %q and %q", condition, one), condition
		default:
			condition = one
		}
	}
	if err != nil && condition == nil {
		return "wraps none of the package's conditions", nil
	}
	return typeFault(err, condition), condition
}

// typeFault says what is wrong with the type of an error.
func typeFault(err, condition error) string {
	ok := true
	switch condition {
	case store.ErrHeld:
		_, ok = errors.AsType[*store.HeldError](err)
	case store.ErrForeign:
		_, ok = errors.AsType[*store.ForeignError](err)
	case store.ErrInvalid:
		_, ok = errors.AsType[*store.InvalidError](err)
	}
	if !ok {
		return fmt.Sprintf("is %q without being of the type that has the facts", condition)
	}
	return ""
}

// changesNothing checks that what is under key, its time left included, is the
// same after act.
func (c *trial) changesNothing(what, key string, act func()) {
	c.Helper()
	before := c.get(key)
	act()
	after := c.get(key)
	if after.Token != before.Token || !bytes.Equal(after.Value, before.Value) {
		c.broke("%s made %s of %s", what, show(after), show(before))
	}
	if after.Left > before.Left+c.caps.Precision {
		c.broke("%s moved the expiry of %q: it had %v left and has %v now", what, key, before.Left, after.Left)
	}
}

// expire lets time pass until a record that nobody renews is gone. In virtual
// time it does not touch the record, so that the next verb is the first to meet
// what has expired.
func (c *trial) expire(t term) {
	c.Helper()
	c.awaits(t)
	if c.virtual {
		time.Sleep(time.Until(t.latest.Add(c.caps.Precision)))
		return
	}
	for {
		asked := time.Now()
		if _, err := c.Store.Get(c.Context(), t.Key); err != nil {
			c.want("get of a record until it expires", err, store.ErrNotFound)
			return
		}
		if asked.After(t.latest.Add(c.caps.Precision + c.patience())) {
			c.broke("%q is still there %v after its ttl", t.Key, asked.Sub(t.latest))
		}
		time.Sleep(c.ttl / 100)
	}
}

// patience is how long a case waits for what has to come, e.g. for a watch to tell
// what has happened. In real time nothing takes that long unless it is broken.
func (c *trial) patience() time.Duration {
	if c.virtual {
		return c.ttl / 10
	}
	return time.Minute
}

// eventually waits until ok, for as long as patience.
func eventually(patience time.Duration, ok func() bool) bool {
	for end := time.Now().Add(patience); ; time.Sleep(min(patience/2000, 5*time.Millisecond)) {
		if ok() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// show says what a record is, in short.
func show(r store.Record) string {
	return fmt.Sprintf("value %.32q, token %d, %s", r.Value, r.Token, store.Left(r.Left))
}

// same reports whether two records are, but for the time left.
func same(a, b store.Record) bool {
	return a.Key == b.Key && a.Token == b.Token && slices.Equal(a.Value, b.Value)
}
