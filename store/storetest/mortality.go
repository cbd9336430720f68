package storetest

import (
	"github.com/leasehold-go/leasehold/store"
)

var ttlLaw = law{
	name: "NoRecordIsWithoutTTL",
	text: "no record that the library wrote is ever without a time to live, and an update of a key without a record does not create one",
	cases: []lawcase{
		{name: "AfterEachVerb", run: func(c *trial) {
			t := c.holdShort("key")
			c.wantTTL("create", t)
			c.heartbeat(&t)
			c.wantTTL("renew", t)
			if r := c.renew(t.renewalWith(1, "one")); r.Err != nil {
				c.failf("renew with a value by the holder: %v", r.Err)
			}
			c.wantTTL("renew with a value", t)
			c.update(t.update(2, "two"))
			c.wantTTL("update", t)
			c.wantSameGrant("a repeated create", t)
			c.wantTTL("a repeated create", t)
		}},
		{name: "UpdateAfterExpiry", run: writeAfter((*trial).expire)},
		{name: "UpdateAfterDelete", run: writeAfter(deleteLease)},
		{name: "UpdateAfterAnotherProgramsDelete", needs: []need{outsider}, run: writeAfter(deleteByOutsider)},
	},
}

// wantTTL checks that a record has a time left, also as the outsider reads it.
func (c *trial) wantTTL(verb string, t lease) {
	c.Helper()
	most := t.TTL + c.caps.Precision
	if left := c.get(t.Key).Left; left <= 0 || left > most {
		c.failf("after %s %q has %v left, want at most %v", verb, t.Key, left, most)
	}
	if c.Outsider == nil {
		return
	}
	if _, left := c.Outsider.Get(t.Key); left <= 0 || left > most {
		c.failf("after %s the outsider reads %q with %v left, want at most %v", verb, t.Key, left, most)
	}
}

// writeAfter returns a case: the first call after the end of a lease writes a value.
func writeAfter(end func(*trial, lease)) func(*trial) {
	return func(c *trial) {
		t := c.holdShort("key")
		end(c, t)
		c.want("update of an ended record", c.Store.Update(c.Context(), t.update(1, "ghost")), store.ErrLost)
		c.wantNone("after an update of an ended record", "key")

		t = c.holdShort("key")
		end(c, t)
		c.want("renew of an ended record", c.renew(t.renewalWith(1, "ghost")).Err, store.ErrLost)
		c.wantNone("after a renew of an ended record", "key")
	}
}
