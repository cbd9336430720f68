package storetest

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

var gathering = need{"Store is a GatheringWatcher", func(f Fixture) bool { _, ok := f.Store.(store.GatheringWatcher); return ok }}

var watchLaw = law{
	name: "WatchYieldsRecordsAndChanges",
	text: "Watch yields each record under the prefix as EventPut, then one EventSynced, then changes as they come; a reader that applies each put and each gone in order holds the records that List yields; a watch never ends without an error",
	cases: []lawcase{
		{name: "NoRecord", run: func(c *trial) {
			w := c.watchSynced()
			w.inspect(func(v *view) {
				if len(v.events) != 1 {
					c.failf("the watch of an empty store yielded %s, want only EventSynced", lastEvents(v.events))
				}
			})
		}},
		{name: "RecordsThenSynced", run: func(c *trial) {
			a, b := c.hold("a"), c.hold("b")
			c.update(b.update(1, "second"))
			w := c.watchSynced()
			w.inspect(func(v *view) {
				// A resync may follow at any time, and the records may have expired by then.
				put := func(t lease, value string) bool {
					return slices.ContainsFunc(v.events[:2], func(e store.Event) bool {
						return e.Kind == store.EventPut && e.Record.Key == t.Key && e.Record.Token == t.Token && string(e.Record.Value) == value
					})
				}
				if len(v.events) < 3 || v.events[2].Kind != store.EventSynced || !put(a, "first") || !put(b, "second") {
					c.failf("the watch of two records yielded %s, want two puts and EventSynced", lastEvents(v.events))
				}
			})
		}},
		{name: "OnlyThePrefix", run: func(c *trial) {
			c.hold("other/1")
			c.hold("key/1")
			w := c.watch(c.Context(), c.Store, "key/")
			c.await(w, "the records and EventSynced", func(v *view) bool { return v.synced >= 1 })
			c.hold("other/2")
			t := c.hold("key/2")
			c.hold("key")
			c.await(w, "a create under its prefix", hasRecord(t, "first"))
			w.inspect(func(v *view) {
				if len(v.records) != 2 {
					c.failf("the watch of %q yielded the keys %q", v.prefix, sorted(v.records))
				}
			})
		}},
		{name: "ACreate", run: watchTells(func(c *trial, _ lease) (lease, string) { return c.hold("key beside"), "first" })},
		{name: "ChangesGathered", needs: []need{gathering}, run: func(c *trial) {
			t := c.hold("key")
			v := view{records: make(map[string]store.Record)}
			w, stop := read(c.Context(), v, func(ctx context.Context) iter.Seq2[store.Event, error] {
				return c.Store.(store.GatheringWatcher).WatchGathered(ctx, "", 50*time.Millisecond)
			})
			c.Cleanup(stop)
			c.await(w, "the records and EventSynced", func(v *view) bool { return v.synced >= 1 })
			beside := c.hold("key beside")
			c.update(t.update(1, "updated"))
			c.await(w, "both changes", func(v *view) bool { return hasRecord(t, "updated")(v) && hasRecord(beside, "first")(v) })
			c.wantEqualsList(w)
		}},
		{name: "AnUpdate", run: watchTells(func(c *trial, t lease) (lease, string) {
			c.update(t.update(1, "updated"))
			return t, "updated"
		})},
		{name: "ARenewWithAValue", run: watchTells(func(c *trial, t lease) (lease, string) {
			c.renew(t.renewalWith(1, "renewed"))
			return t, "renewed"
		})},
		{name: "ADelete", run: func(c *trial) {
			c.hold("stays")
			t, w := c.hold("key"), c.watchSynced()
			deleteLease(c, t)
			c.await(w, "a delete as it happens", hasNoRecord("key"))
			c.wantGone(w, t, store.CauseDeleted)
			c.wantEqualsList(w)
		}},
		{name: "AnExpiry", run: func(c *trial) {
			c.hold("stays")
			before, w := c.create(claim("before", 3*c.ttl)), c.watchSynced()
			c.await(w, "the record that existed before", hasRecord(before, "first"))
			after := c.holdShort("after")
			c.await(w, "a create", hasRecord(after, "first"))
			for _, t := range []lease{after, before} {
				c.wantGone(w, t, store.CauseExpired)
				if early := time.Until(t.Until); early > 0 {
					c.failf("the watch yielded EventGone of %q %v before its TTL had passed", t.Key, early)
				}
			}
			c.wantEqualsList(w)
		}},
		{name: "ASuccessor", run: func(c *trial) {
			old, w := c.hold("key"), c.watchSynced()
			deleteLease(c, old)
			next := c.hold("key")
			c.await(w, "a successor", hasRecord(next, "first"))
		}},
		{name: "ARenewIsNotAnEnd", run: func(c *trial) {
			w := c.watchSynced() // first: it takes longer than a TTL where List is slow
			t := c.holdShort("key")
			for range 9 {
				time.Sleep(c.ttl / 3)
				c.heartbeat(&t)
			}
			c.await(w, "a create", hasRecord(t, "first"))
			w.inspect(func(v *view) {
				if slices.ContainsFunc(v.events, func(e store.Event) bool { return e.Kind == store.EventGone }) {
					c.failf("the watch of a record that is renewed yielded %s, want no EventGone", lastEvents(v.events))
				}
			})
			c.wantGone(w, t, store.CauseExpired)
		}},
		// A record follows an expired one while the watch may still count the time left
		// of the first.
		{name: "ASuccessorStays", run: func(c *trial) {
			old, w := c.holdShort("key"), c.watchSynced()
			c.expire(old)
			next := c.hold("key")
			c.await(w, "a successor", hasRecord(next, "first"))
			time.Sleep(c.ttl)
			c.wantEqualsList(w)
		}},
		{name: "ThroughAPeer", run: func(c *trial) {
			t := c.hold("before")
			w := c.watch(c.Context(), c.peer(), "")
			c.await(w, "the records and EventSynced", func(v *view) bool { return v.synced >= 1 && hasRecord(t, "first")(v) })
			c.update(t.update(1, "second"))
			c.await(w, "an update by another process", hasRecord(t, "second"))
			deleteLease(c, t)
			c.await(w, "a delete by another process", hasNoRecord("before"))
		}},
		{name: "Several", run: func(c *trial) {
			ctx, cancel := context.WithCancel(c.Context())
			first, second := c.watch(ctx, c.Store, "a"), c.watch(c.Context(), c.Store, "ab")
			a, ab := c.hold("a"), c.hold("ab")
			c.await(first, "the creates under its prefix", func(v *view) bool { return hasRecord(a, "first")(v) && hasRecord(ab, "first")(v) })
			c.await(second, "the creates under its prefix", hasRecord(ab, "first"))
			cancel()
			<-first.ended
			next := c.hold("ab/next")
			c.await(second, "a create after another watch had ended", hasRecord(next, "first"))
		}},
		{name: "LoopLeftEarly", run: func(c *trial) {
			for _, key := range keys("key/", 5) {
				c.hold(key)
			}
			ctx, cancel := context.WithTimeout(c.Context(), c.timeout())
			defer cancel()
			for stop := range 6 {
				seen := 0
				for _, err := range c.Store.Watch(ctx, "") {
					if err != nil {
						c.failf("the watch ended: %v", err)
					}
					if seen++; seen > stop {
						break
					}
				}
			}
			c.wantEqualsList(c.watchSynced())
		}},
		// The loop deletes each record that the watch yields.
		{name: "LoopBodyCallsTheStore", run: func(c *trial) {
			for _, key := range keys("key/", 10) {
				c.hold(key)
			}
			ctx, cancel := context.WithTimeout(c.Context(), c.timeout())
			defer cancel()
			gone := 0
			for e, err := range c.Store.Watch(ctx, "key/") {
				switch {
				case err != nil:
					c.failf("the loop body deleted 10 records and the watch yielded EventGone of %d: %v", gone, err)
				case e.Kind == store.EventPut:
					c.delete(e.Record.Key, store.ByToken(e.Record.Token))
				case e.Kind == store.EventGone:
					gone++
				}
				if gone == 10 {
					return
				}
			}
			c.failf("the watch ended without an error")
		}},
		// The reader stops while 300 updates happen. They must not wait for it, and in
		// the end it must see the last one.
		{name: "ASlowReader", run: func(c *trial) {
			t := c.hold("key")
			ctx, cancel := context.WithCancel(c.Context())
			late := time.AfterFunc(c.timeout(), cancel) // counted from the last update
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
					if hasRecord(t, "value 300")(&v) && len(v.records) == 1 {
						return
					}
				}
			}()
			finish := sync.OnceFunc(func() { close(wake); <-ended; late.Stop(); cancel() })
			defer finish()
			select {
			case <-asleep:
				for i := 1; i <= 300; i++ {
					c.update(t.update(uint64(i), fmt.Sprint("value ", i)))
					deleteLease(c, c.hold(fmt.Sprint("temporary ", i%50)))
					late.Reset(c.timeout())
				}
			case <-ended:
			}
			finish()
			if v.err != nil || v.fault != "" {
				c.failf("a slow reader did not see the last update: %v %s; last events: %s", v.err, v.fault, lastEvents(v.events))
			}
		}},
		// A delete by another program may become visible only when the record's time left
		// has passed.
		{name: "AnotherProgramsDelete", needs: []need{outsider}, run: func(c *trial) {
			t, w := c.holdShort("key"), c.watchSynced()
			deleteByOutsider(c, t)
			c.awaitFor(c.timeout()+time.Until(t.latest), w, "the end of a record", hasNoRecord("key"))
		}},
		{name: "AcrossACut", needs: []need{cut}, run: watchAcross(func(c *trial) { c.Cut() })},
		{name: "AcrossRestart", needs: []need{restart}, run: watchAcross(func(c *trial) { c.Restart() })},
		{name: "AcrossLossOfData", needs: []need{restartEmpty}, run: watchAcross(func(c *trial) { c.RestartEmpty() })},
	},
}

