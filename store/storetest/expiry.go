package storetest

import (
	"errors"
	"slices"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

var expiryLaw = law{
	name: "ExpiryIsOnTime",
	text: "a record is gone no later than its ttl after the last renew, plus the declared precision, and never before its ttl by the store's clock",
	cases: []lawcase{
		{name: "AfterCreate", run: func(c *trial) {
			c.wantExpiry(c.brief("key"))
		}},
		{name: "AfterRenew", run: func(c *trial) {
			t := c.brief("key")
			time.Sleep(c.ttl / 2)
			c.keep(&t)
			c.wantExpiry(t)
		}},
		{name: "AfterRenewWithAValue", run: func(c *trial) {
			t := c.brief("key")
			time.Sleep(c.ttl / 2)
			r := c.renew(t.write(1, "second"))
			if r.Err != nil {
				c.broke("renew with a value by the holder: %v", r.Err)
			}
			t.Until, t.latest = r.Until, time.Now().Add(c.ttl)
			c.wantExpiry(t)
		}},
		{name: "AfterRenewsForLongerThanTheTTL", run: func(c *trial) {
			t := c.brief("key")
			for range 6 {
				time.Sleep(c.ttl / 3)
				c.keep(&t)
			}
			c.wantExpiry(t)
		}},
		{name: "UpdateDoesNotMoveIt", run: func(c *trial) {
			t := c.brief("key")
			time.Sleep(c.ttl / 2)
			c.update(t.update(1, "second"))
			c.update(t.update(2, "third, and a little longer"))
			c.wantExpiry(t)
		}},
		{name: "ARefusedWriteDoesNotMoveIt", run: func(c *trial) {
			t := c.brief("key")
			c.update(t.update(5, "fifth"))
			time.Sleep(c.ttl / 2)
			c.want("renew with an old value", c.renew(t.write(4, "fourth")).Err, store.ErrStale)
			stale := t
			stale.Token++
			c.want("renew with another's token", c.renew(stale.beat()).Err, store.ErrLost)
			_, err := c.Store.Create(c.Context(), claim("key", long))
			c.want("create by another", err, store.ErrHeld)
			c.wantExpiry(t)
		}},
		{name: "TheLongerOfTwoStays", run: func(c *trial) {
			short, longer := c.brief("short"), c.create(claim("longer", 2*c.ttl))
			c.expire(short)
			if time.Now().Before(longer.Until) && !c.caps.GroupExpiry {
				c.wantRecord("when a shorter ttl has passed", "longer", "first", longer.Token)
			}
			c.wantExpiry(longer)
		}},
		{name: "AllVerbsAgreeThatItIsGone", run: func(c *trial) {
			gone := make([]term, 5)
			for i, key := range []string{"get", "list", "create", "delete", "renew"} {
				gone[i] = c.brief(key)
			}
			c.expire(gone[4])
			for _, t := range gone[:4] {
				if !c.virtual {
					c.expire(t)
				}
			}
			if all := c.list(""); len(all) > 0 {
				c.broke("list yields %d records that have expired", len(all))
			}
			_, err := c.Store.Get(c.Context(), "get")
			c.want("get of what has expired", err, store.ErrNotFound)
			c.remove("delete", store.ByToken(gone[3].Token))
			c.want("renew of what has expired", c.renew(gone[4].beat()).Err, store.ErrLost)
			c.hold("create")
		}},
		// manyExpire begins enough terms for a backend that clears up by the way to do so.
		{name: "ManyAtOnce", run: func(c *trial) {
			var terms []term
			for _, key := range keys("expiring/", 300) {
				terms = append(terms, c.brief(key))
			}
			last := terms[len(terms)-1]
			c.expire(last)
			stay := keys("staying/", 300)
			for _, key := range stay {
				c.hold(key)
			}
			for _, t := range terms {
				if !c.virtual {
					c.expire(t)
				}
				c.want("get of one that has expired", c.getErr(t.Key), store.ErrNotFound)
			}
			if got := sorted(c.list("")); !slices.Equal(got, stay) {
				c.broke("of 300 records that stay and 300 that have expired list yields %d", len(got))
			}
		}},
	},
}

// wantExpiry waits until the record is gone and checks when that was.
func (c *trial) wantExpiry(t term) {
	c.Helper()
	c.awaits(t)
	latest := t.latest.Add(c.caps.Precision)
	for {
		asked := time.Now()
		r, err := c.Store.Get(c.Context(), t.Key)
		answered := time.Now()
		switch {
		case err == nil:
			c.wantLeft(r, t, asked, answered)
			if c.overdue(asked, latest) {
				c.late("%q is still there %v after it had to be gone", t.Key, asked.Sub(latest))
			}
		case !errors.Is(err, store.ErrNotFound):
			c.broke("get of %q until it expires: %v", t.Key, err)
		default:
			if early := t.Until.Sub(answered); early > 0 {
				c.broke("%q was gone %v before its ttl had passed", t.Key, early)
			}
			return
		}
		c.approach(t.Until)
	}
}

func (c *trial) overdue(now, latest time.Time) bool {
	if c.virtual {
		return !now.Before(latest)
	}
	return now.After(latest.Add(slack))
}

// wantLeft checks the time left of a record that was asked for and answered at
// these instants.
func (c *trial) wantLeft(r store.Record, t term, asked, answered time.Time) {
	c.Helper()
	if end := asked.Add(r.Left); end.After(t.latest.Add(c.caps.Precision)) {
		c.broke("%q says it has %v left, %v too long", t.Key, r.Left, end.Sub(t.latest))
	}
	if end := answered.Add(r.Left + c.caps.Precision); end.Before(t.Until) {
		c.broke("%q says it has %v left, %v too short", t.Key, r.Left, t.Until.Sub(end))
	}
}

// approach lets time pass: in virtual time to the last nanosecond before until,
// then to until, then in small steps.
func (c *trial) approach(until time.Time) {
	left := time.Until(until)
	switch {
	case !c.virtual:
		time.Sleep(c.ttl / 100)
	case left > 1:
		time.Sleep(left - 1)
	default:
		time.Sleep(max(1, c.caps.Precision/100))
	}
}

func (c *trial) getErr(key string) error {
	_, err := c.Store.Get(c.Context(), key)
	return err
}
