package storetest

import "github.com/leasehold-go/leasehold/store"

var staleTokenLaw = law{
	name: "StaleTokensAreRefused",
	text: "a renew or update with a stale token changes nothing and returns ErrLost",
	cases: []lawcase{
		{name: "WhileASuccessorHolds", run: func(c *trial) {
			old := c.hold("key")
			deleteLease(c, old)
			c.create(store.Claim{Key: "key", Value: []byte("successor's"), TTL: long, Nonce: store.NewNonce()})
			c.changesNothing("the former holder", "key", func() { c.wantLost("under a successor", old) })
		}},
		{name: "AfterDelete", run: staleAfter(deleteLease)},
		{name: "AfterExpiry", run: staleAfter((*trial).expire)},
		{name: "AfterAnotherProgramsDelete", needs: []need{outsider}, run: staleAfter(deleteByOutsider)},
		{name: "AfterLossOfData", needs: []need{restartEmpty}, run: staleAfter(loseData)},
		{name: "ATokenThatWasNeverGranted", run: func(c *trial) {
			t := c.hold("key")
			c.changesNothing("a write with tokens that were never granted", "key", func() {
				for _, token := range []store.Token{1 << 63, t.Token + 1, max(t.Token-1, 1) + 2} {
					never := t
					never.Token = token
					c.wantLost("with a token that was never granted", never)
				}
			})
		}},
		{name: "TheTokenOfAnotherKey", run: func(c *trial) {
			a, b := c.hold("a"), c.hold("b")
			for b.Token == a.Token { // tokens of different keys may be equal
				deleteLease(c, b)
				b = c.hold("b")
			}
			b.Key = "a"
			c.changesNothing("a write with the token of another key", "a", func() {
				c.wantLost("with the token of another key", b)
			})
		}},
		{name: "ALostLeaseStaysLost", run: func(c *trial) {
			old := c.holdShort("key")
			c.expire(old)
			between := c.hold("key")
			deleteLease(c, between)
			c.wantLost("two leases later", old)
			c.wantNone("after writes of a lease that ended long ago", "key")
		}},
	},
}

// wantLost checks that every write of an ended lease returns ErrLost.
func (c *trial) wantLost(what string, t lease) {
	c.Helper()
	c.want("renew "+what, c.renew(t.renewal()).Err, store.ErrLost)
	c.want("renew with a value "+what, c.renew(t.renewalWith(100, "late")).Err, store.ErrLost)
	c.want("update "+what, c.Store.Update(c.Context(), t.update(101, "late")), store.ErrLost)
	if u := c.renew(t.renewal()).Until; !u.IsZero() {
		c.failf("renew %s was refused and returned until %v", what, u)
	}
}

func staleAfter(end func(*trial, lease)) func(*trial) {
	return func(c *trial) {
		t := c.holdShort("key")
		end(c, t)
		c.want("update of an ended record", c.Store.Update(c.Context(), t.update(1, "late")), store.ErrLost)
		c.wantLost("of an ended record", t)
		c.wantNone("after writes to an ended record", "key")
	}
}
