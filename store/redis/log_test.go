package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/store"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

// logEntries has values to append.
func logEntries(first uint64, values ...string) store.LogEntries {
	e := store.LogEntries{First: first, Limits: store.LogLimits{Entries: 1000, Age: time.Hour}}
	for _, v := range values {
		e.Values = append(e.Values, []byte(v))
	}
	return e
}

// updateLogged makes an update with one entry, and returns its error and that of the entry.
func updateLogged(ctx context.Context, st *redisstore.Store, key string, token store.Token, n uint64) (err, entry error) {
	with := store.Addition{Log: logEntries(n, fmt.Sprint(n))}
	with.Log.Failed = func(err error) { entry = err }
	err = st.UpdateWith(ctx, store.Update{Key: key, Token: token, Seq: n, Value: fmt.Append(nil, "value ", n)}, with)
	return err, entry
}

// logged returns the values of a log.
func logged(ctx context.Context, st *redisstore.Store, key string) (values []string, err error) {
	for e, err := range st.ReadLog(ctx, key, store.LogQuery{}) {
		if err != nil {
			return values, err
		}
		values = append(values, string(e.Value))
	}
	return values, nil
}

func (b *bench) wantLog(what, key string, want ...string) {
	b.Helper()
	if got, err := logged(b.Context(), b.Store, key); err != nil || !slices.Equal(got, want) {
		b.Errorf("%s the log is %.200q, %v, want %.200q", what, got, err, want)
	}
}

// logName returns the name of the log of a key.
func (b *bench) logName(key string) string {
	b.Helper()
	return strings.Replace(b.fence(key), "}:f:", "}:l:", 1)
}

// A log that the server refuses is reported, and the update is made all the same.
func TestARefusedLogDoesNotFailAnUpdate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rights []any  // of the user, after New
		before []any  // a command of another program
		tells  string // a part of the error of the entries
		reads  bool   // whether the log can be read
	}{
		"no right to append":  {rights: []any{"-xadd"}, tells: "XADD", reads: true},
		"no right to the log": {rights: []any{"resetkeys", "~key", "~leasehold:index", "~leasehold:{*}:f:*"}, tells: "NOPERM"},
		"a string":            {before: []any{"SET", "", "of another program"}, tells: "WRONGTYPE"},
		"a list":              {before: []any{"RPUSH", "", "of another program"}, tells: "WRONGTYPE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t)
			b.do("ACL", "SETUSER", "weak", "on", ">secret", "~*", "&*", "+@all")
			client := redis.NewClient(&redis.Options{Addr: b.server.Addr(), Username: "weak", Password: "secret"})
			t.Cleanup(func() { client.Close() })
			st := open(t, client)
			token := b.hold("key").Token
			if c.rights != nil {
				b.do(append([]any{"ACL", "SETUSER", "weak"}, c.rights...)...)
			}
			if c.before != nil {
				c.before[1] = b.logName("key")
				b.do(c.before...)
			}
			dump := b.plain.Dump(t.Context(), b.logName("key")).Val()
			err, entry := updateLogged(t.Context(), st, "key", token, 1)
			want(t, "the update", err, nil)
			if v := b.value("key"); v != "value 1" {
				t.Errorf("the value is %q", v)
			}
			for verb, err := range map[string]error{
				"the entry of an update": entry,
				"append":                 st.AppendLog(t.Context(), "key", token, logEntries(1, "1")),
			} {
				want(t, verb, err, store.ErrUnavailable)
				if err == nil || errors.Is(err, store.ErrInDoubt) || !strings.Contains(err.Error(), c.tells) {
					t.Errorf("%s: %v, want an error that tells of %q", verb, err, c.tells)
				}
			}
			if after := b.plain.Dump(t.Context(), b.logName("key")).Val(); after != dump {
				t.Errorf("the log was %q and is %q", dump, after)
			}
			if _, err := logged(t.Context(), st, "key"); c.reads != (err == nil) {
				t.Errorf("read: %v", err)
			}
			if c.reads {
				return
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			for _, err = range st.FollowLog(ctx, "key", store.LogPosition{}) {
			}
			want(t, "follow", err, store.ErrUnavailable)
		})
	}
}

