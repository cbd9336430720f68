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
		{name: "Batch", run: func(c *trial) {
			names := keys("key/", 300)
			tokens := make(map[string]store.Token)
			for i, key := range names {
				t := c.hold(key)
				if tokens[key] = t.Token; i%7 == 3 {
					deleteLease(c, t)
					delete(tokens, key)
				}
			}
			asked := append(names, "never", names[0]) // one of them twice
			live, err := store.GetBatch(c.Context(), c.Store, asked)
			if err != nil || len(live) != len(tokens) {
				c.failf("GetBatch of %d keys returned %d records, want %d: %v", len(asked), len(live), len(tokens), err)
			}
			for key, token := range tokens {
				if r := live[key]; r.Key != key || string(r.Value) != "first" || r.Token != token || r.Left <= 0 {
					c.failf("GetBatch returned %s for %q, which has value %q and token %d", describe(r), key, "first", token)
				}
			}
			if live, err := store.GetBatch(c.Context(), c.Store, nil); err != nil || len(live) != 0 {
				c.failf("GetBatch of no keys returned %d records and %v", len(live), err)
			}
			_, err = store.GetBatch(c.Context(), c.Store, []string{names[0], ""})
			c.want("GetBatch with an invalid key", err, store.ErrInvalid)
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
