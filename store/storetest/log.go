package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

var logger = need{"Store is a Logger", func(f Fixture) bool { _, ok := f.Store.(store.Logger); return ok }}

var logLaw = law{
	name: "LogsKeepTheirOrder",
	text: "the log of a key has the entries of its leases by token and number, each once, those of an update exactly if that was applied; it outlives the record, and goes by its limits alone",
	cases: []lawcase{
		{name: "InOrder", needs: []need{logger}, run: func(c *trial) {
			t := c.hold("key")
			c.append(t, 1, "a", "b")
			c.append(t, 3, "c")
			c.append(t, 7, "g") // four to six were dropped
			at := func(n uint64) store.LogPosition { return store.LogPosition{Token: t.Token, Number: n} }
			all := []string{"a", "b", "c", "g"}
			for what, q := range map[string]struct {
				query store.LogQuery
				want  []string
			}{
				"all":                 {store.LogQuery{}, all},
				"limit":               {store.LogQuery{Limit: 2}, all[:2]},
				"more than all":       {store.LogQuery{Limit: 9}, all},
				"after":               {store.LogQuery{After: at(2)}, all[2:]},
				"after a gap":         {store.LogQuery{After: at(5)}, all[3:]},
				"after the last":      {store.LogQuery{After: at(7)}, nil},
				"after another lease": {store.LogQuery{After: store.LogPosition{Token: t.Token - 1, Number: 99}}, all},
				"before":              {store.LogQuery{Before: at(3)}, all[:2]},
				"before all":          {store.LogQuery{Before: at(1)}, nil},
				"before the next":     {store.LogQuery{Before: store.LogPosition{Token: t.Token + 1}}, all},
				"between":             {store.LogQuery{After: at(1), Before: at(7)}, all[1:3]},
				"backward":            {store.LogQuery{Backward: true}, []string{"g", "c", "b", "a"}},
				"newest two":          {store.LogQuery{Backward: true, Limit: 2}, []string{"g", "c"}},
				"newest before":       {store.LogQuery{Backward: true, Limit: 1, Before: at(3)}, []string{"b"}},
				"backward between":    {store.LogQuery{Backward: true, After: at(1), Before: at(7)}, []string{"c", "b"}},
			} {
				c.wantLog(what, c.Store, "key", q.query, q.want...)
			}
			entries, err := c.readLog(c.peer(), "key", store.LogQuery{Backward: true, Limit: 1})
			if err != nil || len(entries) != 1 || entries[0].LogPosition != at(7) {
				c.failf("the newest entry is %v, %v, want that at %v", entries, err, at(7))
			}
			c.wantLog("another key", c.Store, "ke", store.LogQuery{})
		}},
		{name: "ALongLog", needs: []need{logger}, run: func(c *trial) {
			t := c.hold("key")
			var want []string
			for i := range 5 {
				var values []string
				for n := range store.MaxLogEntries {
					values = append(values, fmt.Sprintf("%d %s", i*store.MaxLogEntries+n, strings.Repeat("x", 300)))
				}
				c.append(t, uint64(i*store.MaxLogEntries+1), values...)
				want = append(want, values...)
			}
			c.wantLog("a long log", c.Store, "key", store.LogQuery{}, want...)
			slices.Reverse(want)
			c.wantLog("a long log backward", c.Store, "key", store.LogQuery{Backward: true}, want...)
			c.wantLog("its newest 200", c.Store, "key", store.LogQuery{Backward: true, Limit: 200}, want[:200]...)
		}},
		{name: "LongEntries", needs: []need{logger}, run: func(c *trial) {
			t := c.hold("key")
			long := strings.Repeat("\x00\xffé", store.MaxLogValue/4)
			c.append(t, 1, long, long, long)
			c.wantLog("long entries", c.Store, "key", store.LogQuery{}, long, long, long)
		}},
		{name: "ARepeatChangesNothing", needs: []need{logger}, run: func(c *trial) {
			t := c.hold("key")
			c.append(t, 1, "a", "b")
			c.append(t, 1, "a", "b")
			c.append(t, 2, "b", "c") // the first of them is a repeat
			c.append(t, 1, "a")
			c.wantLog("repeated entries", c.Store, "key", store.LogQuery{}, "a", "b", "c")
		}},
		{name: "AStaleTokenAppendsNothing", needs: []need{logger}, run: func(c *trial) {
			first := c.hold("key")
			c.append(first, 1, "a")
			c.delete("key", store.ByToken(first.Token))
			c.want("append after a delete", c.appendErr(first, 2, "b"), store.ErrLost)
			second := c.hold("key")
			c.want("append of an earlier lease", c.appendErr(first, 2, "b"), store.ErrLost)
			c.want("update of an earlier lease", c.logger().UpdateWith(c.Context(), first.update(9, "x"), addition(2, "b")), store.ErrLost)
			c.append(second, 1, "c")
			c.wantLog("two leases", c.Store, "key", store.LogQuery{}, "a", "c")
			c.wantLog("of the second", c.Store, "key", store.LogQuery{After: store.LogPosition{Token: second.Token}}, "c")
			c.want("append without a record", c.appendErr(lease{Claim: store.Claim{Key: "none"}, Grant: store.Grant{Token: 1}}, 1, "a"), store.ErrLost)
			c.wantLog("a key that never had a record", c.Store, "none", store.LogQuery{})
		}},
		{name: "AnExpiredLeaseAppendsNothing", needs: []need{logger}, run: func(c *trial) {
			t := c.holdShort("key")
			c.append(t, 1, "a")
			c.expire(t)
			c.want("append after the expiry", c.appendErr(t, 2, "b"), store.ErrLost)
			c.wantLog("after the expiry", c.Store, "key", store.LogQuery{}, "a")
		}},
		{name: "WithTheUpdateOrNot", needs: []need{logger}, run: func(c *trial) {
			t := c.hold("key")
			with := func(seq, first uint64, value string) error {
				a := addition(first, value)
				a.Log.Failed = func(err error) { c.failf("the entry of update %d failed: %v", seq, err) }
				return c.logger().UpdateWith(c.Context(), t.update(seq, "value of "+value), a)
			}
			c.want("update 5", with(5, 1, "a"), nil)
			c.wantRecord("after update 5", "key", "value of a", t.Token)
			c.want("the same once more", with(5, 1, "a"), nil)
			c.want("update 4", with(4, 2, "b"), store.ErrStale)
			c.want("update 6", with(6, 2, "c"), nil)
			c.want("an update without entries", c.logger().UpdateWith(c.Context(), t.update(7, "bare"), store.Addition{}), nil)
			c.wantRecord("after update 7", "key", "bare", t.Token)
			c.wantLog("updates", c.Store, "key", store.LogQuery{}, "a", "c")
		}},
		{name: "OnlyTheNewestAreKept", needs: []need{logger}, run: func(c *trial) {
			t := c.hold("key")
			const most, all = 20, 130
			var want []string
			for n := uint64(1); n <= all; n++ {
				value := fmt.Sprint(n)
				want = append(want, value)
				e := addition(n, value).Log
				e.Limits.Entries = most
				c.want("append "+value, c.logger().AppendLog(c.Context(), "key", t.Token, e), nil)
			}
			got := c.values("a bounded log", c.Store, "key", store.LogQuery{})
			if len(got) < most || len(got) > most+most/10 || !slices.Equal(got, want[all-len(got):]) {
				c.failf("a log of %d entries has after %d: %q", most, all, got)
			}
		}},
		{name: "EntriesExpire", needs: []need{logger}, run: func(c *trial) {
			t := c.hold("key")
			begun := time.Now()
			e := addition(1, "old").Log
			e.Limits.Age = 2 * time.Second
			c.want("append", c.logger().AppendLog(c.Context(), "key", t.Token, e), nil)
			read := c.values("a young entry", c.Store, "key", store.LogQuery{})
			if time.Since(begun) < e.Limits.Age && !slices.Equal(read, []string{"old"}) {
				c.failf("the log is %q before the entry's age of %v", read, e.Limits.Age)
			}
			time.Sleep(2*e.Limits.Age - time.Since(begun))
			if !eventually(c.caps.Precision+c.timeout(), func() bool { return len(c.values("an old entry", c.Store, "key", store.LogQuery{})) == 0 }) {
				c.failf("an entry of %v is still there after twice that", e.Limits.Age)
			}
		}},
		{name: "FollowedAsItGrows", needs: []need{logger}, run: func(c *trial) {
			first := c.hold("key")
			c.append(first, 1, "1")
			f := c.follow(c.Context(), c.peer(), "key", store.LogPosition{})
			late := c.follow(c.Context(), c.Store, "key", store.LogPosition{Token: first.Token, Number: 1})
			c.wantFollowed("what was there", f, 1)
			other := c.hold("key2")
			c.append(other, 1, "of another key")
			const writes = 100
			for n := uint64(2); n <= writes; n++ {
				if n%2 == 0 {
					c.append(first, n, fmt.Sprint(n))
					continue
				}
				c.want("update with an entry", c.logger().UpdateWith(c.Context(), first.update(n, "x"), addition(n, fmt.Sprint(n))), nil)
			}
			c.delete("key", store.ByToken(first.Token))
			second := c.hold("key")
			c.append(second, 1, fmt.Sprint(writes+1))
			c.wantFollowed("a growing log", f, writes+1)
			c.wantFollowedFrom("from its second entry", late, 2, writes)
		}},
		{name: "FollowedWhileALimitDropsEntries", needs: []need{logger}, run: func(c *trial) {
			t := c.hold("key")
			const most, writes = 5, 200
			c.append(t, 1, "1")
			first := store.LogPosition{Token: t.Token, Number: 1}
			readers := []*followed{c.follow(c.Context(), c.Store, "key", first), c.follow(c.Context(), c.peer(), "key", first)}
			for n := uint64(2); n <= writes; n++ {
				a := addition(n, fmt.Sprint(n))
				a.Log.Limits.Entries = most
				if n%2 == 0 {
					c.want("append", c.logger().AppendLog(c.Context(), "key", t.Token, a.Log), nil)
				} else {
					c.want("update with an entry", c.logger().UpdateWith(c.Context(), t.update(n, "x"), a), nil)
				}
			}
			for _, f := range readers {
				complete := eventually(c.timeout(), func() bool { return slices.Contains(f.values(), fmt.Sprint(writes)) })
				got := f.values()
				last := 1
				for _, v := range got {
					n, _ := strconv.Atoi(v)
					complete = complete && n > last && (n == last+1 || n <= writes-most+1)
					last = n
				}
				if !complete || last != writes {
					c.failf("a reader has %.900q of a log that a limit cuts meanwhile, want growing numbers from 2 to %d, of the newest %d all", got, writes, most)
				}
			}
		}},
		{name: "FollowEndsWithItsContext", needs: []need{logger}, run: func(c *trial) {
			ctx, cancel := context.WithCancelCause(c.Context())
			f := c.follow(ctx, c.Store, "key", store.LogPosition{})
			time.Sleep(10 * time.Millisecond)
			cancel(errEnd)
			select {
			case <-f.ended:
			case <-time.After(c.timeout()):
				c.failf("the reader of a log has not ended with its context")
			}
			if !errors.Is(f.err, errEnd) && !errors.Is(f.err, context.Canceled) {
				c.failf("the reader of a log ended with %v, want the error of its context", f.err)
			}
		}},
		{name: "RecordsAreNotDisturbed", needs: []need{logger}, run: func(c *trial) {
			keys := []string{"a", "a/", "a/b", "a:1", "a:1-1", "a{b}", "{a", "ä*?[x]", "a\x00b"}
			for i, key := range keys {
				t := c.hold(key)
				c.append(t, 1, fmt.Sprint("entry of ", i))
			}
			for i, key := range keys {
				c.wantLog(fmt.Sprintf("key %q", key), c.Store, key, store.LogQuery{}, fmt.Sprint("entry of ", i))
			}
			if all := c.list(""); len(all) != len(keys) {
				c.failf("a list has %d records, want %d", len(all), len(keys))
			}
			c.delete("a", store.ByToken(c.get("a").Token))
			c.wantNone("a key with a log", "a")
			c.hold("a")
		}},
		{name: "InvalidArgumentsAreRefused", needs: []need{logger}, run: func(c *trial) {
			t := c.hold("key")
			for what, spoil := range map[string]func(*store.LogEntries){
				"number":     func(e *store.LogEntries) { e.First = 0 },
				"no entries": func(e *store.LogEntries) { e.Values = nil },
				"many":       func(e *store.LogEntries) { e.Values = make([][]byte, store.MaxLogEntries+1) },
				"empty":      func(e *store.LogEntries) { e.Values = [][]byte{{}} },
				"long":       func(e *store.LogEntries) { e.Values = [][]byte{make([]byte, store.MaxLogValue+1)} },
				"length":     func(e *store.LogEntries) { e.Limits.Entries = 0 },
				"too long":   func(e *store.LogEntries) { e.Limits.Entries = store.MaxLogLength + 1 },
				"age":        func(e *store.LogEntries) { e.Limits.Age = 0 },
				"too old":    func(e *store.LogEntries) { e.Limits.Age = store.MaxLogAge + 1 },
			} {
				a := addition(1, "a")
				spoil(&a.Log)
				c.want("append with "+what, c.logger().AppendLog(c.Context(), "key", t.Token, a.Log), store.ErrInvalid)
				if what != "no entries" {
					c.want("update with "+what, c.logger().UpdateWith(c.Context(), t.update(1, "x"), a), store.ErrInvalid)
				}
			}
			_, err := c.readLog(c.Store, "", store.LogQuery{})
			c.want("read without a key", err, store.ErrInvalid)
			c.want("append without a token", c.logger().AppendLog(c.Context(), "key", 0, addition(1, "a").Log), store.ErrInvalid)
			c.wantLog("after refused calls", c.Store, "key", store.LogQuery{})
			c.wantRecord("after refused calls", "key", "first", t.Token)
		}},
		{name: "AClosedStore", needs: []need{logger, closer}, run: func(c *trial) {
			t := c.hold("key")
			f := c.follow(c.Context(), c.Store, "key", store.LogPosition{})
			c.append(t, 1, "1")
			c.wantFollowed("before Close", f, 1)
			c.close()
			select {
			case <-f.ended:
				c.want("the reader of a closed store", f.err, store.ErrClosed)
			case <-time.After(c.timeout()):
				c.failf("the reader of a log has not ended with its store")
			}
			c.want("append to a closed store", c.appendErr(t, 2, "2"), store.ErrClosed)
			_, err := c.readLog(c.Store, "key", store.LogQuery{})
			c.want("read of a closed store", err, store.ErrClosed)
		}},
		{name: "AcrossACut", needs: []need{logger, cut}, run: followAcross(func(c *trial) { c.Cut() })},
		{name: "AcrossRestart", needs: []need{logger, restart}, run: followAcross(func(c *trial) { c.Restart() })},
	},
}