func TestAFullServerTakesNoEntriesUntilItHasSpace(t *testing.T) {
	t.Parallel()
	b := start(t)
	token := b.hold("key").Token
	want(t, "append", b.AppendLog(t.Context(), "key", token, logEntries(1, "1")), nil)
	b.do("CONFIG", "SET", "maxmemory", "1")
	err := b.AppendLog(t.Context(), "key", token, logEntries(2, "2"))
	want(t, "append to a full server", err, store.ErrUnavailable)
	if errors.Is(err, store.ErrInDoubt) {
		t.Error(err)
	}
	b.wantLog("on a full server", "key", "1")
	b.do("CONFIG", "SET", "maxmemory", "0")
	want(t, "append with space", b.AppendLog(t.Context(), "key", token, logEntries(2, "2")), nil)
	b.wantLog("with space", "key", "1", "2")
}

func TestEntriesWhoseReplyIsLostAreStoredOnce(t *testing.T) {
	t.Parallel()
	b := start(t)
	p := proxyTo(t, b.server.Addr(), "evalsha")
	st := open(t, p.client(t))
	token := b.hold("key").Token
	var err error
	p.loseReply(b, func() { err, _ = updateLogged(t.Context(), st, "key", token, 1) })
	want(t, "without a reply", err, store.ErrInDoubt)
	eventually(t, "the repeat succeeds", func() bool {
		err, entry := updateLogged(t.Context(), st, "key", token, 1)
		return err == nil && entry == nil
	})
	p.loseReply(b, func() { err = st.AppendLog(t.Context(), "key", token, logEntries(2, "2", "3")) })
	want(t, "append without a reply", err, store.ErrInDoubt)
	eventually(t, "the repeat succeeds", func() bool {
		return st.AppendLog(t.Context(), "key", token, logEntries(2, "2", "3")) == nil
	})
	b.wantLog("after the repeats", "key", "1", "2", "3")
}

// With an answer, the entries are a second command. If its reply alone is lost they are in doubt.
func TestEntriesInDoubtAreReported(t *testing.T) {
	t.Parallel()
	b := start(t)
	p := proxyTo(t, b.server.Addr(), "evalsha")
	st := open(t, p.client(t))
	token := b.hold("key").Token
	ask(b.Context(), b.Store, request("1", time.Minute))
	for range b.Requests(b.Context(), "key", token) {
		break
	}
	update := func(seq uint64, a store.Answer) (err, entry error) {
		with := store.Addition{Log: logEntries(seq, fmt.Sprint(seq)), Answer: &a}
		with.Log.Failed = func(err error) { entry = err }
		err = st.UpdateWith(b.Context(), store.Update{Key: "key", Token: token, Seq: seq, Value: []byte("value")}, with)
		return err, entry
	}
	early, final := answerTo("1"), answerTo("1")
	early.Final = false
	err, entry := update(1, early)
	want(t, "update", errors.Join(err, entry), nil) // the server knows both scripts
	p.cutShort.Store(true)
	err, entry = update(2, final)
	want(t, "update with one reply of two", err, nil)
	want(t, "its entry", entry, store.ErrInDoubt)
	b.wantLog("afterwards", "key", "1", "2")
}