// watchTells returns a case: a watch must yield a change. The records do not expire, so
// an expiry cannot reveal the change.
func watchTells(change func(*trial, lease) (lease, string)) func(*trial) {
	return func(c *trial) {
		t := c.hold("key")
		w := c.watchSynced()
		changed, value := change(c, t)
		c.await(w, "the change as it happens", hasRecord(changed, value))
		c.wantEqualsList(w)
	}
}

// wantGone waits for the end of a record and checks its cause.
func (c *trial) wantGone(w *watcher, t lease, cause store.Cause) {
	c.Helper()
	c.outlive(t)
	c.awaitFor(c.timeout()+time.Until(t.latest), w, fmt.Sprintf("the end of %q", t.Key), hasNoRecord(t.Key))
	w.inspect(func(v *view) {
		for _, e := range v.events {
			if e.Kind == store.EventGone && e.Record.Token == t.Token && (e.Cause == cause || e.Cause == store.CauseUnknown) {
				return
			}
		}
		c.failf("the end of %q must have the cause %v or unknown; last events: %s", t.Key, cause, lastEvents(v.events))
	})
}

// watchAcross returns a case: a watch survives a fault of the server and yields the
// changes that happened in between.
func watchAcross(trouble func(*trial)) func(*trial) {
	return func(c *trial) {
		c.hold("before")
		w := c.watchSynced()
		for range 3 {
			trouble(c)
			c.awaitServer()
			c.wantEqualsList(w)
			next := c.create(claim("after "+store.NewNonce().String(), long))
			c.await(w, "a change after the fault", hasRecord(next, "first"))
		}
	}
}
