package storetest

import (
	"io"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

var closeLaw = law{
	name: "AClosedStoreReturnsErrClosed",
	text: "after Close every call returns ErrClosed and changes nothing, and every watch ends with ErrClosed",
	cases: []lawcase{
		{name: "EveryVerb", needs: []need{closer}, run: func(c *trial) {
			t := c.hold("key")
			c.close()
			for _, v := range verbs {
				c.want(v.name+" of a closed store", v.call(c.Context(), c.Store, t), store.ErrClosed)
			}
			_, err := collect(c.Store.List(c.Context(), ""))
			c.want("List of a closed store", err, store.ErrClosed)
			w := c.watch(c.Context(), c.Store, "")
			c.wantClosed(w)
		}},
		{name: "AWatch", needs: []need{closer}, run: func(c *trial) {
			w := c.watch(c.Context(), c.Store, "")
			c.await(w, "the records and EventSynced", func(v *view) bool { return v.synced >= 1 })
			c.close()
			c.wantClosed(w)
		}},
	},
}

// closerOf returns the method that closes st, or nil.
func closerOf(st store.Store) func() error {
	switch st := st.(type) {
	case io.Closer:
		return st.Close
	case interface{ Close() }:
		return func() error { st.Close(); return nil }
	}
	return nil
}

func (c *trial) close() {
	c.Helper()
	if err := closerOf(c.Store)(); err != nil {
		c.failf("Close: %v", err)
	}
}

func (c *trial) wantClosed(w *watcher) {
	c.Helper()
	select {
	case <-w.ended:
		c.want("watch of a closed store", w.view.err, store.ErrClosed)
	case <-time.After(c.timeout()):
		c.failf("the watch had not ended %v after its store was closed", c.timeout())
	}
}
