package storetest

import (
	"errors"

	"github.com/leasehold-go/leasehold/store"
)

var tokenLaw = law{
	name: "TokensGrow",
	text: "tokens of a key strictly increase, across expiry, delete and restart of the server, and across loss of its data as far as the backend declares",
	cases: []lawcase{
		{name: "AcrossDelete", run: tokensAcross(deleteLease)},
		{name: "AcrossExpiry", run: tokensAcross((*trial).expire)},
		{name: "AcrossAnotherProgramsDelete", needs: []need{outsider}, run: tokensAcross(deleteByOutsider)},
		{name: "AcrossAnotherProgramsValue", needs: []need{outsider}, run: tokensAcross(func(c *trial, t lease) {
			c.Outsider.Put(t.Key, []byte("foreign"), long)
			c.Outsider.Delete(t.Key)
		})},
		{name: "AcrossRestart", needs: []need{restart}, run: tokensAcross(func(c *trial, t lease) {
			c.Restart()
			c.awaitServer()
			deleteLease(c, t)
		})},
		{name: "AcrossLossOfData", needs: []need{restartEmpty, outliving}, run: tokensAcross(loseData)},
		{name: "StayTheSameForALease", run: func(c *trial) {
			t := c.hold("key")
			c.heartbeat(&t)
			c.wantRecord("after a renew", "key", "first", t.Token)
			c.update(t.update(1, "second"))
			c.wantRecord("after an update", "key", "second", t.Token)
		}},
		{name: "AreNeverZero", run: func(c *trial) {
			if t := c.hold("key"); t.Token == 0 {
				c.failf("Create granted token 0, want a positive one")
			}
		}},
	},
}

// tokensAcross returns a case: several leases of a key end in the same way.
func tokensAcross(end func(*trial, lease)) func(*trial) {
	return func(c *trial) {
		last := c.holdShort("key")
		for range 3 {
			end(c, last)
			next := c.holdShort("key")
			if next.Token <= last.Token {
				c.failf("the token after %d is %d, want a larger one", last.Token, next.Token)
			}
			last = next
		}
	}
}

func deleteLease(c *trial, t lease) {
	c.delete(t.Key, store.ByToken(t.Token))
	delete(c.needed, t.Key)
}

func deleteByOutsider(c *trial, t lease) {
	c.Outsider.Delete(t.Key)
	delete(c.needed, t.Key)
}

func loseData(c *trial, t lease) {
	c.RestartEmpty()
	c.awaitServer()
	delete(c.needed, t.Key)
}

// awaitServer waits until the store answers again after a fault.
func (c *trial) awaitServer() {
	c.Helper()
	var err error
	back := eventually(c.timeout(), func() bool {
		_, err = c.Store.Get(c.Context(), "another key")
		return errors.Is(err, store.ErrNotFound)
	})
	if !back {
		c.failf("the store does not answer after the restart of its server: %v", err)
	}
}
