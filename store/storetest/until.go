package storetest

import (
	"sync"
	"time"
)

var untilLaw = law{
	name: "UntilIsTheEarliestEnd",
	text: "until is the earliest local instant at which the store may drop the record, counted from before the request was sent",
	cases: []lawcase{
		{name: "OfCreateAndRenew", run: func(c *trial) {
			asked := time.Now()
			t := c.brief("key")
			c.wantUntil("create", t.Until, asked)
			time.Sleep(c.ttl / 2)
			asked = time.Now()
			c.wantUntil("renew", c.renew(t.beat()).Until, asked)
			asked = time.Now()
			c.wantUntil("renew with a value", c.renew(t.write(1, "second")).Until, asked)
		}},
		{name: "NotFromTheReply", needs: []need{pause}, run: func(c *trial) {
			c.Pause()
			resume := sync.OnceFunc(c.Resume)
			defer resume()
			defer time.AfterFunc(c.ttl/2, resume).Stop()
			asked := time.Now()
			t := c.brief("key")
			if over := t.Until.Sub(asked) - c.ttl; over > c.ttl/4 {
				c.late("create: until is %v more than a ttl after the call; the reply came %v after it", over, time.Since(asked))
			}
		}},
	},
}

// wantUntil checks an until against when the call was made and came back.
func (c *trial) wantUntil(verb string, until, asked time.Time) {
	c.Helper()
	answered := time.Now()
	if until.After(answered.Add(c.ttl)) {
		c.broke("%s: until is %v more than a ttl after the reply", verb, until.Sub(answered)-c.ttl)
	}
	if !c.caps.GroupExpiry && until.Before(asked.Add(c.ttl)) {
		c.broke("%s: until is %v short of a ttl after the call", verb, c.ttl-until.Sub(asked))
	}
}
