package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

const (
	// long is the TTL of records that must not expire within a case.
	long = time.Hour
	// slack is the longest delay of an expiry in real time.
	slack = 2 * time.Second
)

// trial is one run of a case on its own store.
type trial struct {
	*testing.T
	Fixture
	law     string
	virtual bool
	last    bool // no further try follows
	caps    store.Capabilities
	ttl     time.Duration        // TTL of records that expire within the case
	needed  map[string]time.Time // see dependOn; nil before the first record
}

func (h Harness) trial(t *testing.T, law string) *trial {
	f := h.Open(t)
	return &trial{T: t, Fixture: f, law: law, virtual: h.Virtual, last: h.last, caps: store.CapabilitiesOf(f.Store), ttl: h.TTL}
}

// peer returns the store of another process, if the fixture has one.
func (c *trial) peer() store.Store {
	if c.Peer != nil {
		return c.Peer
	}
	return c.Store
}

// lease is a lease that a case began.
type lease struct {
	store.Claim
	store.Grant
	latest time.Time // latest expiry, without precision and slack
}

func (t lease) renewal() store.Renewal { return store.Renewal{Key: t.Key, Token: t.Token} }

func (t lease) renewalWith(seq uint64, value string) store.Renewal {
	return store.Renewal{Key: t.Key, Token: t.Token, Seq: seq, Value: []byte(value)}
}

func (t lease) update(seq uint64, value string) store.Update {
	return store.Update{Key: t.Key, Token: t.Token, Seq: seq, Value: []byte(value)}
}

func claim(key string, ttl time.Duration) store.Claim {
	return store.Claim{Key: key, Value: []byte("first"), TTL: ttl, Nonce: store.NewNonce()}
}

// hold begins a lease that does not expire within the case.
func (c *trial) hold(key string) lease {
	c.Helper()
	return c.create(claim(key, long))
}

// holdShort begins a lease that expires within the case unless it is renewed.
func (c *trial) holdShort(key string) lease {
	c.Helper()
	return c.create(claim(key, c.ttl))
}

func (c *trial) create(claim store.Claim) lease {
	c.Helper()
	c.dependOn(claim.Key, time.Now().Add(claim.TTL))
	grant, err := c.Store.Create(c.Context(), claim)
	if err != nil {
		c.failf("create of the free key %q: %v", claim.Key, err)
	}
	c.dependOn(claim.Key, grant.Until)
	return lease{claim, grant, time.Now().Add(claim.TTL)}
}

func (c *trial) renew(w store.Renewal) store.RenewResult {
	c.Helper()
	answers := c.Store.Renew(c.Context(), []store.Renewal{w})
	if len(answers) != 1 {
		c.failf("Renew of a batch of one item returned %d results", len(answers))
	}
	if answers[0].Err == nil {
		c.dependOn(w.Key, answers[0].Until)
	}
	return answers[0]
}

// heartbeat renews a live lease without a value.
func (c *trial) heartbeat(t *lease) {
	c.Helper()
	r := c.renew(t.renewal())
	if r.Err != nil {
		c.failf("renew of %q by its holder: %v", t.Key, r.Err)
	}
	t.Until, t.latest = r.Until, time.Now().Add(t.TTL)
}

func (c *trial) update(u store.Update) {
	c.Helper()
	if err := c.Store.Update(c.Context(), u); err != nil {
		c.failf("update of %q by its holder: %v", u.Key, err)
	}
}

func (c *trial) delete(key string, t store.LeaseRef) {
	c.Helper()
	if err := c.Store.Delete(c.Context(), key, t); err != nil {
		c.failf("delete of %q: %v", key, err)
	}
}

// get returns the live record under a key.
func (c *trial) get(key string) store.Record {
	c.Helper()
	r, err := c.Store.Get(c.Context(), key)
	if err != nil {
		c.failf("get of %q, which has a live record: %v", key, err)
	}
	return r
}

// list returns the records that List yields, by key.
func (c *trial) list(prefix string) map[string]store.Record {
	c.Helper()
	all, err := collect(c.Store.List(c.Context(), prefix))
	if err != nil {
		c.failf("List of %q: %v", prefix, err)
	}
	return all
}

