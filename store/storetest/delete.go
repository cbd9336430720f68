package storetest

import (
	"math"

	"github.com/leasehold-go/leasehold/store"
)

var deleteLaw = law{
	name: "DeleteEndsOneLease",
	text: "Delete returns nil once no live record of that lease exists, whoever ended it, and never touches the record of another lease",
	cases: []lawcase{
		{name: "ByToken", run: deleteLive(byToken)},
		{name: "ByNonce", run: deleteLive(byNonce)},
		{name: "OfAnotherLease", run: func(c *trial) {
			t := c.hold("key")
			c.changesNothing("a delete of another lease", "key", func() {
				c.delete("key", store.ByToken(t.Token+1))
				c.delete("key", store.ByToken(math.MaxUint64))
				c.delete("key", store.ByNonce(store.NewNonce()))
			})
			c.heartbeat(&t)
		}},
		{name: "OfAnUnusedKey", run: func(c *trial) {
			c.delete("key", store.ByToken(1))
			c.delete("key", store.ByNonce(store.NewNonce()))
			c.wantNone("after a delete of an unused key", "key")
		}},
		{name: "AfterExpiry", run: func(c *trial) {
			t := c.holdShort("key")
			c.expire(t)
			c.delete("key", byToken(t))
			c.delete("key", byNonce(t))
			c.wantNone("after a delete of an expired record", "key")
		}},
		{name: "OtherKeysStay", run: func(c *trial) {
			a, b := c.hold("a"), c.hold("ab")
			c.changesNothing("the delete of another key", "ab", func() { deleteLease(c, a) })
			c.heartbeat(&b)
		}},
	},
}

func deleteLive(by func(lease) store.LeaseRef) func(*trial) {
	return func(c *trial) {
		t := c.hold("key")
		c.delete("key", by(t))
		c.wantNone("after a delete", "key")
		if n := len(c.list("")); n != 0 {
			c.failf("after a delete List yielded %d records, want 0", n)
		}
	}
}
