package page_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/cmd/leasehold/internal/page"
	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// patience is how long a test waits for what has to come.
const patience = 30 * time.Second

// served is a page that runs.
type served struct {
	t      testing.TB
	page   *page.Page
	url    string // with a slash at its end
	client *http.Client
	log    *logged
	stop   func() // ends the page, and waits
}

// logged is the log of a page.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// serve runs a page on an address of loopback.
func serve(t testing.TB, st store.Store, change func(*page.Config)) *served {
	t.Helper()
	s := &served{t: t, log: new(logged), client: &http.Client{Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	cfg := page.Config{Store: st, StoreName: "memory:", Listen: "127.0.0.1:0", Logger: slog.New(slog.NewTextHandler(s.log, nil))}
	if change != nil {
		change(&cfg)
	}
	var err error
	if s.page, err = page.New(cfg); err != nil {
		t.Fatal(err)
	}
	l, err := s.page.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.url = s.page.URL(l)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.page.Serve(ctx, l) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the page ended with %v", err)
			}
		case <-time.After(patience):
			t.Error("the page does not end")
		}
		s.client.CloseIdleConnections()
	})
	t.Cleanup(s.stop)
	return s
}

// request makes a request of the page, with headers "name: value".
func (s *served) request(method, path, body string, headers ...string) *http.Request {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	return r
}

// call returns the status and the body of an answer.
func (s *served) call(method, path, body string, headers ...string) (int, string) {
	s.t.Helper()
	status, _, text := s.do(s.request(method, path, body, headers...))
	return status, text
}

func (s *served) do(r *http.Request) (int, http.Header, string) {
	s.t.Helper()
	answer, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(text)
}

// get decodes the answer of a call that has to succeed.
func get[T any](s *served, method, path, body string, headers ...string) (v T) {
	s.t.Helper()
	status, text := s.call(method, path, body, headers...)
	if status != http.StatusOK {
		s.t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		s.t.Fatalf("%s: %v", text, err)
	}
	return v
}

// Shapes of the answers, as the front end knows them.
type (
	hello struct {
		Page, Version, Store, Prefix string
		AllowRequests, Current       bool
		Instances, Truncated         int
		KeepGone, Precision          int64
		Error                        string
	}
	gone struct {
		At  time.Time
		Why string
	}
	row struct {
		Key, Kind, Name, State, Token, Host, IP, LastError string
		Since, Started, LastErrorAt                        time.Time
		TTL                                                int64
		Requests                                           bool
		Fields                                             map[string]string
		Rest                                               string
		Gone                                               *gone
	}
	rows struct {
		Rows        []row
		First, Last bool
	}
	item struct {
		At, Seen                                            time.Time
		Key, Name, Kind, From, To, Event, Cause, Error, Why string
	}
	feed struct {
		Items []item
		All   bool
	}
	current struct {
		Current bool
		Error   string
	}
)

// client is a client of the event stream. It keeps the rows as the front end does.
type client struct {
	t    testing.TB
	stop func()

	mu      sync.Mutex
	rows    map[string]row
	fresh   map[string]row // since the last hello
	items   []item
	hello   hello
	hellos  int
	loaded  int // how often all rows have come
	current current
	said    bool // bye
	ended   bool
	changed chan struct{}
}

// open opens the event stream.
func (s *served) open(headers ...string) *client {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	answer, err := s.client.Do(s.request("GET", "api/events", "", headers...).WithContext(ctx))
	if err != nil {
		cancel()
		s.t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/event-stream" {
		cancel()
		s.t.Fatalf("events: %v", answer.Status)
	}
	c := &client{t: s.t, rows: make(map[string]row), changed: make(chan struct{}, 1)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer answer.Body.Close()
		c.read(answer.Body)
	}()
	c.stop = sync.OnceFunc(func() { cancel(); <-done })
	s.t.Cleanup(c.stop)
	return c
}

