package storetest

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

var listLaw = law{
	name: "ListIsComplete",
	text: "List yields every live record whose key begins with the prefix once, and an error only as the last item",
	cases: []lawcase{
		{name: "NoRecord", run: func(c *trial) {
			for _, prefix := range []string{"", "a", "a/"} {
				if n := len(c.list(prefix)); n > 0 {
					c.failf("List of an empty store yielded %d records", n)
				}
			}
		}},
		{name: "RecordsWithTheirTimeLeft", run: func(c *trial) {
			a, b := c.holdShort("a"), c.hold("b")
			c.update(b.update(1, "second"))
			asked := time.Now()
			all := c.list("")
			c.wantLeft(all["a"], a, asked, time.Now())
			c.wantLeft(all["b"], b, asked, time.Now())
			if r := all["a"]; len(all) != 2 || string(r.Value) != "first" || r.Token != a.Token {
				c.failf("List yielded %v, want the records \"a\" and \"b\" as created and updated", all)
			}
			if r := all["b"]; string(r.Value) != "second" || r.Token != b.Token {
				c.failf("after an update List yielded %s", describe(r))
			}
		}},
		{name: "OnlyThePrefix", run: func(c *trial) {
			for _, key := range []string{"a", "a/1", "a/2", "ab", "b", "A/1"} {
				c.hold(key)
			}
			for prefix, want := range map[string][]string{
				"":      {"A/1", "a", "a/1", "a/2", "ab", "b"},
				"a":     {"a", "a/1", "a/2", "ab"},
				"a/":    {"a/1", "a/2"},
				"a/1":   {"a/1"},
				"a/1/":  nil,
				"A":     {"A/1"},
				"*":     nil,
				"c":     nil,
				"a/2\n": nil,
			} {
				if got := sorted(c.list(prefix)); !slices.Equal(got, want) {
					c.failf("List of the prefix %q yielded %q, want %q", prefix, got, want)
				}
			}
		}},
		// 2500 records are more than a backend reads at once.
		{name: "Many", run: func(c *trial) {
			want := keys("many/", 2500)
			c.holdAll(want)
			c.hold("many")
			if got := sorted(c.list("many/")); !slices.Equal(got, want) {
				c.failf("of %d records List yielded %d", len(want), len(got))
			}
		}},
		{name: "NoEndedRecord", run: func(c *trial) {
			expired, deleted := c.holdShort("expired"), c.hold("deleted")
			c.hold("stays")
			deleteLease(c, deleted)
			c.expire(expired)
			for range 2 { // the first may remove expired records
				if got := sorted(c.list("")); !slices.Equal(got, []string{"stays"}) {
					c.failf("List yielded %q, want only the live record", got)
				}
			}
		}},
		{name: "LoopLeftEarly", run: func(c *trial) {
			for _, key := range keys("key/", 30) {
				c.hold(key)
			}
			for stop := range 3 {
				seen := 0
				for _, err := range c.Store.List(c.Context(), "key/") {
					if err != nil {
						c.failf("List: %v", err)
					}
					if seen++; seen > stop {
						break
					}
				}
			}
			c.hold("after the loops")
			if n := len(c.list("key/")); n != 30 {
				c.failf("after loops that were left early List yielded %d of 30 records", n)
			}
		}},
		{name: "LoopBodyCallsTheStore", run: func(c *trial) {
			for _, key := range keys("key/", 20) {
				c.hold(key)
			}
			for r, err := range c.Store.List(c.Context(), "key/") {
				if err != nil {
					c.failf("List with a loop body that deletes: %v", err)
				}
				c.delete(r.Key, store.ByToken(r.Token))
				c.hold("other" + r.Key)
			}
			if n := len(c.list("key/")); n != 0 {
				c.failf("List with a loop body that deletes each record did not yield %d", n)
			}
		}},
		{name: "IteratorUsedTwice", run: func(c *trial) {
			c.hold("a")
			seq := c.Store.List(c.Context(), "")
			for _, want := range []int{1, 2} {
				if all, err := collect(seq); err != nil || len(all) != want {
					c.failf("each loop over an iterator must read the store: got %d records, %v, want %d", len(all), err, want)
				}
				c.Store.Create(c.Context(), claim("b", long))
			}
		}},
		// List runs again and again while writers create and delete keys on both sides of
		// the records that stay.
		{name: "UnderConcurrentWriters", run: func(c *trial) {
			stay := keys("key/stays/", 150)
			c.holdAll(stay)
			var writers sync.WaitGroup
			stop := make(chan struct{})
			for i := range 4 {
				key := fmt.Sprintf("key/%c temporary ", "aszz"[i])
				writers.Go(func() {
					for n := 0; ; n++ {
						select {
						case <-stop:
							return
						default:
						}
						claim := claim(fmt.Sprint(key, n%100), long)
						if n%200 < 100 {
							c.Store.Create(c.Context(), claim)
						} else if r, err := c.Store.Get(c.Context(), claim.Key); err == nil {
							c.Store.Delete(c.Context(), claim.Key, store.ByToken(r.Token))
						}
						if n%100 == 99 {
							time.Sleep(time.Millisecond)
						}
					}
				})
			}
			var fault string
			for round := 0; round < 30 && fault == ""; round++ {
				all, err := collect(c.Store.List(c.Context(), "key/"))
				if err != nil {
					fault = err.Error()
				}
				for _, key := range stay {
					if _, ok := all[key]; !ok && fault == "" {
						fault = fmt.Sprintf("%q, which stays, is missing", key)
					}
				}
				time.Sleep(time.Millisecond)
			}
			close(stop)
			writers.Wait()
			if fault != "" {
				c.failf("List under concurrent writers: %s", fault)
			}
		}},
		{name: "ThroughAPeer", run: func(c *trial) {
			t := c.hold("key")
			all, err := collect(c.peer().List(c.Context(), ""))
			if err != nil || len(all) != 1 || all["key"].Token != t.Token {
				c.failf("List through another process yielded %v, %v", all, err)
			}
		}},
	},
}

// collect returns the records of a list by key, and its error or a description of its
// fault.
func collect(seq iter.Seq2[store.Record, error]) (map[string]store.Record, error) {
	all := make(map[string]store.Record)
	var last error
	for r, err := range seq {
		_, twice := all[r.Key]
		switch {
		case last != nil:
			return all, fmt.Errorf("goes on after the error %q", last)
		case err != nil:
			last = err
		case twice:
			return all, fmt.Errorf("yields %q twice", r.Key)
		default:
			all[r.Key] = r
		}
	}
	return all, last
}

func keys(prefix string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%s%04d", prefix, i)
	}
	return all
}

func sorted(records map[string]store.Record) []string {
	return slices.Sorted(maps.Keys(records))
}

// holdAll creates records concurrently.
func (c *trial) holdAll(names []string) {
	c.Helper()
	var all sync.WaitGroup
	faults := make(chan error, len(names))
	for chunk := range slices.Chunk(names, len(names)/8+1) {
		all.Go(func() {
			for _, key := range chunk {
				_, err := c.Store.Create(c.Context(), claim(key, long))
				faults <- err
			}
		})
	}
	all.Wait()
	close(faults)
	for err := range faults {
		if err != nil {
			c.failf("create of a free key: %v", err)
		}
	}
}