var errEnd = errors.New("the end")

// followAcross follows a log through trouble.
func followAcross(trouble func(*trial)) func(*trial) {
	return func(c *trial) {
		t := c.hold("key")
		f := c.follow(c.Context(), c.peer(), "key", store.LogPosition{})
		c.append(t, 1, "1")
		c.wantFollowed("before", f, 1)
		trouble(c)
		if !eventually(c.timeout(), func() bool { return c.appendErr(t, 2, "2") == nil }) {
			c.conclude("no entry can be appended", c.expiredDependency())
		}
		c.wantFollowed("afterwards", f, 2)
	}
}

// addition has one entry.
func addition(number uint64, value string) store.Addition {
	return store.Addition{Log: store.LogEntries{First: number, Values: [][]byte{[]byte(value)}, Limits: store.LogLimits{Entries: 1000, Age: time.Hour}}}
}

func (c *trial) logger() store.Logger { return c.Store.(store.Logger) }

func (c *trial) appendErr(t lease, first uint64, values ...string) error {
	e := addition(first, "").Log
	e.Values = nil
	for _, v := range values {
		e.Values = append(e.Values, []byte(v))
	}
	return c.logger().AppendLog(c.Context(), t.Key, t.Token, e)
}

func (c *trial) append(t lease, first uint64, values ...string) {
	c.Helper()
	if err := c.appendErr(t, first, values...); err != nil {
		c.failf("append of entries from %d by the live lease: %v", first, err)
	}
}

