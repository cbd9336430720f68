package storetest

import (
	"context"
	"sync"

	"github.com/leasehold-go/leasehold/store"
)

var alertLaw = law{
	name: "ADeleteIsAnAlert",
	text: "alerts name the keys whose records are deleted, whoever deletes them, until the context ends or the store is closed",
	cases: []lawcase{
		{name: "OfItsOwn", needs: []need{alerts}, run: alertOfDelete((*trial).own, byToken)},
		{name: "OfAPeer", needs: []need{alerts}, run: alertOfDelete((*trial).peer, byToken)},
		{name: "ByNonce", needs: []need{alerts}, run: alertOfDelete((*trial).peer, byNonce)},
		{name: "AfterItsConnectionWasCut", needs: []need{alerts, cut}, run: func(c *trial) {
			a := c.alarm()
			remove := func(t term) error { return c.Store.Delete(c.Context(), t.Key, byToken(t)) }
			c.wantAlert(a, "before", remove)
			c.Cut()
			c.awaitService()
			c.wantAlert(a, "after", remove)
		}},
		{name: "EndWithTheirContext", needs: []need{alerts}, run: func(c *trial) {
			a := c.alarm()
			a.stop()
			<-a.ended
		}},
		{name: "EndWithTheStore", needs: []need{alerts, closer}, run: func(c *trial) {
			a := c.alarm()
			c.close()
			<-a.ended
			for key := range c.Store.(store.DeleteNotifier).Deletions(c.Context()) {
				c.broke("a closed store has an alert for %q", key)
			}
		}},
	},
}

var alerts = need{"Store.Deletions", func(f Fixture) bool { _, ok := f.Store.(store.DeleteNotifier); return ok }}

func (c *trial) own() store.Store { return c.Store }

// alarm gathers what alerts name.
type alarm struct {
	ended chan struct{}
	stop  context.CancelFunc

	mu    sync.Mutex
	named map[string]bool
}

func (c *trial) alarm() *alarm {
	ctx, stop := context.WithCancel(c.Context())
	a := &alarm{ended: make(chan struct{}), stop: stop, named: make(map[string]bool)}
	go func() {
		defer close(a.ended)
		for key := range c.Store.(store.DeleteNotifier).Deletions(ctx) {
			a.mu.Lock()
			a.named[key] = true
			a.mu.Unlock()
		}
	}()
	c.Cleanup(func() { stop(); <-a.ended })
	return a
}

func (a *alarm) names(key string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.named[key]
}

// wantAlert deletes records until an alert names one: nobody is told when alerts begin.
func (c *trial) wantAlert(a *alarm, key string, remove func(term) error) {
	c.Helper()
	heard := eventually(c.patience(), func() bool {
		t := c.hold(key)
		if err := remove(t); err != nil {
			c.broke("delete of %q: %v", t.Key, err)
		}
		return eventually(c.patience()/50, func() bool { return a.names(key) })
	})
	if !heard {
		c.broke("no alert names a key whose record is deleted again and again")
	}
	if a.names("another") {
		c.broke("an alert names a key whose record was left alone")
	}
}

func alertOfDelete(by func(*trial) store.Store, of func(term) store.LeaseRef) func(*trial) {
	return func(c *trial) {
		c.hold("another")
		c.wantAlert(c.alarm(), "key", func(t term) error { return by(c).Delete(c.Context(), t.Key, of(t)) })
	}
}
