package storetest

import (
	"context"
	"errors"

	"github.com/leasehold-go/leasehold/store"
)

var ownershipLaw = law{
	name: "ValuesAreCopied",
	text: "a store copies values: later writes of a caller to its slice, or of a reader to a record, change no stored value",
	cases: []lawcase{
		{name: "OfWriters", run: func(c *trial) {
			value := []byte("created")
			t := c.create(store.Claim{Key: "key", Value: value, TTL: long, Nonce: store.NewNonce()})
			copy(value, "changed")
			c.wantRecord("after create", "key", "created", t.Token)
			u := t.update(1, "updated")
			c.update(u)
			copy(u.Value, "changed")
			c.wantRecord("after update", "key", "updated", t.Token)
			w := t.renewalWith(2, "renewed")
			c.renew(w)
			copy(w.Value, "changed")
			c.wantRecord("after renew", "key", "renewed", t.Token)
		}},
		{name: "OfReaders", run: func(c *trial) {
			t := c.hold("key")
			copy(c.get("key").Value, "X")
			c.wantRecord("after a write to the record of a Get", "key", "first", t.Token)
			copy(c.list("")["key"].Value, "X")
			c.wantRecord("after a write to the record of a List", "key", "first", t.Token)
			_, err := c.Store.Create(c.Context(), claim("key", long))
			if held, ok := errors.AsType[*store.HeldError](err); ok {
				copy(held.Record.Value, "X")
			}
			c.wantRecord("after a write to the record of a HeldError", "key", "first", t.Token)
			ctx, cancel := context.WithTimeout(c.Context(), c.timeout())
			defer cancel()
			for e, err := range c.Store.Watch(ctx, "") {
				if err != nil || e.Kind == store.EventSynced {
					break
				}
				copy(e.Record.Value, "X")
			}
			c.wantRecord("after a write to the record of a watch", "key", "first", t.Token)
		}},
	},
}
