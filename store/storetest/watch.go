package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

var watchLaw = law{
	name: "AWatchTellsWhatIs",
	text: "watch yields the records under a prefix as they are, each as a put, then one synced, then changes as they come; whoever applies each put and each gone in order holds what list would yield; it never ends silently",
	cases: []lawcase{
		{name: "NothingThere", run: func(c *trial) {
			w := c.follow()
			w.look(func(v *view) {
				if len(v.events) != 1 {
					c.broke("the watch of an empty store tells %s", tale(v.events))
				}
			})
		}},
		{name: "RecordsThenSynced", run: func(c *trial) {
			a, b := c.hold("a"), c.hold("b")
			c.update(b.update(1, "second"))
			w := c.follow()
			w.look(func(v *view) {
				if len(v.events) != 3 || v.events[2].Kind != store.EventSynced || !has(a, "first")(v) || !has(b, "second")(v) {
					c.broke("the watch of two records tells %s", tale(v.events))
				}
			})
		}},
		{name: "OnlyThePrefix", run: func(c *trial) {
			c.hold("other/1")
			c.hold("key/1")
			w := c.watch(c.Context(), c.Store, "key/")
			c.await(w, "tells what is there", func(v *view) bool { return v.synced == 1 })
			c.hold("other/2")
			t := c.hold("key/2")
			c.hold("key")
			c.await(w, "tells a create under its prefix", has(t, "first"))
			w.look(func(v *view) {
				if len(v.records) != 2 {
					c.broke("the watch of %q tells of %q", v.prefix, sorted(v.records))
				}
			})
		}},
		{name: "ACreate", run: watchTells(createBeside)},
		{name: "AnUpdate", run: watchTells(updateOne)},
		{name: "ARenewWithAValue", run: watchTells(renewOne)},
		{name: "ADelete", run: func(c *trial) {
			c.hold("stays")
			t, w := c.hold("key"), c.follow()
			removeTerm(c, t)
			c.await(w, "tells a delete as it comes", lacks("key"))
			c.wantGone(w, t, store.CauseDeleted)
			c.wantEqualsList(w)
		}},
		{name: "AnExpiry", run: func(c *trial) {
			c.hold("stays")
			before, w := c.create(claim("before", 3*c.ttl)), c.follow()
			c.await(w, "tells what is there", has(before, "first"))
			after := c.brief("after")
			c.await(w, "tells a create", has(after, "first"))
			for _, t := range []term{after, before} {
				c.wantGone(w, t, store.CauseExpired)
				if early := time.Until(t.Until); early > 0 {
					c.broke("the watch told that %q was gone %v before its ttl had passed", t.Key, early)
				}
			}
			c.wantEqualsList(w)
		}},
		{name: "ASuccessor", run: func(c *trial) {
			old, w := c.hold("key"), c.follow()
			removeTerm(c, old)
			next := c.hold("key")
			c.await(w, "tells a successor", has(next, "first"))
		}},
		{name: "ARenewIsNoEnd", run: func(c *trial) {
			w := c.follow() // first: it takes longer than a ttl where a list is slow
			t := c.brief("key")
			for range 9 {
				time.Sleep(c.ttl / 3)
				c.keep(&t)
			}
			c.await(w, "tells a create", has(t, "first"))
			w.look(func(v *view) {
				if slices.ContainsFunc(v.events, func(e store.Event) bool { return e.Kind == store.EventGone }) {
					c.broke("of a record that is renewed the watch told %s", tale(v.events))
				}
			})
			c.wantGone(w, t, store.CauseExpired)
		}},
		// watchLongSuccessor has a record follow one that expired, with the watch still
		// counting from the first.
		{name: "ASuccessorLivesOn", run: func(c *trial) {
			old, w := c.brief("key"), c.follow()
			c.expire(old)
			next := c.hold("key")
			c.await(w, "tells a successor", has(next, "first"))
			time.Sleep(c.ttl)
			c.wantEqualsList(w)
		}},
		{name: "ThroughAPeer", run: func(c *trial) {
			t := c.hold("before")
			w := c.watch(c.Context(), c.peer(), "")
			c.await(w, "tells what is there", func(v *view) bool { return v.synced == 1 && has(t, "first")(v) })
			c.update(t.update(1, "second"))
			c.await(w, "tells an update of another process", has(t, "second"))
			removeTerm(c, t)
			c.await(w, "tells a delete of another process", lacks("before"))
		}},
		{name: "Several", run: func(c *trial) {
			ctx, cancel := context.WithCancel(c.Context())
			first, second := c.watch(ctx, c.Store, "a"), c.watch(c.Context(), c.Store, "ab")
			a, ab := c.hold("a"), c.hold("ab")
			c.await(first, "tells of its prefix", func(v *view) bool { return has(a, "first")(v) && has(ab, "first")(v) })
			c.await(second, "tells of its prefix", has(ab, "first"))
			cancel()
			<-first.ended
			next := c.hold("ab/next")
			c.await(second, "goes on when another has ended", has(next, "first"))
		}},
		{name: "LeftEarly", run: func(c *trial) {
			for _, key := range keys("key/", 5) {
				c.hold(key)
			}
			ctx, cancel := context.WithTimeout(c.Context(), c.patience())
			defer cancel()
			for stop := range 6 {
				seen := 0
				for _, err := range c.Store.Watch(ctx, "") {
					if err != nil {
						c.broke("the watch is over: %v", err)
					}
					if seen++; seen > stop {
						break
					}
				}
			}
			c.wantEqualsList(c.follow())
		}},
		// watchBodyCalls deletes each record that the watch tells, within its loop.
		{name: "TheBodyMayCallTheStore", run: func(c *trial) {
			for _, key := range keys("key/", 10) {
				c.hold(key)
			}
			ctx, cancel := context.WithTimeout(c.Context(), c.patience())
			defer cancel()
			gone := 0
			for e, err := range c.Store.Watch(ctx, "key/") {
				switch {
				case err != nil:
					c.broke("the body deleted 10 records and was told of %d: %v", gone, err)
				case e.Kind == store.EventPut:
					c.remove(e.Record.Key, store.ByToken(e.Record.Token))
				case e.Kind == store.EventGone:
					gone++
				}
				if gone == 10 {
					return
				}
			}
			c.broke("the watch ended without an error")
		}},
		// watchSlowReader stops reading while much happens. Nobody waits for it, and in
		// the end it is told the newest.
		{name: "ASlowReader", run: func(c *trial) {
			t := c.hold("key")
			ctx, cancel := context.WithTimeout(c.Context(), 2*c.patience())
			asleep, wake, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
			v := view{records: make(map[string]store.Record)}
			go func() {
				defer close(ended)
				for e, err := range c.Store.Watch(ctx, "") {
					v.apply(e, err)
					if e.Kind == store.EventSynced && v.synced == 1 {
						close(asleep)
						<-wake
					}
					if has(t, "value 300")(&v) && len(v.records) == 1 {
						return
					}
				}
			}()
			finish := sync.OnceFunc(func() { close(wake); <-ended; cancel() })
			defer finish()
			select {
			case <-asleep:
				c.churn(t, 300)
			case <-ended:
			}
			finish()
			if v.err != nil || v.fault != "" {
				c.broke("a slow reader is not told the newest: %v %s; it was told %s", v.err, v.fault, tale(v.events))
			}
		}},
		// watchOutsider removes a record behind the store's back, which may be known only
		// once its time left has passed.
		{name: "AnotherProgramsDelete", needs: []need{outsider}, run: func(c *trial) {
			t, w := c.brief("key"), c.follow()
			outsiderDeletes(c, t)
			c.awaitFor(c.patience()+time.Until(t.latest), w, "tells that a record is gone", lacks("key"))
		}},
		{name: "AcrossACut", needs: []need{cut}, run: watchAcross(cutConnections)},
		{name: "AcrossRestart", needs: []need{restart}, run: watchAcross(restartServer)},
		{name: "AcrossLossOfData", needs: []need{restartEmpty}, run: watchAcross(restartWithout)},
	},
}

