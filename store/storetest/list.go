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
	text: "list yields every live record whose key begins with prefix, once, and an error only as the last thing",
	cases: []lawcase{
		{name: "Nothing", run: func(c *trial) {
			for _, prefix := range []string{"", "a", "a/"} {
				if n := len(c.list(prefix)); n > 0 {
					c.broke("list of an empty store yields %d records", n)
				}
			}
		}},
		{name: "RecordsAsTheyAre", run: func(c *trial) {
			a, b := c.brief("a"), c.hold("b")
			c.update(b.update(1, "second"))
			asked := time.Now()
			all := c.list("")
			c.wantLeft(all["a"], a, asked, time.Now())
			c.wantLeft(all["b"], b, asked, time.Now())
			if r := all["a"]; len(all) != 2 || string(r.Value) != "first" || r.Token != a.Token {
				c.broke("list yields %v", all)
			}
			if r := all["b"]; string(r.Value) != "second" || r.Token != b.Token {
				c.broke("after an update list yields %s", show(r))
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
					c.broke("list of the prefix %q yields %q, want %q", prefix, got, want)
				}
			}
		}},
		// listMany has more records than a backend reads at once.
		{name: "Many", run: func(c *trial) {
			want := keys("many/", 2500)
			c.holdAll(want)
			c.hold("many")
			if got := sorted(c.list("many/")); !slices.Equal(got, want) {
				c.broke("of %d records list yields %d", len(want), len(got))
			}
		}},
		{name: "NotWhatIsGone", run: func(c *trial) {
			expired, deleted := c.brief("expired"), c.hold("deleted")
			c.hold("stays")
			removeTerm(c, deleted)
			c.expire(expired)
			for range 2 { // the first may clear up
				if got := sorted(c.list("")); !slices.Equal(got, []string{"stays"}) {
					c.broke("list yields %q, want only what is live", got)
				}
			}
		}},
		{name: "LeftEarly", run: func(c *trial) {
			for _, key := range keys("key/", 30) {
				c.hold(key)
			}
			for stop := range 3 {
				seen := 0
				for _, err := range c.Store.List(c.Context(), "key/") {
					if err != nil {
						c.broke("list: %v", err)
					}
					if seen++; seen > stop {
						break
					}
				}
			}
			c.hold("the store still works")
			if n := len(c.list("key/")); n != 30 {
				c.broke("after lists that were left early one yields %d of 30 records", n)
			}
		}},
		{name: "TheBodyMayCallTheStore", run: func(c *trial) {
			for _, key := range keys("key/", 20) {
				c.hold(key)
			}
			for r, err := range c.Store.List(c.Context(), "key/") {
				if err != nil {
					c.broke("list whose body deletes: %v", err)
				}
				c.remove(r.Key, store.ByToken(r.Token))
				c.hold("other" + r.Key)
			}
			if n := len(c.list("key/")); n != 0 {
				c.broke("a list whose body deletes each record missed %d", n)
			}
		}},
		{name: "TwiceFromOneIterator", run: func(c *trial) {
			c.hold("a")
			seq := c.Store.List(c.Context(), "")
			for _, want := range []int{1, 2} {
				if all, err := collect(seq); err != nil || len(all) != want {
					c.broke("each loop over an iterator asks the store: got %d records, %v, want %d", len(all), err, want)
				}
				c.Store.Create(c.Context(), claim("b", long))
			}
		}},
		// listUnderWriters lists again and again while others come and go around what
		// stays.
		{name: "UnderConcurrentWriters", run: func(c *trial) {
			stay := keys("key/stays/", 150)
			c.holdAll(stay)
			var writers sync.WaitGroup
			stop := make(chan struct{})
			for i := range 4 {
				key := fmt.Sprintf("key/%c comes and goes", "aszz"[i])
				writers.Go(func() { c.comeAndGo(key, stop) })
			}
			var fault string
			for round := 0; round < 30 && fault == ""; round++ {
				fault = c.missing(stay)
				time.Sleep(time.Millisecond)
			}
			close(stop)
			writers.Wait()
			if fault != "" {
				c.broke("under concurrent writers list %s", fault)
			}
		}},
		{name: "ThroughAPeer", run: func(c *trial) {
			t := c.hold("key")
			all, err := collect(c.peer().List(c.Context(), ""))
			if err != nil || len(all) != 1 || all["key"].Token != t.Token {
				c.broke("list through another process yields %v, %v", all, err)
			}
		}},
	},
}

// collect gathers what a list yields, and its error or what is wrong with it.
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

// holdAll creates records in parallel.
func (c *trial) holdAll(names []string) {
	c.Helper()
	var all sync.WaitGroup
	faults := make(chan error, len(names))
	for part := range slices.Chunk(names, len(names)/8+1) {
		all.Go(func() {
			for _, key := range part {
				_, err := c.Store.Create(c.Context(), claim(key, long))
				faults <- err
			}
		})
	}
	all.Wait()
	close(faults)
	for err := range faults {
		if err != nil {
			c.broke("create of a key that is free: %v", err)
		}
	}
}

// comeAndGo creates and deletes keys with a prefix, a hundred at a time.
func (c *trial) comeAndGo(prefix string, stop chan struct{}) {
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		claim := claim(fmt.Sprint(prefix, n%100), long)
		if n%200 < 100 {
			c.Store.Create(c.Context(), claim)
		} else if r, err := c.Store.Get(c.Context(), claim.Key); err == nil {
			c.Store.Delete(c.Context(), claim.Key, store.ByToken(r.Token))
		}
		if n%100 == 99 {
			time.Sleep(time.Millisecond)
		}
	}
}

// missing says what is wrong with a list that has to have these keys.
func (c *trial) missing(stay []string) string {
	all, err := collect(c.Store.List(c.Context(), "key/"))
	if err != nil {
		return "fails: " + err.Error()
	}
	for _, key := range stay {
		if _, ok := all[key]; !ok {
			return fmt.Sprintf("does not yield %q, which stays", key)
		}
	}
	return ""
}
