package command_test

import (
	"bytes"
	"context"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/registry"
)

// ended runs the program to its end, and returns its exit code and what it printed.
func ended(t *testing.T, store string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	c := exec.CommandContext(t.Context(), filepath.Join(bin(t), "leasehold"), args...)
	c.Env = append(c.Environ(), "LEASEHOLD_STORE="+store)
	c.Stdout, c.Stderr = &out, &errs
	_ = c.Run()
	return c.ProcessState.ExitCode(), out.String(), errs.String()
}

// drawn waits until the definition of an instance is published, and returns its graph.
func drawn(t *testing.T, store, key string, flags ...string) string {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		code, stdout, stderr := ended(t, store, append([]string{"graph", key}, flags...)...)
		if code == 0 {
			return stdout
		}
		if time.Now().After(deadline) || !strings.Contains(stderr, "a program stores it in seconds") {
			t.Fatalf("graph %s: exit code %d, %s", key, code, stderr)
		}
	}
}

// register registers an instance with a definition.
func register(t *testing.T, w *world, key string, def *fsm.Definition[string], changes ...func(*registry.Config[string, payload])) *registry.Instance[string, payload] {
	t.Helper()
	cfg := registry.Config[string, payload]{Key: key}
	for _, change := range changes {
		change(&cfg)
	}
	i, err := registry.Register(t.Context(), w.keeper, def, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func pass(context.Context, fsm.Transition[string]) error { return nil }

// nested has parents, a history state, timeouts, and events that are handled in place.
var nested = func() *fsm.Definition[string] {
	stop, tick := fsm.NewSignal("stop"), fsm.NewSignal("tick")
	return fsm.MustDefine("off", fsm.Table[string]{
		"off": {"on"}, "on": {"off", "broken"}, "slow": {"fast"}, "fast": {"slow"}, "broken": {"resumed"}, "resumed": {},
	}, fsm.Substates("on", "slow", "fast"), fsm.DeepHistory("resumed", "on"),
		fsm.On(stop, fsm.From("on"), "off"), fsm.Internal(tick, fsm.From("fast")), fsm.Ignore(stop, fsm.From("off")),
		fsm.Timeout("slow", 90*time.Second, "fast"), fsm.Guard("off", "no orders", pass))
}()

func TestGraphOfAHierarchy(t *testing.T) {
	t.Parallel()
	for name, url := range servers(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, url)
			i := register(t, w, "k", nested)
			if err := i.Transition(t.Context(), "on"); err != nil {
				t.Fatal(err)
			}
			if err := i.Transition(t.Context(), "fast"); err != nil {
				t.Fatal(err)
			}
			text := drawn(t, url, "k")
			_, text, _ = strings.Cut(text, "\n\n")
			want := strings.TrimLeft(`
   STATE                     TO       ON           IF
   off (initial)             on
   on                        off      stop         no orders
                             broken
     slow (initial)          fast     after 1m30s
*    fast                    slow
     resumed (deep history)
   broken                    resumed

PERMITTED NOW  ON    IF
slow
off            stop  no orders
broken
(stays)        tick
`, "\n")
			if text != want {
				t.Errorf("got\n%s\nwant\n%s", text, want)
			}
		})
	}
}

// Two versions of a service run at once, with the same table and so the same fingerprint.
func TestGraphIsThatOfTheInstancesOwnVersion(t *testing.T) {
	t.Parallel()
	for name, url := range servers(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, url)
			older := fsm.MustDefine("idle", fsm.Table[string]{"idle": {"busy"}, "busy": {}})
			newer, err := older.With(fsm.Guard("busy", "has work", pass))
			if err != nil {
				t.Fatal(err)
			}
			register(t, w, "older", older)
			register(t, w, "newer", newer)
			if text := drawn(t, url, "older", "-o", "dot"); strings.Contains(text, "has work") {
				t.Errorf("the older version has the guard of the newer:\n%s", text)
			}
			if text := drawn(t, url, "newer", "-o", "dot"); !strings.Contains(text, "[has work]") {
				t.Errorf("the newer version has no guard:\n%s", text)
			}
		})
	}
}

func TestGraphSaysWhyThereIsNone(t *testing.T) {
	t.Parallel()
	for name, store := range servers(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, store)
			register(t, w, "silent", lifecycle, func(c *registry.Config[string, payload]) { c.NoDefinition = true })
			address, err := url.Parse(store)
			if err != nil {
				t.Fatal(err)
			}
			put := func(key, value string) error {
				client, err := clientv3.New(clientv3.Config{Endpoints: []string{address.Host}})
				if err != nil {
					return err
				}
				defer client.Close()
				_, err = client.Put(t.Context(), key, value)
				return err
			}
			if name == "redis" {
				put = func(key, value string) error {
					client := redis.NewClient(&redis.Options{Addr: address.Host})
					defer client.Close()
					return client.Set(t.Context(), key, value, 0).Err()
				}
			}
			register(t, w, "spoilt", nested)
			drawn(t, store, "spoilt")
			r, err := registry.Get[payload](t.Context(), w.store, "spoilt")
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range []string{"foreign", "leasehold:d:" + r.Definition} {
				if err := put(key, "of another program"); err != nil {
					t.Fatal(err)
				}
			}
			for key, want := range map[string]string{
				"silent":  `no definition for "silent": its instance publishes none: its program has an older version of leasehold, sets NoDefinition, or `,
				"foreign": `"foreign" holds a value that another program put there (no expiry): see it with `,
				"spoilt":  `"leasehold:d:` + r.Definition + `" holds a value that another program put there`,
			} {
				code, stdout, stderr := ended(t, store, "graph", key)
				if code != 1 || stdout != "" || !strings.HasPrefix(stderr, "leasehold: "+want) || strings.Count(stderr, "\n") != 1 {
					t.Errorf("graph %s: exit code %d, %q, %q; want %q", key, code, stdout, stderr, want)
				}
			}
		})
	}
}

// No name in a definition moves a cursor, and no table is wider than its terminal.
func TestHostileDefinitionsAreHarmless(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	store := redistest.Start(t).URL()
	w := newWorld(t, store)
	const hostile = "\x1b[2J\x1b]0;title\a\r\n\u202eevil\u009b31m 日本語日本語日本語日本語日本語"
	event := fsm.NewSignal("event " + hostile)
	register(t, w, "k", fsm.MustDefine(hostile, fsm.Table[string]{hostile: {"to " + hostile, ""}, "to " + hostile: {}, "": {}},
		fsm.On(event, fsm.From(hostile), "to "+hostile), fsm.Guard("", "guard "+hostile, pass)))
	for _, format := range []string{"text", "mermaid", "dot", "json", "yaml"} {
		drawn(t, store, "k", "-o", format)
		for _, columns := range []uint16{40, 80, 200} {
			text := onScreen(t, store, columns, "graph", "k", "-o", format).end()
			if strings.ContainsAny(text, "\x1b\a\u202e\u009b") || strings.Contains(strings.ReplaceAll(text, "\r\n", ""), "\r") {
				t.Errorf("%s at %d columns has control characters: %q", format, columns, text)
			}
			if format != "text" {
				continue
			}
			for _, line := range strings.Split(strings.TrimSpace(text), "\r\n")[1:] {
				if n := displayed(line); n > int(columns) {
					t.Errorf("a line of %d columns on %d: %s", n, columns, line)
				}
			}
		}
	}
}