// watchTells returns a case in which something happens beside a record that is
// there. The records do not expire, so only a change that is told can be known.
func watchTells(change func(*trial, term) (term, string)) func(*trial) {
	return func(c *trial) {
		t := c.hold("key")
		w := c.follow()
		changed, value := change(c, t)
		c.await(w, "tells a change as it comes", has(changed, value))
		c.wantEqualsList(w)
	}
}

func createBeside(c *trial, _ term) (term, string) { return c.hold("key beside"), "first" }

func updateOne(c *trial, t term) (term, string) {
	c.update(t.update(1, "updated"))
	return t, "updated"
}

func renewOne(c *trial, t term) (term, string) {
	c.renew(t.write(1, "renewed"))
	return t, "renewed"
}

// wantGone waits for the end of a record and checks its cause.
func (c *trial) wantGone(w *watcher, t term, cause store.Cause) {
	c.Helper()
	c.awaits(t)
	c.awaitFor(c.patience()+time.Until(t.latest), w, fmt.Sprintf("tells that %q is gone", t.Key), lacks(t.Key))
	w.look(func(v *view) {
		for _, e := range v.events {
			if e.Kind == store.EventGone && e.Record.Token == t.Token && (e.Cause == cause || e.Cause == store.CauseUnknown) {
				return
			}
		}
		c.broke("the end of %q, %v, was told as %s", t.Key, cause, tale(v.events))
	})
}

// churn updates a record n times, while others come and go.
func (c *trial) churn(t term, n int) {
	c.Helper()
	for i := 1; i <= n; i++ {
		c.update(t.update(uint64(i), fmt.Sprint("value ", i)))
		removeTerm(c, c.hold(fmt.Sprint("comes and goes ", i%50)))
	}
}

func cutConnections(c *trial) { c.Cut() }
func restartServer(c *trial)  { c.Restart() }
func restartWithout(c *trial) { c.RestartEmpty() }

// watchAcross has a watch live through trouble with the server. What changed
// meanwhile it has to tell too.
func watchAcross(trouble func(*trial)) func(*trial) {
	return func(c *trial) {
		c.hold("before")
		w := c.follow()
		for range 3 {
			trouble(c)
			c.awaitService()
			c.wantEqualsList(w)
			next := c.create(claim("after "+store.NewNonce().String(), long))
			c.await(w, "tells a change after the trouble", has(next, "first"))
		}
	}
}
