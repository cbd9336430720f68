package storetest

import (
	"time"

	"github.com/leasehold-go/leasehold/store"
)

var getLaw = law{
	name: "GetReturnsTheLiveRecord",
	text: "Get returns the live record under a key with its time left, or ErrNotFound",
	cases: []lawcase{
		{name: "AfterEachWrite", run: func(c *trial) {
			t := c.hold("key")
			c.wantRecord("after create", "key", "first", t.Token)
			c.update(t.update(1, "second"))
			c.wantRecord("after update", "key", "second", t.Token)
			c.heartbeat(&t)
			c.wantRecord("after a renew without a value", "key", "second", t.Token)
			if r := c.renew(t.renewalWith(2, "third")); r.Err != nil {
				c.failf("renew with a value by the holder: %v", r.Err)
			}
			c.wantRecord("after a renew with a value", "key", "third", t.Token)
		}},
		{name: "ThroughAPeer", run: func(c *trial) {
			t := c.hold("key")
			c.update(t.update(1, "second"))
			r, err := c.peer().Get(c.Context(), "key")
			if err != nil || string(r.Value) != "second" || r.Token != t.Token {
				c.failf("get through another process: %s, %v", describe(r), err)
			}
		}},
		{name: "NoRecord", run: func(c *trial) {
			c.want("get of an unused key", c.getErr("key"), store.ErrNotFound)
			c.hold("key")
			for _, near := range []string{"ke", "key2", "Key", "key "} {
				c.want("get of "+near, c.getErr(near), store.ErrNotFound)
			}
		}},
		{name: "TimeLeft", run: func(c *trial) {
			t := c.holdShort("key")
			for range 3 {
				asked := time.Now()
				c.wantLeft(c.get("key"), t, asked, time.Now())
				time.Sleep(c.ttl / 5)
			}
			c.heartbeat(&t)
			asked := time.Now()
			c.wantLeft(c.get("key"), t, asked, time.Now())
		}},
	},
}
