package storetest

import (
	"context"
	"errors"

	"github.com/leasehold-go/leasehold/store"
)

var ownershipLaw = law{
	name: "CallersOwnTheirBytes",
	text: "a value is what it was at the time of the call: neither what the caller does with its slice afterwards nor what a reader does with a record changes it",
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
			w := t.write(2, "renewed")
			c.renew(w)
			copy(w.Value, "changed")
			c.wantRecord("after renew", "key", "renewed", t.Token)
		}},
		{name: "OfReaders", run: func(c *trial) {
			t := c.hold("key")
			copy(c.get("key").Value, "X")
			c.wantRecord("after a reader of get wrote", "key", "first", t.Token)
			copy(c.list("")["key"].Value, "X")
			c.wantRecord("after a reader of list wrote", "key", "first", t.Token)
			_, err := c.Store.Create(c.Context(), claim("key", long))
			if held, ok := errors.AsType[*store.HeldError](err); ok {
				copy(held.Record.Value, "X")
			}
			c.wantRecord("after a reader of the error wrote", "key", "first", t.Token)
			ctx, cancel := context.WithTimeout(c.Context(), c.patience())
			defer cancel()
			for e, err := range c.Store.Watch(ctx, "") {
				if err != nil || e.Kind == store.EventSynced {
					break
				}
				copy(e.Record.Value, "X")
			}
			c.wantRecord("after a reader of watch wrote", "key", "first", t.Token)
		}},
	},
}
