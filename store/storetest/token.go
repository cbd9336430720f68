package storetest

import (
	"errors"

	"github.com/leasehold-go/leasehold/store"
)

var tokenLaw = law{
	name: "TokensGrow",
	text: "tokens of a key strictly increase, across expiry, delete and restart of the server, and across loss of its data as far as the backend declares",
	cases: []lawcase{
		{name: "AcrossDelete", run: tokensAcross(removeTerm)},
		{name: "AcrossExpiry", run: tokensAcross((*trial).expire)},
		{name: "AcrossAnotherProgramsDelete", needs: []need{outsider}, run: tokensAcross(outsiderDeletes)},
		{name: "AcrossAnotherProgramsRecord", needs: []need{outsider}, run: tokensAcross(outsiderPasses)},
		{name: "AcrossRestart", needs: []need{restart}, run: tokensAcross(restartAndRemove)},
		{name: "AcrossLossOfData", needs: []need{restartEmpty, outliving}, run: tokensAcross(loseData)},
		{name: "StayForTheTerm", run: func(c *trial) {
			t := c.hold("key")
			c.keep(&t)
			c.wantRecord("after a renew", "key", "first", t.Token)
			c.update(t.update(1, "second"))
			c.wantRecord("after an update", "key", "second", t.Token)
		}},
		{name: "AreNeverZero", run: func(c *trial) {
			if t := c.hold("key"); t.Token == 0 {
				c.broke("create granted token 0, which is no token")
			}
		}},
	},
}

// tokensAcross returns a case in which terms of a key end in the same way, time
// after time.
func tokensAcross(end func(*trial, term)) func(*trial) {
	return func(c *trial) {
		last := c.brief("key")
		for range 3 {
			end(c, last)
			next := c.brief("key")
			if next.Token <= last.Token {
				c.broke("the token after %d is %d", last.Token, next.Token)
			}
			last = next
		}
	}
}

func removeTerm(c *trial, t term) {
	c.remove(t.Key, store.ByToken(t.Token))
	delete(c.relied, t.Key)
}

func outsiderDeletes(c *trial, t term) {
	c.Outsider.Delete(t.Key)
	delete(c.relied, t.Key)
}

func outsiderPasses(c *trial, t term) {
	c.Outsider.Put(t.Key, []byte("foreign"), long)
	c.Outsider.Delete(t.Key)
}

func restartAndRemove(c *trial, t term) {
	c.Restart()
	c.awaitService()
	removeTerm(c, t)
}

func loseData(c *trial, t term) {
	c.RestartEmpty()
	c.awaitService()
	delete(c.relied, t.Key)
}

// awaitService waits until the store answers again after a restart.
func (c *trial) awaitService() {
	c.Helper()
	var err error
	back := eventually(c.patience(), func() bool {
		_, err = c.Store.Get(c.Context(), "another key")
		return errors.Is(err, store.ErrNotFound)
	})
	if !back {
		c.broke("the store does not answer after the restart of its server: %v", err)
	}
}
