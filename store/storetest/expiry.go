package storetest

import (
	"errors"
	"slices"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

var expiryLaw = law{
	name: "ExpiryIsOnTime",
	text: "a record expires no later than its TTL after the last renew, plus the declared precision, and never before its TTL by the store's clock",
	cases: []lawcase{
		{name: "AfterCreate", run: func(c *trial) {
			c.wantExpiry(c.holdShort("key"))
		}},
		{name: "AfterRenew", run: func(c *trial) {
			t := c.holdShort("key")
			time.Sleep(c.ttl / 2)
			c.heartbeat(&t)
			c.wantExpiry(t)
		}},
		{name: "AfterRenewWithAValue", run: func(c *trial) {
			t := c.holdShort("key")
			time.Sleep(c.ttl / 2)
			r := c.renew(t.renewalWith(1, "second"))
			if r.Err != nil {
				c.failf("renew with a value by the holder: %v", r.Err)
			}
			t.Until, t.latest = r.Until, time.Now().Add(c.ttl)
			c.wantExpiry(t)
		}},
		{name: "AfterRenewsForLongerThanTheTTL", run: func(c *trial) {
			t := c.holdShort("key")
			for range 6 {
				time.Sleep(c.ttl / 3)
				c.heartbeat(&t)
			}
			c.wantExpiry(t)
		}},
		{name: "UpdateDoesNotMoveIt", run: func(c *trial) {
			t := c.holdShort("key")
			time.Sleep(c.ttl / 2)
			c.update(t.update(1, "second"))
			c.update(t.update(2, "third, and a little longer"))
			c.wantExpiry(t)
		}},
		{name: "ARefusedWriteDoesNotMoveIt", run: func(c *trial) {
			t := c.holdShort("key")
			c.update(t.update(5, "fifth"))
			time.Sleep(c.ttl / 2)
			c.want("renew with an older value", c.renew(t.renewalWith(4, "fourth")).Err, store.ErrStale)
			stale := t
			stale.Token++
			c.want("renew with a token that was not granted", c.renew(stale.renewal()).Err, store.ErrLost)
			_, err := c.Store.Create(c.Context(), claim("key", long))
			c.want("create by another", err, store.ErrHeld)
			c.wantExpiry(t)
		}},
		{name: "TheLongerTTLIsKept", run: func(c *trial) {
			short, longer := c.holdShort("short"), c.create(claim("longer", 2*c.ttl))
			c.expire(short)
			if time.Now().Before(longer.Until) && !c.caps.GroupExpiry {
				c.wantRecord("when a shorter TTL has passed", "longer", "first", longer.Token)
			}
			c.wantExpiry(longer)
		}},
		{name: "AllVerbsAgreeThatItHasExpired", run: func(c *trial) {
			gone := make([]lease, 5)
			for i, key := range []string{"get", "list", "create", "delete", "renew"} {
				gone[i] = c.holdShort(key)
			}
			c.expire(gone[4])
			for _, t := range gone[:4] {
				if !c.virtual {
					c.expire(t)
				}
			}
			if all := c.list(""); len(all) > 0 {
				c.failf("List yielded %d records that have expired", len(all))
			}
			_, err := c.Store.Get(c.Context(), "get")
			c.want("get of an expired record", err, store.ErrNotFound)
			c.delete("delete", store.ByToken(gone[3].Token))
			c.want("renew of an expired record", c.renew(gone[4].renewal()).Err, store.ErrLost)
			c.hold("create")
		}},
		// 300 records are enough for a backend that removes expired records in the course
		// of other calls.
		{name: "ManyTogether", run: func(c *trial) {
			var leases []lease
			for _, key := range keys("expiring/", 300) {
				leases = append(leases, c.holdShort(key))
			}
			last := leases[len(leases)-1]
			c.expire(last)
			stay := keys("staying/", 300)
			for _, key := range stay {
				c.hold(key)
			}
			for _, t := range leases {
				if !c.virtual {
					c.expire(t)
				}
				c.want("get of an expired record", c.getErr(t.Key), store.ErrNotFound)
			}
			if got := sorted(c.list("")); !slices.Equal(got, stay) {
				c.failf("of 300 live and 300 expired records List yielded %d, want the live ones", len(got))
			}
		}},
	},
}

// wantExpiry waits until the record is gone and checks the time of its expiry.
func (c *trial) wantExpiry(t lease) {
	c.Helper()
	c.outlive(t)
	latest := t.latest.Add(c.caps.Precision)
	for {
		asked := time.Now()
		r, err := c.Store.Get(c.Context(), t.Key)
		answered := time.Now()
		switch {
		case err == nil:
			c.wantLeft(r, t, asked, answered)
			if c.virtual && !asked.Before(latest) || !c.virtual && asked.After(latest.Add(slack)) {
				c.latef("%q still exists %v after its latest expiry", t.Key, asked.Sub(latest))
			}
		case !errors.Is(err, store.ErrNotFound):
			c.failf("get of %q until it expires: %v", t.Key, err)
		default:
			if early := t.Until.Sub(answered); early > 0 {
				c.failf("%q was gone %v before its TTL had passed", t.Key, early)
			}
			return
		}
		// In virtual time check at the last nanosecond before the earliest expiry, at the
		// expiry, and in small steps after it.
		left := time.Until(t.Until)
		switch {
		case !c.virtual:
			time.Sleep(c.ttl / 100)
		case left > 1:
			time.Sleep(left - 1)
		default:
			time.Sleep(max(1, c.caps.Precision/100))
		}
	}
}

// wantLeft checks the time left of a record that was requested at asked and received at
// answered.
func (c *trial) wantLeft(r store.Record, t lease, asked, answered time.Time) {
	c.Helper()
	if end := asked.Add(r.Left); end.After(t.latest.Add(c.caps.Precision)) {
		c.failf("%q reports %v left, %v too long", t.Key, r.Left, end.Sub(t.latest))
	}
	if end := answered.Add(r.Left + c.caps.Precision); end.Before(t.Until) {
		c.failf("%q reports %v left, %v too short", t.Key, r.Left, t.Until.Sub(end))
	}
}

func (c *trial) getErr(key string) error {
	_, err := c.Store.Get(c.Context(), key)
	return err
}
