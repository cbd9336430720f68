package storetest

import (
	"time"

	"github.com/leasehold-go/leasehold/store"
)

var getLaw = law{
	name: "GetShowsTheLiveRecord",
	text: "get returns the live record under a key, with its time left, or ErrNotFound",
	cases: []lawcase{
		{name: "AsItIs", run: func(c *trial) {
			t := c.hold("key")
			c.wantRecord("after create", "key", "first", t.Token)
			c.update(t.update(1, "second"))
			c.wantRecord("after update", "key", "second", t.Token)
			c.keep(&t)
			c.wantRecord("after a renew without a value", "key", "second", t.Token)
			if r := c.renew(t.write(2, "third")); r.Err != nil {
				c.broke("renew with a value by the holder: %v", r.Err)
			}
			c.wantRecord("after a renew with a value", "key", "third", t.Token)
		}},
		{name: "ThroughAPeer", run: func(c *trial) {
			t := c.hold("key")
			c.update(t.update(1, "second"))
			r, err := c.peer().Get(c.Context(), "key")
			if err != nil || string(r.Value) != "second" || r.Token != t.Token {
				c.broke("get through another process: %s, %v", show(r), err)
			}
		}},
		{name: "NothingThere", run: func(c *trial) {
			c.want("get of a key that never was", c.getErr("key"), store.ErrNotFound)
			c.hold("key")
			for _, near := range []string{"ke", "key2", "Key", "key "} {
				c.want("get of "+near, c.getErr(near), store.ErrNotFound)
			}
		}},
		{name: "TimeLeft", run: func(c *trial) {
			t := c.brief("key")
			for range 3 {
				asked := time.Now()
				c.wantLeft(c.get("key"), t, asked, time.Now())
				time.Sleep(c.ttl / 5)
			}
			c.keep(&t)
			asked := time.Now()
			c.wantLeft(c.get("key"), t, asked, time.Now())
		}},
	},
}
