package storetest

import (
	"sync"
	"time"
)

var untilLaw = law{
	name: "UntilIsTheEarliestExpiry",
	text: "until is the earliest local instant at which the store may drop the record, counted from before the request was sent",
	cases: []lawcase{
		{name: "OfCreateAndRenew", run: func(c *trial) {
			asked := time.Now()
			t := c.holdShort("key")
			c.wantUntil("create", t.Until, asked)
			time.Sleep(c.ttl / 2)
			asked = time.Now()
			c.wantUntil("renew", c.renew(t.renewal()).Until, asked)
			asked = time.Now()
			c.wantUntil("renew with a value", c.renew(t.renewalWith(1, "second")).Until, asked)
		}},
		{name: "NotCountedFromTheReply", needs: []need{pause}, run: func(c *trial) {
			c.Pause()
			resume := sync.OnceFunc(c.Resume)
			defer resume()
			defer time.AfterFunc(c.ttl/2, resume).Stop()
			asked := time.Now()
			t := c.holdShort("key")
			if over := t.Until.Sub(asked) - c.ttl; over > c.ttl/4 {
				c.latef("create: until is %v more than a TTL after the call; the reply came %v after the call", over, time.Since(asked))
			}
		}},
	},
}

// wantUntil compares an until with the times of its call and its reply.
func (c *trial) wantUntil(verb string, until, asked time.Time) {
	c.Helper()
	answered := time.Now()
	if until.After(answered.Add(c.ttl)) {
		c.failf("%s: until is %v more than a TTL after the reply", verb, until.Sub(answered)-c.ttl)
	}
	if !c.caps.GroupExpiry && until.Before(asked.Add(c.ttl)) {
		c.failf("%s: until is %v less than a TTL after the call", verb, c.ttl-until.Sub(asked))
	}
}
