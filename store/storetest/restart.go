package storetest

import "github.com/leasehold-go/leasehold/store"

var restartLaw = law{
	name: "RecordsSurviveARestart",
	text: "a record is kept for its TTL across a restart of the server; loss of the server's data ends the lease and never makes a second holder",
	cases: []lawcase{
		{name: "TheLeaseContinues", needs: []need{restart}, run: func(c *trial) {
			t := c.hold("key")
			c.update(t.update(5, "fifth"))
			c.Restart()
			c.awaitServer()
			c.wantRecord("after a restart", "key", "fifth", t.Token)
			c.want("an older update after a restart", c.Store.Update(c.Context(), t.update(4, "fourth")), store.ErrStale)
			_, err := c.Store.Create(c.Context(), claim("key", long))
			c.want("create by another after a restart", err, store.ErrHeld)
			c.heartbeat(&t)
			c.update(t.update(6, "sixth"))
			c.wantRecord("after an update after a restart", "key", "sixth", t.Token)
		}},
		{name: "TheNonceIsRemembered", needs: []need{restart}, run: func(c *trial) {
			ended, t := c.hold("ended"), c.hold("key")
			deleteLease(c, ended)
			c.Restart()
			c.awaitServer()
			c.wantEnded("the create of a lease that ended before the restart", ended.Claim)
			c.wantSameGrant("after a restart", t)
		}},
		{name: "LossOfDataEndsTheLease", needs: []need{restartEmpty}, run: func(c *trial) {
			old := c.hold("key")
			c.RestartEmpty()
			c.awaitServer()
			c.wantLost("whose data was lost", old)
			c.wantNone("after writes of a lease whose data was lost", "key")
			next := c.hold("key")
			if c.caps.TokensOutliveData {
				c.changesNothing("the holder before the loss", "key", func() { c.wantLost("after a loss of data", old) })
				c.delete("key", byToken(old))
				c.wantRecord("after a late delete", "key", "first", next.Token)
			}
		}},
	},
}
