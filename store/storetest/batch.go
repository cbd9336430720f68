package storetest

import (
	"fmt"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

var batchLaw = law{
	name: "ABatchIsTheUnit",
	text: "the answers of a renew are in the order of the batch, as many as there are writes; none fails another",
	cases: []lawcase{
		{name: "Empty", run: func(c *trial) {
			c.hold("key")
			for _, batch := range [][]store.Renewal{nil, {}} {
				if answers := c.Store.Renew(c.Context(), batch); len(answers) != 0 {
					c.broke("an empty batch has %d answers", len(answers))
				}
			}
		}},
		{name: "Mixed", run: func(c *trial) {
			ok, old, gone, last := c.hold("ok"), c.hold("old"), c.hold("gone"), c.hold("last")
			c.update(old.update(5, "fifth"))
			removeTerm(c, gone)
			answers := c.Store.Renew(c.Context(), []store.Renewal{
				gone.write(1, "new"), ok.beat(), {Key: "", Token: 1}, old.write(4, "fourth"),
				{Key: "ok"}, {Key: "never", Token: 7}, last.write(1, "new"),
			})
			want := []error{store.ErrLost, nil, store.ErrInvalid, store.ErrStale, store.ErrInvalid, store.ErrLost, nil}
			if len(answers) != len(want) {
				c.broke("a batch of %d has %d answers", len(want), len(answers))
			}
			for i, a := range answers {
				c.want(fmt.Sprintf("item %d of a batch", i), a.Err, want[i])
				if a.Until.IsZero() != (a.Err != nil) {
					c.broke("item %d of a batch: until %v with error %v", i, a.Until, a.Err)
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
					removeTerm(c, t)
				}
				batch = append(batch, t.write(1, "value of "+key))
			}
			answers := c.Store.Renew(c.Context(), batch)
			if len(answers) != len(batch) {
				c.broke("a batch of %d has %d answers", len(batch), len(answers))
			}
			listed := c.list("key/")
			for i, key := range names {
				if i%7 == 3 {
					c.want("an item of a large batch", answers[i].Err, store.ErrLost)
					continue
				}
				if r := listed[key]; answers[i].Err != nil || string(r.Value) != "value of "+key {
					c.broke("item %d of a large batch: %v, the record is %s", i, answers[i].Err, show(r))
				}
			}
		}},
		{name: "OnlyThoseOfTheBatch", run: func(c *trial) {
			in, out := c.brief("in"), c.brief("out")
			time.Sleep(c.ttl / 2)
			c.keep(&in)
			if !c.caps.GroupExpiry {
				c.wantExpiry(out)
			}
			c.wantExpiry(in)
		}},
		{name: "TheCallersSliceIsLeftAlone", run: func(c *trial) {
			a, b := c.hold("a"), c.hold("b")
			batch := []store.Renewal{b.write(1, "one"), {}, a.beat()}
			before := fmt.Sprintf("%+v", batch)
			c.Store.Renew(c.Context(), batch)
			if after := fmt.Sprintf("%+v", batch); after != before {
				c.broke("the caller's batch was %s and is %s", before, after)
			}
		}},
	},
}
