package storetest

import (
	"errors"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

var heldLaw = law{
	name: "ARefusedCreateSaysWhoHolds",
	text: "create fails with *HeldError while a live record of another create is there, and the error has that record and the time it has left",
	cases: []lawcase{
		{name: "TheRecordAsItIs", run: func(c *trial) {
			t := c.brief("key")
			c.wantHeld(c.Store, t, "first")
			time.Sleep(c.ttl / 2)
			c.update(t.update(1, "second"))
			c.wantHeld(c.Store, t, "second")
			c.keep(&t)
			c.wantHeld(c.Store, t, "second")
		}},
		{name: "NothingIsChanged", run: func(c *trial) {
			c.hold("key")
			c.changesNothing("a refused create", "key", func() {
				grant, err := c.Store.Create(c.Context(), claim("key", 2*long))
				if err == nil || grant != (store.Grant{}) {
					c.broke("create of a held key: granted %+v, %v", grant, err)
				}
			})
		}},
		{name: "ThroughAPeer", run: func(c *trial) {
			c.wantHeld(c.peer(), c.hold("key"), "first")
		}},
	},
}

// wantHeld checks that a create through st is refused with the facts of a term.
func (c *trial) wantHeld(st store.Store, t term, value string) {
	c.Helper()
	asked := time.Now()
	_, err := st.Create(c.Context(), claim(t.Key, long))
	c.want("create of a held key", err, store.ErrHeld)
	held, _ := errors.AsType[*store.HeldError](err)
	if r := held.Record; r.Key != t.Key || string(r.Value) != value || r.Token != t.Token || r.Left <= 0 {
		c.broke("the error shows %q with %s, want value %q, token %d", r.Key, show(r), value, t.Token)
	}
	c.wantLeft(held.Record, t, asked, time.Now())
}
