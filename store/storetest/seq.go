package storetest

import (
	"fmt"
	"math"

	"github.com/leasehold-go/leasehold/store"
)

var seqLaw = law{
	name: "OlderWritesAreStale",
	text: "a write with a smaller sequence than the last one that arrived is refused with ErrStale and changes nothing; a write with the same sequence is a repeat of that write; each lease counts from 1",
	cases: []lawcase{
		{name: "AnOlderUpdate", run: func(c *trial) {
			t := c.hold("key")
			c.update(t.update(2, "second"))
			c.changesNothing("an older update", "key", func() {
				c.want("an older update", c.Store.Update(c.Context(), t.update(1, "first")), store.ErrStale)
			})
			c.update(t.update(3, "third"))
			c.wantRecord("after a newer update", "key", "third", t.Token)
		}},
		{name: "AnOlderRenew", run: func(c *trial) {
			t := c.hold("key")
			if r := c.renew(t.renewalWith(2, "second")); r.Err != nil {
				c.failf("renew with a value by the holder: %v", r.Err)
			}
			c.changesNothing("older writes", "key", func() {
				r := c.renew(t.renewalWith(1, "first"))
				c.want("an older renew", r.Err, store.ErrStale)
				if !r.Until.IsZero() {
					c.failf("an older renew was refused and returned until %v", r.Until)
				}
				c.want("an older update", c.Store.Update(c.Context(), t.update(1, "first")), store.ErrStale)
			})
		}},
		// The sequences have another order as strings, or are equal as floating-point
		// numbers.
		{name: "LargeSequences", run: func(c *trial) {
			t := c.hold("key")
			numbers := []uint64{1, 9, 10, 99, 100, 1 << 53, 1<<53 + 1, 1 << 63, math.MaxUint64 - 1, math.MaxUint64}
			for i, n := range numbers {
				value := fmt.Sprint("number ", n)
				c.update(t.update(n, value))
				c.wantRecord("after a newer update", "key", value, t.Token)
				if i > 0 {
					older := t.update(numbers[i-1], "older")
					c.want(fmt.Sprintf("sequence %d after %d", older.Seq, n), c.Store.Update(c.Context(), older), store.ErrStale)
				}
			}
		}},
		{name: "ARenewWithoutAValueHasNoSequence", run: func(c *trial) {
			t := c.hold("key")
			c.update(t.update(5, "fifth"))
			for _, seq := range []uint64{0, 1, 99} {
				if r := c.renew(store.Renewal{Key: "key", Token: t.Token, Seq: seq}); r.Err != nil {
					c.failf("renew without a value, sequence %d: %v", seq, r.Err)
				}
			}
			c.update(t.update(6, "sixth"))
			c.wantRecord("after renews without a value", "key", "sixth", t.Token)
		}},
		{name: "EachLeaseCountsFromOne", run: func(c *trial) {
			old := c.hold("key")
			c.update(old.update(100, "hundredth"))
			deleteLease(c, old)
			next := c.hold("key")
			c.update(next.update(1, "first of the next"))
			c.wantRecord("in the next lease", "key", "first of the next", next.Token)
		}},
	},
}
