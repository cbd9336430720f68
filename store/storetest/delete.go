package storetest

import (
	"math"

	"github.com/leasehold-go/leasehold/store"
)

var deleteLaw = law{
	name: "DeleteEndsOneTerm",
	text: "delete returns nil once no live record of that term exists, whoever ended it, and never touches a record of another term",
	cases: []lawcase{
		{name: "ByToken", run: deleteLive(byToken)},
		{name: "ByNonce", run: deleteLive(byNonce)},
		{name: "OfAnother", run: func(c *trial) {
			t := c.hold("key")
			c.changesNothing("a delete of another term", "key", func() {
				c.remove("key", store.ByToken(t.Token+1))
				c.remove("key", store.ByToken(math.MaxUint64))
				c.remove("key", store.ByNonce(store.NewNonce()))
			})
			c.keep(&t)
		}},
		{name: "OfNothing", run: func(c *trial) {
			c.remove("key", store.ByToken(1))
			c.remove("key", store.ByNonce(store.NewNonce()))
			c.wantNone("after a delete of nothing", "key")
		}},
		{name: "AfterExpiry", run: func(c *trial) {
			t := c.brief("key")
			c.expire(t)
			c.remove("key", byToken(t))
			c.remove("key", byNonce(t))
			c.wantNone("after a delete of what had expired", "key")
		}},
		{name: "OthersStay", run: func(c *trial) {
			a, b := c.hold("a"), c.hold("ab")
			c.changesNothing("the delete of another key", "ab", func() { removeTerm(c, a) })
			c.keep(&b)
		}},
	},
}

func deleteLive(by func(term) store.LeaseRef) func(*trial) {
	return func(c *trial) {
		t := c.hold("key")
		c.remove("key", by(t))
		c.wantNone("after a delete", "key")
		if n := len(c.list("")); n != 0 {
			c.broke("after a delete list yields %d records", n)
		}
	}
}
