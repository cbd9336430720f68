package storetest

import (
	"github.com/leasehold-go/leasehold/store"
)

var mortalityLaw = law{
	name: "NoRecordIsForEver",
	text: "no record that the library wrote is ever without a time to live, and a value-only write to a vanished key does not create one",
	cases: []lawcase{
		{name: "AfterEachVerb", run: func(c *trial) {
			t := c.brief("key")
			c.wantMortal("create", t)
			c.keep(&t)
			c.wantMortal("renew", t)
			if r := c.renew(t.write(1, "one")); r.Err != nil {
				c.broke("renew with a value by the holder: %v", r.Err)
			}
			c.wantMortal("renew with a value", t)
			c.update(t.update(2, "two"))
			c.wantMortal("update", t)
			c.create(t.Claim)
			c.wantMortal("a repeated create", t)
		}},
		{name: "UpdateAfterExpiry", run: writeAfter((*trial).expire)},
		{name: "UpdateAfterDelete", run: writeAfter(removeTerm)},
		{name: "UpdateAfterAnotherProgramsDelete", needs: []need{outsider}, run: writeAfter(outsiderDeletes)},
	},
}

// wantMortal checks that a record has a time left, also beneath the store.
func (c *trial) wantMortal(verb string, t term) {
	c.Helper()
	most := t.TTL + c.caps.Precision
	if left := c.get(t.Key).Left; left <= 0 || left > most {
		c.broke("after %s %q has %v left, want at most %v", verb, t.Key, left, most)
	}
	if c.Outsider == nil {
		return
	}
	if _, left := c.Outsider.Get(t.Key); left <= 0 || left > most {
		c.broke("after %s beneath the store %q has %v left, want at most %v", verb, t.Key, left, most)
	}
}

// writeAfter has a value written as the first thing after the end of a term.
func writeAfter(end func(*trial, term)) func(*trial) {
	return func(c *trial) {
		t := c.brief("key")
		end(c, t)
		c.want("update of a vanished key", c.Store.Update(c.Context(), t.update(1, "ghost")), store.ErrLost)
		c.wantNone("after an update of a vanished key", "key")

		t = c.brief("key")
		end(c, t)
		c.want("renew of a vanished key", c.renew(t.write(1, "ghost")).Err, store.ErrLost)
		c.wantNone("after a renew of a vanished key", "key")
	}
}
