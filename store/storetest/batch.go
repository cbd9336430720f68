package storetest

import (
	"fmt"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

var batchLaw = law{
	name: "BatchItemsAreIndependent",
	text: "the results of Renew are in the order of the batch, one for each item; an item that fails does not fail another",
	cases: []lawcase{
		{name: "Empty", run: func(c *trial) {
			c.hold("key")
			for _, batch := range [][]store.Renewal{nil, {}} {
				if answers := c.Store.Renew(c.Context(), batch); len(answers) != 0 {
					c.failf("Renew of an empty batch returned %d results, want 0", len(answers))
				}
			}
		}},
		{name: "Mixed", run: func(c *trial) {
			ok, old, gone, last := c.hold("ok"), c.hold("old"), c.hold("gone"), c.hold("last")
			c.update(old.update(5, "fifth"))
			deleteLease(c, gone)
			answers := c.Store.Renew(c.Context(), []store.Renewal{
				gone.renewalWith(1, "new"), ok.renewal(), {Key: "", Token: 1}, old.renewalWith(4, "fourth"),
				{Key: "ok"}, {Key: "never", Token: 7}, last.renewalWith(1, "new"),
			})
			want := []error{store.ErrLost, nil, store.ErrInvalid, store.ErrStale, store.ErrInvalid, store.ErrLost, nil}
			if len(answers) != len(want) {
				c.failf("Renew of a batch of %d items returned %d results", len(want), len(answers))
			}
			for i, a := range answers {
				c.want(fmt.Sprintf("item %d of a batch", i), a.Err, want[i])
				if a.Until.IsZero() != (a.Err != nil) {
					c.failf("item %d of a batch: until %v with error %v, want exactly one of them", i, a.Until, a.Err)
				}
			}
			c.wantRecord("after a batch", "last", "new", last.Token)
			c.wantRecord("after a batch", "old", "fifth", old.Token)
			c.wantNone("after a batch", "gone")
			c.wantNone("after a batch", "never")
		}},
		{name: "Many", run: func(c *trial) {
			names := keys("key/", 400)
			var batch []store.Renewal
			for i, key := range names {
				t := c.hold(key)
				if i%7 == 3 {
					deleteLease(c, t)
				}
				batch = append(batch, t.renewalWith(1, "value of "+key))
			}
			answers := c.Store.Renew(c.Context(), batch)
			if len(answers) != len(batch) {
				c.failf("Renew of a batch of %d items returned %d results", len(batch), len(answers))
			}
			listed := c.list("key/")
			for i, key := range names {
				if i%7 == 3 {
					c.want("an item of a large batch whose lease has ended", answers[i].Err, store.ErrLost)
					continue
				}
				if r := listed[key]; answers[i].Err != nil || string(r.Value) != "value of "+key {
					c.failf("item %d of a large batch: %v; the record is %s", i, answers[i].Err, describe(r))
				}
			}
		}},
		{name: "OnlyTheItemsAreRenewed", run: func(c *trial) {
			in, out := c.holdShort("in"), c.holdShort("out")
			time.Sleep(c.ttl / 2)
			c.heartbeat(&in)
			if !c.caps.GroupExpiry {
				c.wantExpiry(out)
			}
			c.wantExpiry(in)
		}},
		{name: "TheCallersSliceIsNotChanged", run: func(c *trial) {
			a, b := c.hold("a"), c.hold("b")
			batch := []store.Renewal{b.renewalWith(1, "one"), {}, a.renewal()}
			before := fmt.Sprintf("%+v", batch)
			c.Store.Renew(c.Context(), batch)
			if after := fmt.Sprintf("%+v", batch); after != before {
				c.failf("Renew changed the caller's batch: it was %s and is %s", before, after)
			}
		}},
	},
}