// A reader of a log that is cut meanwhile gets a part of it, in order, up to its end.
func TestALogThatIsTrimmedWhileItIsRead(t *testing.T) {
	t.Parallel()
	b := start(t)
	token := b.hold("key").Token
	number := uint64(1)
	fill := func() {
		e := logEntries(number)
		for range store.MaxLogEntries {
			e.Values = append(e.Values, fmt.Append(nil, number))
			number++
		}
		want(t, "append", b.AppendLog(t.Context(), "key", token, e), nil)
	}
	for range 10 {
		fill()
	}
	var got []store.LogPosition
	for e, err := range b.ReadLog(t.Context(), "key", store.LogQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		if n := len(got); n > 0 && e.Compare(got[n-1]) <= 0 {
			t.Fatalf("%v comes after %v", e.LogPosition, got[n-1])
		}
		if got = append(got, e.LogPosition); len(got) == 10 {
			fill()
			b.do("XTRIM", b.logName("key"), "MAXLEN", "=", 100)
		}
	}
	if n := len(got); n < 100 || got[n-1].Number != number-1 {
		t.Errorf("%d entries were read, the last at %v, want at least 100 and the last number %d", n, got[n-1], number-1)
	}
	backward := 0
	for _, err := range b.ReadLog(t.Context(), "key", store.LogQuery{Backward: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if backward++; backward == 10 {
			b.do("DEL", b.logName("key"))
		}
	}
	if backward < 10 || backward > 100 {
		t.Errorf("%d entries were read of a log that was deleted meanwhile", backward)
	}
}

// Entries of concurrent callers keep the order of their numbers or are refused as repeats.
func TestConcurrentAppendsKeepTheOrder(t *testing.T) {
	t.Parallel()
	b := start(t)
	const keys, writes = 8, 50
	stores := []*redisstore.Store{b.Store, open(t, b.server.Client())}
	var all sync.WaitGroup
	for k := range keys {
		key := fmt.Sprint("key:", k)
		token := b.hold(key).Token
		for _, st := range stores { // each entry is sent by both
			all.Go(func() {
				for n := range uint64(writes) {
					if err := st.AppendLog(t.Context(), key, token, logEntries(n+1, fmt.Sprint(n+1))); err != nil {
						t.Errorf("append to %s: %v", key, err)
					}
				}
			})
		}
	}
	all.Wait()
	var want []string
	for n := range writes {
		want = append(want, fmt.Sprint(n+1))
	}
	for k := range keys {
		b.wantLog("after both", fmt.Sprint("key:", k), want...)
	}
}

// reader is a goroutine that follows a log.
type reader struct {
	mu  sync.Mutex
	got []string
	err error
}

func follow(t testing.TB, st *redisstore.Store, key string) *reader {
	r := new(reader)
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		for e, err := range st.FollowLog(ctx, key, store.LogPosition{}) {
			r.mu.Lock()
			if r.err = err; err == nil {
				r.got = append(r.got, string(e.Value))
			}
			r.mu.Unlock()
		}
	})
	t.Cleanup(func() { cancel(); all.Wait() })
	return r
}

// wantRead waits until a reader has the entries 1 to n.
func (r *reader) wantRead(t testing.TB, n int) {
	t.Helper()
	var want []string
	for i := range n {
		want = append(want, fmt.Sprint(i+1))
	}
	eventually(t, fmt.Sprintf("the reader has %d entries", n), func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.got) >= n || r.err != nil
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil || !slices.Equal(r.got, want) {
		t.Fatalf("the reader has %q, %v, want 1 to %d", r.got, r.err, n)
	}
}

func TestAFollowedLogIsReadOnWithoutMessages(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.do("ACL", "SETUSER", "deaf", "on", ">secret", "~*", "+@all", "allchannels")
	client := redis.NewClient(&redis.Options{Addr: b.server.Addr(), Username: "deaf", Password: "secret"})
	t.Cleanup(func() { client.Close() })
	st := open(t, client)
	b.do("ACL", "SETUSER", "deaf", "resetchannels")
	token := b.hold("key").Token
	r := follow(t, st, "key")
	for n := range uint64(3) {
		want(t, "append", b.AppendLog(t.Context(), "key", token, logEntries(n+1, fmt.Sprint(n+1))), nil)
		r.wantRead(t, int(n+1))
	}
}

func TestAFollowedLogIsReadOnAfterItsConnectionsAreClosed(t *testing.T) {
	t.Parallel()
	b := start(t)
	token := b.hold("key").Token
	r := follow(t, b.Store, "key")
	for n := range uint64(10) {
		b.plain.Do(t.Context(), "CLIENT", "KILL", "TYPE", "pubsub")
		b.plain.Do(t.Context(), "CLIENT", "KILL", "TYPE", "normal") // also those of the reads
		eventually(t, "an entry is appended", func() bool {
			return b.AppendLog(t.Context(), "key", token, logEntries(n+1, fmt.Sprint(n+1))) == nil
		})
		r.wantRead(t, int(n+1))
	}
}

func TestLogsAcrossAFailoverBySentinel(t *testing.T) {
	full.Only(t)
	t.Parallel()
	sentinel := redistest.StartSentinel(t, 30*time.Second)
	client := sentinel.Client()
	b := &bench{TB: t, plain: client, Store: open(t, client)}
	token := b.create(long("key")).Token
	r := follow(t, open(t, sentinel.Client()), "key")
	for n := range uint64(40) {
		eventually(t, "an update with an entry is made", func() bool {
			err, entry := updateLogged(t.Context(), b.Store, "key", token, n+1)
			return err == nil && entry == nil
		})
		if n == 20 {
			eventually(t, "the replica has what the master has", func() bool { return sentinel.Master().Client().Wait(t.Context(), 1, 0).Val() >= 1 })
			sentinel.Failover()
		}
	}
	r.wantRead(t, 40)
}