func (c *client) read(from io.Reader) {
	lines := bufio.NewReaderSize(from, 1<<20)
	name := ""
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			c.mu.Lock()
			c.ended = true
			c.mu.Unlock()
			c.wake()
			return
		}
		if text, is := strings.CutPrefix(line, "event: "); is {
			name = strings.TrimSpace(text)
		}
		if text, is := strings.CutPrefix(line, "data: "); is {
			c.take(name, text)
			c.wake()
		}
	}
}

func (c *client) wake() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

func (c *client) take(name, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	into := func(v any) {
		if err := json.Unmarshal([]byte(text), v); err != nil {
			c.t.Errorf("event %s: %v: %s", name, err, text)
		}
	}
	switch name {
	case "hello":
		c.hello, c.fresh = hello{}, make(map[string]row)
		into(&c.hello)
		c.hellos++
		c.current = current{c.hello.Current, c.hello.Error}
	case "rows", "change":
		var e rows
		into(&e)
		for _, r := range e.Rows {
			if name == "rows" {
				c.fresh[r.Key] = r
			} else {
				c.rows[r.Key] = r
			}
		}
		if e.Last {
			c.rows = c.fresh
			c.loaded++
		}
	case "feed":
		var e feed
		into(&e)
		if e.All {
			c.items = nil
		}
		c.items = append(c.items, e.Items...)
	case "current":
		c.current = current{}
		into(&c.current)
	case "beat":
	case "bye":
		c.said = true
	default:
		c.t.Errorf("unknown event %q", name)
	}
}

// await waits until a condition holds of the client.
func (c *client) await(what string, holds func(*client) bool) {
	c.t.Helper()
	for limit := time.After(patience); ; {
		c.mu.Lock()
		is := holds(c)
		c.mu.Unlock()
		if is {
			return
		}
		select {
		case <-c.changed:
		case <-limit:
			c.mu.Lock()
			defer c.mu.Unlock()
			c.t.Fatalf("no %s; rows %+v, items %+v, %+v, ended %v", what, c.rows, c.items, c.current, c.ended)
		}
	}
}

// awaitState waits for a state of a row that is not gone.
func (c *client) awaitState(key, state string) {
	c.t.Helper()
	c.await(key+" in state "+state, func(c *client) bool { r, is := c.rows[key]; return is && r.State == state && r.Gone == nil })
}

// world is a store with instances.
type world struct {
	t      testing.TB
	store  store.Store
	keeper *lease.Keeper
}

func inMemory(t testing.TB) *world {
	t.Helper()
	st := memstore.New()
	keeper, err := lease.NewKeeper(st, lease.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(keeper.Close(context.Background()), st.Close()); err != nil {
			t.Error(err)
		}
	})
	return &world{t, st, keeper}
}

type payload struct {
	Feed  string  `json:"feed"`
	Load  float64 `json:"load"`
	Inner []int   `json:"inner"`
}

type disk struct {
	Path string `json:"path"`
}

var boot = fsm.NewEvent[disk]("boot")

var lifecycle = fsm.MustDefine("idle", fsm.Table[string]{"idle": {"active"}, "active": {"stopping"}, "stopping": {"idle"}},
	fsm.On(boot, fsm.From("idle"), "active"),
	fsm.GuardEdge("stopping", "idle", "flushed", func(context.Context, fsm.Transition[string]) error {
		if slowGuard != nil {
			slowGuard()
		}
		return errors.New("2 orders are open")
	}))

// slowGuard, if set, runs in the guard.
var slowGuard func()

// instance registers an instance in state idle.
func (w *world) instance(key string) *registry.Instance[string, payload] {
	w.t.Helper()
	i, err := registry.Register(context.Background(), w.keeper, lifecycle, registry.Config[string, payload]{
		Key: key, Payload: payload{Feed: "trades", Load: 1.5, Inner: []int{1}}, Instance: "one", Host: "host-a", Log: &registry.Log{},
		Requests: &registry.Requests[string]{States: []string{"active", "stopping", "idle"}, Events: []registry.RequestableEvent[string]{registry.Requestable[string](boot)}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return i
}