func (c *trial) readLog(st store.Store, key string, q store.LogQuery) (all []store.LogEntry, err error) {
	for e, err := range st.(store.Logger).ReadLog(c.Context(), key, q) {
		if err != nil {
			return all, err
		}
		all = append(all, e)
	}
	return all, nil
}

func (c *trial) values(what string, st store.Store, key string, q store.LogQuery) (values []string) {
	c.Helper()
	entries, err := c.readLog(st, key, q)
	if err != nil {
		c.failf("read of %s: %v", what, err)
	}
	for _, e := range entries {
		values = append(values, string(e.Value))
	}
	return values
}

func (c *trial) wantLog(what string, st store.Store, key string, q store.LogQuery, want ...string) {
	c.Helper()
	if got := c.values(what, st, key, q); !slices.Equal(got, want) {
		c.failf("read of %s: %.200q, want %.200q", what, got, want)
	}
}

// followed is a goroutine that follows a log.
type followed struct {
	ended chan struct{} // closed by the goroutine; err is set by then
	err   error
	mu    sync.Mutex
	got   []string
}

func (f *followed) values() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.got)
}

func (c *trial) follow(ctx context.Context, st store.Store, key string, after store.LogPosition) *followed {
	f := &followed{ended: make(chan struct{})}
	go func() {
		defer close(f.ended)
		for e, err := range st.(store.Logger).FollowLog(ctx, key, after) {
			if f.err = err; err != nil {
				continue
			}
			f.mu.Lock()
			f.got = append(f.got, string(e.Value))
			f.mu.Unlock()
		}
	}()
	return f
}

// wantFollowed waits for the entries with the values 1 to n.
func (c *trial) wantFollowed(what string, f *followed, n int) {
	c.Helper()
	c.wantFollowedFrom(what, f, 1, n)
}

func (c *trial) wantFollowedFrom(what string, f *followed, from, n int) {
	c.Helper()
	var want []string
	for i := range n {
		want = append(want, fmt.Sprint(from+i))
	}
	if !eventually(c.timeout(), func() bool { return len(f.values()) >= n }) || !slices.Equal(f.values(), want) {
		c.failf("%s: the reader got %d entries, %.200q, want %d from %d", what, len(f.values()), f.values(), n, from)
	}
}