func TestLogsOfAHungMasterCostTheOthersNothing(t *testing.T) {
	full.Only(t)
	t.Parallel()
	m := startMover(t)
	tag, _ := m.tag() // the first master's
	hung, near := long("{"+tag+"}:hung"), long("{foo}:near")
	hungToken, nearToken := m.create(hung).Token, m.create(near).Token
	readers := []*reader{follow(t, m.Store, hung.Key), follow(t, m.Store, near.Key)}
	write := func(ctx context.Context, key string, token store.Token, n uint64) error {
		err, entry := updateLogged(ctx, m.Store, key, token, n)
		return errors.Join(err, entry)
	}
	want(t, "an update before", write(t.Context(), hung.Key, hungToken, 1), nil)
	readers[0].wantRead(t, 1)
	master := m.cluster.Masters[0]
	master.Pause()
	defer master.Resume()
	for n := range uint64(12) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if err := write(ctx, hung.Key, hungToken, 2); err == nil {
			t.Error("an update on the hung master succeeds")
		}
		cancel()
		ctx, cancel = context.WithTimeout(t.Context(), prompt)
		want(t, "an update on another master", write(ctx, near.Key, nearToken, n+1), nil)
		readers[1].wantRead(t, int(n+1))
		cancel()
	}
	master.Resume()
	// The nodes of a Cluster can lose messages until they have met again, so that one more entry
	// is due now and then before the reader hears of any.
	number := 1
	eventually(t, "the reader has every entry again", func() bool {
		if write(t.Context(), hung.Key, hungToken, uint64(number+1)) == nil {
			number++
		}
		time.Sleep(100 * time.Millisecond)
		readers[0].mu.Lock()
		defer readers[0].mu.Unlock()
		return number > 1 && len(readers[0].got) == number
	})
	readers[0].wantRead(t, number)
}

func TestLogsAcrossAFailoverOfACluster(t *testing.T) {
	full.Only(t)
	t.Parallel()
	m := startMover(t)
	tag, _ := m.tag()
	c := long("{" + tag + "}:key")
	token := m.create(c).Token
	r := follow(t, m.Store, c.Key)
	replica := m.cluster.Follower(m.cluster.Masters[0])
	for n := range uint64(40) {
		if n == 20 {
			eventually(t, "the replica has what the master has", func() bool { return m.nodes[0].Wait(t.Context(), 1, 0).Val() == 1 })
			m.cluster.Promote(replica)
		}
		eventually(t, "an update with an entry is made", func() bool {
			err, entry := updateLogged(t.Context(), m.Store, c.Key, token, n+1)
			return err == nil && entry == nil
		})
	}
	r.wantRead(t, 40)
}

// wantLogBothWays is wantLog, forward and backward.
func (b *bench) wantLogBothWays(what, key string, want ...string) {
	b.Helper()
	b.wantLog(what, key, want...)
	var got []string
	for e, err := range b.ReadLog(b.Context(), key, store.LogQuery{Backward: true, Limit: len(want) + 1}) {
		if err != nil {
			b.Fatal(err)
		}
		got = append(got, string(e.Value))
	}
	if slices.Reverse(got); !slices.Equal(got, want) {
		b.Errorf("%s the log read backward is %.200q, want %.200q", what, got, want)
	}
}

// Entries of another program are not taken for entries of a lease, wherever they stand, and
// keep nobody from those.
func TestForeignEntriesOfALogAreSkipped(t *testing.T) {
	t.Parallel()
	for name, fields := range map[string][]any{
		"one field":     {"a", "1"},
		"other fields":  {"a", "1", "b", "2"},
		"no expiry":     {"e", "soon", "v", "2"},
		"an old expiry": {"a", "1000", "v", "2"},
		"more fields":   {"e", "99999999999999", "v", "2", "w", "3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t)
			token := b.hold("key").Token
			add := func(id string, n int) {
				for range n {
					b.do(append([]any{"XADD", b.logName("key"), id}, fields...)...)
				}
			}
			add("1-*", 250) // more than two pages, before all tokens
			r := follow(t, b.Store, "key")
			for n := range uint64(5) {
				want(t, "append", b.AppendLog(t.Context(), "key", token, logEntries(2*n+1, fmt.Sprint(n+1))), nil)
				b.wantLogBothWays("between foreign entries", "key", []string{"1", "2", "3", "4", "5"}[:n+1]...)
				add("*", 1) // takes the number behind
			}
			r.wantRead(t, 5)
			if oldest := b.do("XRANGE", b.logName("key"), "-", "+", "COUNT", 1); strings.HasPrefix(fmt.Sprint(oldest), "[[1-") {
				t.Errorf("foreign entries are still the oldest: %v", oldest)
			}
		})
	}
}

