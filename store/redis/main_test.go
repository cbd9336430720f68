package redisstore_test

import (
	"errors"
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/leasehold-go/leasehold/internal/redistest"
	redisstore "github.com/leasehold-go/leasehold/store/redis"

	"github.com/leasehold-go/leasehold/store"
)

func TestMain(m *testing.M) {
	flag.Set("test.parallel", "4") // what is parallel waits most of the time
	// A failover client of the Cluster kind goes on listening to its sentinel after Close.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9.(*sentinelFailover).listen"),
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9.(*channel).initMsgChan.func1"),
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9.(*channel).initHealthCheck.func1"))
}

// ttl is long enough that no record of a test expires unless it is meant to.
const ttl = time.Minute

// bench is a server with a store on it, and a plain client beside.
type bench struct {
	testing.TB
	server *redistest.Server
	plain  redis.UniversalClient
	*redisstore.Store
}

func start(t testing.TB, args ...string) *bench {
	t.Helper()
	server := redistest.Start(t, args...)
	plain := server.Client()
	return &bench{t, server, plain, open(t, plain)}
}

func open(t testing.TB, client redis.UniversalClient, opts ...redisstore.Option) *redisstore.Store {
	t.Helper()
	st, err := redisstore.New(t.Context(), client, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

func claim(key string) store.Claim {
	return store.Claim{Key: key, Value: []byte("first"), TTL: ttl, Nonce: store.NewNonce()}
}

func (b *bench) create(c store.Claim) store.Grant {
	b.Helper()
	grant, err := b.Create(b.Context(), c)
	if err != nil {
		b.Fatal(err)
	}
	return grant
}

// hold creates a record with the usual claim.
func (b *bench) hold(key string) store.Grant {
	b.Helper()
	return b.create(claim(key))
}

func (b *bench) renew(w store.Renewal) store.RenewResult {
	b.Helper()
	return b.Renew(b.Context(), []store.Renewal{w})[0]
}

// do sends a plain command and fails the test if it fails.
func (b *bench) do(args ...any) any {
	b.Helper()
	reply, err := b.plain.Do(b.Context(), args...).Result()
	if err != nil {
		b.Fatalf("%v: %v", args, err)
	}
	return reply
}

// value returns what a plain GET returns, or "" if there is nothing.
func (b *bench) value(key string) string {
	b.Helper()
	v, err := b.plain.Get(b.Context(), key).Result()
	if err != nil && err != redis.Nil {
		b.Fatal(err)
	}
	return v
}

// fence returns the name of a key's fence.
func (b *bench) fence(key string) string {
	b.Helper()
	names, err := b.plain.Keys(b.Context(), "leasehold:*").Result()
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "}:f:"+key) {
			return name
		}
	}
	b.Fatalf("%q has no fence", key)
	return ""
}

// The fields of a fence; see record.lua.
var fields = []struct {
	name  string
	width int
}{
	{"layout", 1}, {"state", 1}, {"token", 16}, {"ttl", 13}, {"length", 7}, {"check", 40}, {"seq", 20}, {"mark", 8}, {"store", 16},
	{"ended", 0}, // the rest
}

// field returns a field of a key's fence.
func (b *bench) field(key, name string) string {
	b.Helper()
	text := b.value(b.fence(key))
	for _, f := range fields {
		if f.width == 0 {
			f.width = len(text)
		}
		if f.name == name {
			return text[:f.width]
		}
		text = text[f.width:]
	}
	b.Fatalf("there is no field %q", name)
	return ""
}

// setField writes a field of a key's fence, whatever its length.
func (b *bench) setField(key, name, value string) {
	b.Helper()
	text := ""
	for _, f := range fields {
		if f.name == name {
			text += value
		} else {
			text += b.field(key, f.name)
		}
	}
	b.do("SET", b.fence(key), text, "KEEPTTL")
}

// age gives a record so much time left, and its fence what belongs to that.
func (b *bench) age(key string, left time.Duration) {
	b.Helper()
	gap := b.do("PTTL", b.fence(key)).(int64) - b.do("PTTL", key).(int64)
	b.do("PEXPIRE", key, left.Milliseconds())
	b.do("PEXPIRE", b.fence(key), left.Milliseconds()+gap)
}

// list returns what List yields, by key.
func (b *bench) list(prefix string) map[string]store.Record {
	b.Helper()
	all := make(map[string]store.Record)
	for r, err := range b.List(b.Context(), prefix) {
		if err != nil {
			b.Fatal(err)
		}
		if _, twice := all[r.Key]; twice {
			b.Errorf("list yields %q twice", r.Key)
		}
		all[r.Key] = r
	}
	return all
}

// want fails the test unless err is of that condition.
func want(t testing.TB, what string, err, condition error) {
	t.Helper()
	if !errors.Is(err, condition) {
		t.Errorf("%s: got %v, want: %v", what, err, condition)
	}
}

// eventually waits for something that another goroutine or the server brings about.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	const patience = time.Minute
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("not within %v: %s", patience, what)
}

// prompt is what a call may take after its context has ended. A tenth of a second is the
// promise; the rest is for a machine that has much else to do.
const prompt = 20 * time.Second

// patient returns a client that waits for an answer for longer than that by itself.
func patient(t testing.TB, server *redistest.Server) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: server.Addr(), ReadTimeout: 2 * prompt, MaxRetries: -1})
	t.Cleanup(func() { c.Close() })
	return c
}
