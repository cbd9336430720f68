package storetest

import (
	"context"
	"sync"

	"github.com/leasehold-go/leasehold/store"
)

var deletionLaw = law{
	name: "DeletionsAreReported",
	text: "Deletions yields the keys whose records are deleted, whoever deletes them, until the context ends or the store is closed",
	cases: []lawcase{
		{name: "OfThisStore", needs: []need{deletions}, run: reportsDelete(func(c *trial) store.Store { return c.Store }, byToken)},
		{name: "OfAPeer", needs: []need{deletions}, run: reportsDelete((*trial).peer, byToken)},
		{name: "ByNonce", needs: []need{deletions}, run: reportsDelete((*trial).peer, byNonce)},
		{name: "AfterACut", needs: []need{deletions, cut}, run: func(c *trial) {
			l := c.deletionLog()
			deleteIt := func(t lease) error { return c.Store.Delete(c.Context(), t.Key, byToken(t)) }
			c.wantDeletion(l, "before", deleteIt)
			c.Cut()
			c.awaitServer()
			c.wantDeletion(l, "after", deleteIt)
		}},
		{name: "EndWithTheirContext", needs: []need{deletions}, run: func(c *trial) {
			l := c.deletionLog()
			l.stop()
			<-l.ended
		}},
		{name: "EndWithTheStore", needs: []need{deletions, closer}, run: func(c *trial) {
			l := c.deletionLog()
			c.close()
			<-l.ended
			for key := range c.Store.(store.DeleteNotifier).Deletions(c.Context()) {
				c.failf("Deletions of a closed store yielded %q, want no key", key)
			}
		}},
	},
}

// deletionLog collects the keys that Deletions yields.
type deletionLog struct {
	ended chan struct{} // closed by the goroutine that ranges over Deletions
	stop  context.CancelFunc

	mu   sync.Mutex
	keys map[string]bool
}

func (c *trial) deletionLog() *deletionLog {
	ctx, stop := context.WithCancel(c.Context())
	l := &deletionLog{ended: make(chan struct{}), stop: stop, keys: make(map[string]bool)}
	go func() {
		defer close(l.ended)
		for key := range c.Store.(store.DeleteNotifier).Deletions(ctx) {
			l.mu.Lock()
			l.keys[key] = true
			l.mu.Unlock()
		}
	}()
	c.Cleanup(func() { stop(); <-l.ended })
	return l
}

func (l *deletionLog) has(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.keys[key]
}

// wantDeletion deletes records of a key until Deletions yields the key. It repeats
// because nothing signals that Deletions has begun to listen.
func (c *trial) wantDeletion(l *deletionLog, key string, remove func(lease) error) {
	c.Helper()
	reported := eventually(c.timeout(), func() bool {
		t := c.hold(key)
		if err := remove(t); err != nil {
			c.failf("Delete of %q: %v", t.Key, err)
		}
		return eventually(c.timeout()/50, func() bool { return l.has(key) })
	})
	if !reported {
		c.failf("Deletions did not yield %q, whose record was deleted again and again", key)
	}
	if l.has("another") {
		c.failf("Deletions yielded %q, whose record was not deleted", "another")
	}
}

func reportsDelete(by func(*trial) store.Store, of func(lease) store.LeaseRef) func(*trial) {
	return func(c *trial) {
		c.hold("another")
		c.wantDeletion(c.deletionLog(), "key", func(t lease) error { return by(c).Delete(c.Context(), t.Key, of(t)) })
	}
}
