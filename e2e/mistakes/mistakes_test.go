package mistakes_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"go.uber.org/goleak"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
	"github.com/leasehold-go/leasehold/store/storeurl"
)

func TestMain(m *testing.M) {
	redis.SetLogger(&logging.VoidLogger{}) // its troubles come back as errors
	goleak.VerifyTestMain(m)
}

var update = flag.Bool("update", false, "write the section of docs/operations.md anew")

type (
	config   = registry.Config[string, payload]
	instance = registry.Instance[string, payload]
	payload  struct {
		Value any `json:"value,omitempty"`
	}
)

var lifecycle = fsm.MustDefine("idle", fsm.Table[string]{"idle": {"active"}, "active": {"idle"}})

// mistake is made by do, which returns the error that the user gets.
type mistake struct {
	what string
	do   func(t *testing.T) error
}

var mistakes = []mistake{
	{"the URL has a scheme of no store", func(t *testing.T) error {
		return open(t, "mysql://db.example/leases")
	}},
	{"nobody listens at the address", func(t *testing.T) error {
		return openRedis(t, &redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	}},
	{"a wrong password", func(t *testing.T) error {
		s := redistest.Start(t, "--requirepass", "right")
		return openRedis(t, &redis.Options{Addr: s.Addr(), Password: "wrong"})
	}},
	{"Redis evicts keys", func(t *testing.T) error {
		return open(t, redistest.Start(t, "--maxmemory-policy", "allkeys-lru", "--maxmemory", "100mb").URL())
	}},
	{"the server is a replica", func(t *testing.T) error {
		master := redistest.Start(t)
		host, port, _ := strings.Cut(master.Addr(), ":")
		return open(t, redistest.Start(t, "--replicaof", host+" "+port).URL())
	}},
	{"the user lacks a right", func(t *testing.T) error {
		s := redistest.Start(t)
		must(t, s.Client().Do(t.Context(), "ACL", "SETUSER", "weak", "on", ">weak", "~*", "&*", "+@all", "-evalsha", "-eval").Err())
		return openRedis(t, &redis.Options{Addr: s.Addr(), Username: "weak", Password: "weak"})
	}},
	{"the memory of Redis is full", func(t *testing.T) error {
		s := redistest.Start(t, "--maxmemory", "1mb", "--maxmemory-policy", "noeviction")
		return open(t, s.URL())
	}},
	{"the table leads to a state that it does not have", func(*testing.T) error {
		_, err := fsm.Define("idle", fsm.Table[string]{"idle": {"actve"}, "active": {"idle"}})
		return err
	}},
	{"a state cannot be reached", func(*testing.T) error {
		_, err := fsm.Define("idle", fsm.Table[string]{"idle": {"idle"}, "active": {"idle"}})
		return err
	}},
	{"a transition that the table does not have", func(t *testing.T) error {
		return onMemory(t, config{Key: "key"}, func(ctx context.Context, i *instance) error { return i.Transition(ctx, "idle") })
	}},
	{"the heartbeat is too long for the TTL", func(*testing.T) error {
		_, err := lease.NewKeeper(memstore.New(), lease.Config{TTL: 10 * time.Second, Heartbeat: 15 * time.Second})
		return err
	}},
	{"the TTL is shorter than the store can keep", func(*testing.T) error {
		_, err := lease.NewKeeper(memstore.New(), lease.Config{TTL: time.Millisecond})
		return err
	}},
	{"two processes with one key", func(t *testing.T) error {
		k := keeper(t, nil)
		_, err := registry.Register(t.Context(), k, lifecycle, config{Key: "key", Host: "host-a", Instance: "one"})
		must(t, err)
		_, err = registry.Register(t.Context(), k, lifecycle, config{Key: "key", Host: "host-b", Instance: "two"})
		return err
	}},
	{"two processes with one instance name, which is no reason to share a key", func(t *testing.T) error {
		k := keeper(t, nil)
		_, err := registry.Register(t.Context(), k, lifecycle, config{Key: "key", Host: "host-a", Instance: "one"})
		must(t, err)
		_, err = registry.Register(t.Context(), k, lifecycle, config{Key: "key", Host: "host-b", Instance: "one"})
		return err
	}},
	{"another program uses the key", func(t *testing.T) error {
		s := redistest.Start(t)
		must(t, s.Client().Set(t.Context(), "key", "theirs", 0).Err())
		return onRedis(t, s, config{Key: "key"})
	}},
	{"an empty key", func(t *testing.T) error { return onMemory(t, config{}, nil) }},
	{"a key of the library's own", func(t *testing.T) error { return onMemory(t, config{Key: "leasehold:x"}, nil) }},
	{"the payload is no JSON", func(t *testing.T) error {
		return onMemory(t, config{Key: "key", Payload: payload{func() {}}}, nil)
	}},
	{"the payload is too large", func(t *testing.T) error {
		return onMemory(t, config{Key: "key", Payload: payload{strings.Repeat("x", 2<<20)}}, nil)
	}},
	{"a state of LeavePath is not in the table", func(t *testing.T) error {
		return onMemory(t, config{Key: "key", LeavePath: []string{"stopped"}}, nil)
	}},
	{"the keeper was closed before its instances were done", func(t *testing.T) error {
		k := keeper(t, nil)
		i, err := registry.Register(t.Context(), k, lifecycle, config{Key: "key"})
		must(t, err)
		must(t, k.Close(t.Context()))
		return i.Transition(t.Context(), "active")
	}},
	{"the client was closed before the store", func(t *testing.T) error {
		s := redistest.Start(t)
		client := redis.NewClient(&redis.Options{Addr: s.Addr()})
		st, err := redisstore.New(t.Context(), client)
		must(t, err)
		must(t, client.Close())
		defer st.Close()
		_, err = st.Get(t.Context(), "key")
		return err
	}},
	{"a hook moves its own machine", func(t *testing.T) error {
		def, err := lifecycle.With(fsm.OnEntry("active", func(ctx context.Context, _ fsm.Transition[string]) error {
			return machineOf.Of(ctx).Transition(ctx, "idle")
		}))
		must(t, err)
		m := new(holder)
		m.Machine = fsm.New(def, fsm.WithData(machineOf, m))
		return m.Transition(t.Context(), "active")
	}},
	{"a panic in a hook", func(t *testing.T) (err error) {
		def, err := lifecycle.With(fsm.OnEntry("active", func(context.Context, fsm.Transition[string]) error { panic("no price") }))
		must(t, err)
		defer func() { err = fmt.Errorf("the panic goes on (%v); the machine can be used", recover()) }()
		return fsm.New(def).Transition(t.Context(), "active")
	}},
	{"nobody asks for requests", func(t *testing.T) error {
		st := memstore.New()
		k := keeper(t, st)
		_, err := registry.Register(t.Context(), k, lifecycle, config{Key: "key"})
		must(t, err)
		_, err = registry.Request(t.Context(), st, "key", registry.ForState("active"))
		return err
	}},
	{"the key of a request is misspelt", func(t *testing.T) error {
		_, err := registry.Request(t.Context(), memstore.New(), "kye", registry.ForState("active"))
		return err
	}},
	{"the process was killed, or forgot Close: its record stays for its TTL at most", func(t *testing.T) error {
		st := memstore.New()
		_, err := st.Create(t.Context(), store.Claim{Key: "key", Value: []byte(`{}`), TTL: 45 * time.Second, Nonce: store.NewNonce()})
		must(t, err)
		_, err = registry.Register(t.Context(), keeper(t, st), lifecycle, config{Key: "key"})
		return err
	}},
}

// holder is data for a hook: the machine that it belongs to.
type holder struct{ *fsm.Machine[string] }

var machineOf = fsm.NewData[*holder]("machine")

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func keeper(t *testing.T, st store.Store) *lease.Keeper {
	if st == nil {
		st = memstore.New()
	}
	k, err := lease.NewKeeper(st, lease.Config{})
	must(t, err)
	t.Cleanup(func() { k.Close(context.Background()) })
	return k
}

// onMemory registers an instance and returns the error of that, or of f.
func onMemory(t *testing.T, cfg config, f func(context.Context, *instance) error) error {
	i, err := registry.Register(t.Context(), keeper(t, nil), lifecycle, cfg)
	if err != nil || f == nil {
		return err
	}
	return f(t.Context(), i)
}

func onRedis(t *testing.T, s *redistest.Server, cfg config) error {
	st, err := redisstore.New(t.Context(), s.Client())
	must(t, err)
	t.Cleanup(func() { st.Close() })
	_, err = registry.Register(t.Context(), keeper(t, st), lifecycle, cfg)
	return err
}

func open(t *testing.T, url string) error {
	_, closeStore, err := storeurl.Open(t.Context(), url)
	if err == nil {
		must(t, closeStore())
	}
	return err
}

func openRedis(t *testing.T, o *redis.Options) error {
	client := redis.NewClient(o)
	defer client.Close()
	st, err := redisstore.New(t.Context(), client)
	if err == nil {
		must(t, st.Close())
	}
	return err
}

// varying is what differs from run to run.
var varying = []struct {
	text *regexp.Regexp
	by   string
}{
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:6379"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:.]+Z`), "2026-11-21T10:00:00Z"},
	{regexp.MustCompile(` \((\d+\.){3}\d+\)`), ""}, // known soon after the start
	{regexp.MustCompile(`\d{7} bytes long, more`), "2097526 bytes long, more"},
	{regexp.MustCompile(`[1-4]?\d(\.\d+)?s left`), "45s left"},
	{regexp.MustCompile(`token \d{10,}`), "token 1795947177989213"},
}

// Each mistake has an error that says what was wrong, and the document has its words.
func TestEachMistakeIsNamed(t *testing.T) {
	var table strings.Builder
	table.WriteString("\n| mistake | what it says |\n|---|---|\n")
	for _, m := range mistakes {
		t.Run(m.what, func(t *testing.T) {
			err := m.do(t)
			if err == nil {
				t.Fatal("no error")
			}
			text := err.Error()
			for _, v := range varying {
				text = v.text.ReplaceAllString(text, v.by)
			}
			if strings.Contains(text, "\n") {
				text = strings.ReplaceAll(text, "\n", "; ")
			}
			fmt.Fprintf(&table, "| %s | `%s` |\n", m.what, strings.ReplaceAll(text, "|", `\|`))
		})
	}
	const page, begin, end = "../../docs/operations.md", "<!-- mistakes: begin -->\n", "\n<!-- mistakes: end -->"
	text, err := os.ReadFile(page)
	must(t, err)
	before, rest, ok := strings.Cut(string(text), begin)
	found, after, also := strings.Cut(rest, end)
	if !ok || !also {
		t.Fatal(errors.New("the page has no place for the mistakes"))
	}
	if *update {
		must(t, os.WriteFile(page, []byte(before+begin+table.String()+end+after), 0o644))
	} else if diff := cmp.Diff(table.String(), found); diff != "" && !t.Failed() {
		t.Errorf("docs/operations.md is out of date; go test ./e2e/mistakes -update writes it anew (-want +page):\n%s", diff)
	}
}
