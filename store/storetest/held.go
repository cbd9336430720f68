package storetest

import (
	"errors"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

var heldLaw = law{
	name: "HeldErrorShowsTheLiveRecord",
	text: "Create fails with *HeldError while a live record of another create exists, and the error has that record and its time left",
	cases: []lawcase{
		{name: "AfterEachWrite", run: func(c *trial) {
			t := c.holdShort("key")
			c.wantHeld(c.Store, t, "first")
			time.Sleep(c.ttl / 2)
			c.update(t.update(1, "second"))
			c.wantHeld(c.Store, t, "second")
			c.heartbeat(&t)
			c.wantHeld(c.Store, t, "second")
		}},
		{name: "NothingIsChanged", run: func(c *trial) {
			c.hold("key")
			c.changesNothing("a refused create", "key", func() {
				grant, err := c.Store.Create(c.Context(), claim("key", 2*long))
				if err == nil || grant != (store.Grant{}) {
					c.failf("create of a held key: granted %+v, %v; want no grant", grant, err)
				}
			})
		}},
		{name: "ThroughAPeer", run: func(c *trial) {
			c.wantHeld(c.peer(), c.hold("key"), "first")
		}},
	},
}

// wantHeld checks that a create through st fails with the record of a lease.
func (c *trial) wantHeld(st store.Store, t lease, value string) {
	c.Helper()
	asked := time.Now()
	_, err := st.Create(c.Context(), claim(t.Key, long))
	c.want("create of a held key", err, store.ErrHeld)
	held, _ := errors.AsType[*store.HeldError](err)
	if r := held.Record; r.Key != t.Key || string(r.Value) != value || r.Token != t.Token || r.Left <= 0 {
		c.failf("the error shows %q with %s, want value %q and token %d", r.Key, describe(r), value, t.Token)
	}
	c.wantLeft(held.Record, t, asked, time.Now())
}
