package storetest

import (
	"fmt"
	"strings"

	"github.com/leasehold-go/leasehold/store"
)

var watchKeyLaw = law{
	name: "WatchKeyYieldsOneKey",
	text: "WatchKey yields the record of its key, if there is one, then one EventSynced, then the changes of that key alone as they come, the end of a record that came and went too; it never ends without an error",
	cases: []lawcase{
		{name: "NoRecord", run: func(c *trial) {
			w := c.watchKey(c.Store, "key")
			w.inspect(func(v *view) {
				if len(v.events) != 1 {
					c.failf("the watch of a key without a record yielded %s, want only EventSynced", lastEvents(v.events))
				}
			})
		}},
		{name: "ItsLife", run: func(c *trial) {
			t := c.hold("key")
			w := c.watchKey(c.peer(), "key")
			c.await(w, "the record", hasRecord(t, "first"))
			c.update(t.update(1, "second"))
			c.await(w, "an update as it happens", hasRecord(t, "second"))
			deleteLease(c, t)
			c.await(w, "a delete as it happens", hasNoRecord("key"))
			c.wantGone(w, t, store.CauseDeleted)
			next := c.hold("key")
			c.await(w, "a successor", hasRecord(next, "first"))
		}},
		{name: "AHandover", run: func(c *trial) {
			t := c.hold("key")
			w := c.watchKey(c.Store, "key")
			for range 50 {
				deleteLease(c, t)
				t = c.hold("key")
			}
			c.await(w, "the last of 50 successors", hasRecord(t, "first"))
			deleteLease(c, t)
			c.await(w, "the delete of the last", hasNoRecord("key"))
		}},
		{name: "RecordsThatComeAndGo", run: func(c *trial) {
			w := c.watchKey(c.peer(), "key")
			for range 100 {
				told := 0
				w.inspect(func(v *view) { told = len(v.events) })
				deleteLease(c, c.hold("key"))
				c.await(w, "anything after a record came and went", func(v *view) bool { return len(v.events) > told })
				c.await(w, "the end of a record that came and went", hasNoRecord("key"))
			}
		}},
		{name: "NoOtherKey", run: func(c *trial) {
			c.hold("key/1")
			w := c.watchKey(c.Store, "key")
			for _, key := range []string{"ke", "key ", "key/2", "key*", "Key", strings.Repeat("key", 2)} {
				deleteLease(c, c.hold(key))
			}
			t := c.hold("key")
			c.await(w, "a create of its key", hasRecord(t, "first"))
			w.inspect(func(v *view) {
				if len(v.events) != 2 {
					c.failf("the watch of %q yielded %s, want EventSynced and one put", v.prefix, lastEvents(v.events))
				}
			})
		}},
		{name: "KeysOfAllKinds", run: func(c *trial) {
			for _, key := range oddKeys {
				w := c.watchKey(c.Store, key)
				t := c.hold(key)
				c.await(w, fmt.Sprintf("a create of %q", key), hasRecord(t, "first"))
				deleteLease(c, t)
				c.await(w, fmt.Sprintf("the delete of %q", key), hasNoRecord(key))
			}
		}},
		{name: "AnExpiry", run: func(c *trial) {
			t := c.holdShort("key")
			c.wantGone(c.watchKey(c.Store, "key"), t, store.CauseExpired)
		}},
		{name: "InvalidKeysAreRefused", run: func(c *trial) {
			for _, key := range []string{"", strings.Repeat("k", store.MaxKey+1), "\xff", store.Reserved + "x"} {
				var last error
				for _, last = range c.Store.WatchKey(c.Context(), key) {
				}
				c.wantInvalid(fmt.Sprintf("watch of the key %.16q", key), last, "key")
			}
		}},
		{name: "AcrossACut", needs: []need{cut}, run: watchKeyAcross(func(c *trial) { c.Cut() })},
		{name: "AcrossRestart", needs: []need{restart}, run: watchKeyAcross(func(c *trial) { c.Restart() })},
	},
}

// watchKeyAcross returns a case: a watch of one key survives a fault of the server.
func watchKeyAcross(trouble func(*trial)) func(*trial) {
	return func(c *trial) {
		t := c.create(claim("key", long))
		w := c.watchKey(c.Store, "key")
		trouble(c)
		c.awaitServer()
		c.await(w, "the record after the fault", hasRecord(t, "first"))
		c.delete("key", store.ByToken(t.Token))
		c.await(w, "a delete after the fault", hasNoRecord("key"))
	}
}
