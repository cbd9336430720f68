package storetest

import "github.com/leasehold-go/leasehold/store"

var staleTokenLaw = law{
	name: "AStaleTokenIsRefused",
	text: "a renew or update with a stale token changes nothing and returns ErrLost",
	cases: []lawcase{
		{name: "WhileASuccessorHolds", run: func(c *trial) {
			old := c.hold("key")
			removeTerm(c, old)
			c.create(store.Claim{Key: "key", Value: []byte("successor's"), TTL: long, Nonce: store.NewNonce()})
			c.changesNothing("the former holder", "key", func() { c.wantLost("under a successor", old) })
		}},
		{name: "AfterDelete", run: staleAfter(removeTerm)},
		{name: "AfterExpiry", run: staleAfter((*trial).expire)},
		{name: "AfterAnotherProgramsDelete", needs: []need{outsider}, run: staleAfter(outsiderDeletes)},
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
			for b.Token == a.Token { // tokens of different keys may be alike
				removeTerm(c, b)
				b = c.hold("b")
			}
			b.Key = "a"
			c.changesNothing("a write with the token of another key", "a", func() {
				c.wantLost("with the token of another key", b)
			})
		}},
		{name: "ALostTermNeverComesBack", run: func(c *trial) {
			old := c.brief("key")
			c.expire(old)
			between := c.hold("key")
			removeTerm(c, between)
			c.wantLost("two terms later", old)
			c.wantNone("after writes of a term long gone", "key")
		}},
	},
}

// wantLost tries every write of a term that has ended.
func (c *trial) wantLost(what string, t term) {
	c.Helper()
	c.want("renew "+what, c.renew(t.beat()).Err, store.ErrLost)
	c.want("renew with a value "+what, c.renew(t.write(100, "late")).Err, store.ErrLost)
	c.want("update "+what, c.Store.Update(c.Context(), t.update(101, "late")), store.ErrLost)
	if u := c.renew(t.beat()).Until; !u.IsZero() {
		c.broke("renew %s is refused and yet good until %v", what, u)
	}
}

func staleAfter(end func(*trial, term)) func(*trial) {
	return func(c *trial) {
		t := c.brief("key")
		end(c, t)
		c.want("update of what is gone", c.Store.Update(c.Context(), t.update(1, "late")), store.ErrLost)
		c.wantLost("of what is gone", t)
		c.wantNone("after writes to what is gone", "key")
	}
}