// An entry whose number another program has taken is lost, and so is each behind an id that is
// beyond all numbers. That is told, and no update fails.
func TestEntriesBehindAForeignOneAreReported(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"*", "18446744073709551615-1"} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			b := start(t)
			token := b.hold("key").Token
			err, entry := updateLogged(t.Context(), b.Store, "key", token, 1)
			want(t, "an update before", errors.Join(err, entry), nil)
			foreign := b.do("XADD", b.logName("key"), id, "a", "1").(string)
			err, entry = updateLogged(t.Context(), b.Store, "key", token, 2)
			want(t, "an update behind "+foreign, err, nil)
			want(t, "its entry", entry, store.ErrUnavailable)
			want(t, "append", b.AppendLog(t.Context(), "key", token, logEntries(2, "2")), store.ErrUnavailable)
			want(t, "append of a stored entry", b.AppendLog(t.Context(), "key", token, logEntries(1, "1")), nil)
			b.wantLogBothWays("behind a foreign entry", "key", "1")
		})
	}
}

// The rights of docs/operations.md are enough on a Cluster. Without one that only logs need, updates are
// made on every master, and each entry is reported.
func TestRightsOfALogOnACluster(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := redistest.StartCluster(t, 3)
	setUser := func(rights ...any) {
		for _, master := range cluster.Masters {
			want(t, "ACL SETUSER", master.Client().Do(t.Context(), append([]any{"ACL", "SETUSER", "worker"}, rights...)...).Err(), nil)
		}
	}
	setUser("on", ">secret", "resetchannels", "~app:*", "~leasehold:*", "&leasehold:*", "-@all",
		"+info", "+client|info", "+evalsha", "+eval", "+time", "+get", "+getex", "+getrange", "+strlen", "+set", "+setrange", "+del", "+exists",
		"+pttl", "+pexpire", "+pexpireat", "+zadd", "+zrem", "+zscore", "+zrangebylex", "+zrange", "+xadd", "+xrange", "+xrevrange", "+xdel",
		"+publish", "+subscribe", "+unsubscribe", "+psubscribe", "+punsubscribe", "+config|get", "+cluster|slots", "+asking")
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: cluster.Addrs(), Username: "worker", Password: "secret"})
	t.Cleanup(func() { client.Close() })
	b := &bench{TB: t, plain: cluster.Client(), Store: open(t, client)}
	keys := []string{"app:{a}", "app:{b}", "app:{c}"} // in slots 15495, 3300 and 7365, of each master one
	tokens := make(map[string]store.Token)
	for _, key := range keys {
		tokens[key] = b.create(long(key)).Token
		r := follow(t, b.Store, key)
		for n := range uint64(2) {
			err, entry := updateLogged(t.Context(), b.Store, key, tokens[key], n+1)
			want(t, "an update with its entry", errors.Join(err, entry), nil)
		}
		want(t, "append", b.AppendLog(t.Context(), key, tokens[key], logEntries(3, "3")), nil)
		r.wantRead(t, 3)
		b.wantLogBothWays("with all rights", key, "1", "2", "3")
	}
	number := uint64(3)
	for _, c := range []struct {
		name        string
		takes, back []any
	}{
		{"no right to append", []any{"-xadd"}, []any{"+xadd"}},
		{"no right to the log", []any{"resetkeys", "~app:*", "~leasehold:{*}:index", "~leasehold:{*}:f:*"}, []any{"~leasehold:*"}},
	} {
		setUser(c.takes...)
		number++
		for _, key := range keys {
			err, entry := updateLogged(t.Context(), b.Store, key, tokens[key], number)
			want(t, c.name+": an update", err, nil)
			want(t, c.name+": its entry", entry, store.ErrUnavailable)
			if v := b.value(key); v != fmt.Sprint("value ", number) {
				t.Errorf("%s: the value is %q", c.name, v)
			}
			want(t, c.name+": append", b.AppendLog(t.Context(), key, tokens[key], logEntries(number, "x")), store.ErrUnavailable)
		}
		setUser(c.back...)
		for _, key := range keys {
			b.wantLogBothWays(c.name, key, "1", "2", "3")
		}
	}
}