// wantRecord checks the record under a key.
func (c *trial) wantRecord(what, key, value string, token store.Token) {
	c.Helper()
	r := c.get(key)
	if r.Key != key || string(r.Value) != value || r.Token != token {
		c.failf("%s: %q holds %s, want value %q and token %d", what, key, describe(r), value, token)
	}
}

// wantNone checks that there is no record under a key, also as the outsider reads it.
func (c *trial) wantNone(what, key string) {
	c.Helper()
	if r, err := c.Store.Get(c.Context(), key); err == nil {
		c.failf("%s: %q holds %s, want no record", what, key, describe(r))
	} else {
		c.want(what+": get", err, store.ErrNotFound)
	}
	if c.Outsider == nil {
		return
	}
	if value, left := c.Outsider.Get(key); left != 0 {
		c.failf("%s: the outsider reads %q as %.32q (%s), want no value", what, key, value, store.Left(left))
	}
}

// want checks that err wraps the given condition and no other.
func (c *trial) want(what string, err, condition error) {
	c.Helper()
	fault, got := conditionOf(err)
	if fault != "" {
		c.failf("%s: %v: the error %s", what, err, fault)
	}
	if got != condition {
		c.failf("%s: got %v, want %s", what, err, fmt.Sprint(condition)) // as a string: failf looks at errors
	}
}

var conditions = []error{
	store.ErrHeld, store.ErrLost, store.ErrForeign, store.ErrUnavailable, store.ErrInDoubt,
	store.ErrNotFound, store.ErrEnded, store.ErrStale, store.ErrFull, store.ErrExpired, store.ErrClosed, store.ErrInvalid,
}

// conditionOf returns a fault of err as an error of package store, or "", and the
// condition that err wraps, nil for nil.
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
		return "wraps none of the conditions of package store", nil
	}
	typed := true
	switch condition {
	case store.ErrHeld:
		_, typed = errors.AsType[*store.HeldError](err)
	case store.ErrForeign:
		_, typed = errors.AsType[*store.ForeignError](err)
	case store.ErrInvalid:
		_, typed = errors.AsType[*store.InvalidError](err)
	}
	if !typed {
		return fmt.Sprintf("wraps %q and is not of the condition's type", condition), condition
	}
	return "", condition
}

// changesNothing checks that act changes neither the record under key nor its expiry.
func (c *trial) changesNothing(what, key string, act func()) {
	c.Helper()
	before := c.get(key)
	act()
	after := c.get(key)
	if after.Token != before.Token || !bytes.Equal(after.Value, before.Value) {
		c.failf("%s: the record is now %s, was %s, want no change", what, describe(after), describe(before))
	}
	if after.Left > before.Left+c.caps.Precision {
		c.failf("%s moved the expiry of %q: it had %v left and has %v now", what, key, before.Left, after.Left)
	}
}

// expire waits until a record is gone. In virtual time it does not read the record, so
// that the case's next call is the first to meet an expired record.
func (c *trial) expire(t lease) {
	c.Helper()
	c.outlive(t)
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
		if asked.After(t.latest.Add(c.caps.Precision + c.timeout())) {
			c.failf("%q still exists %v after its TTL", t.Key, asked.Sub(t.latest))
		}
		time.Sleep(c.ttl / 100)
	}
}

// timeout is the time within which an expected event must happen. In real time a store
// that needs a minute is broken.
func (c *trial) timeout() time.Duration {
	if c.virtual {
		return c.ttl / 10
	}
	return time.Minute
}

// eventually waits until ok returns true, or returns false after the timeout.
func eventually(timeout time.Duration, ok func() bool) bool {
	for end := time.Now().Add(timeout); ; time.Sleep(min(timeout/2000, 5*time.Millisecond)) {
		if ok() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// describe returns a short description of a record.
func describe(r store.Record) string {
	return fmt.Sprintf("value %.32q, token %d, %s", r.Value, r.Token, store.Left(r.Left))
}
