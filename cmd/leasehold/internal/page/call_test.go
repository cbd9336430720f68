package page_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/cmd/leasehold/internal/page"
	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// problem is the body of an error.
type problem struct{ Error, Do string }

func (s *served) refuses(want int, method, path, body string, headers ...string) problem {
	s.t.Helper()
	status, text := s.call(method, path, body, headers...)
	var p problem
	if err := json.Unmarshal([]byte(text), &p); status != want || err != nil || p.Error == "" || p.Do == "" {
		s.t.Errorf("%s %s %s: %d %s, want %d and a sentence", method, path, body, status, text, want)
	}
	return p
}

func TestAgesAreTheStores(t *testing.T) {
	w := inMemory(t)
	i := w.instance("job:1")
	s := serve(t, w.store, nil)
	s.open().awaitState("job:1", "idle")
	type ages struct {
		At   time.Time
		Ages []struct {
			Key       string
			Left, TTL int64
			Gone      bool
		}
	}
	a := get[ages](s, "POST", "api/ages", `{"keys":["none","job:1"]}`)
	if len(a.Ages) != 2 || !a.Ages[0].Gone || a.Ages[0].Key != "none" || a.Ages[1].Left <= 0 || a.Ages[1].Left > a.Ages[1].TTL || a.Ages[1].TTL == 0 || a.At.IsZero() {
		t.Errorf("%+v", a)
	}
	if err := i.Deregister(t.Context()); err != nil {
		t.Fatal(err)
	}
	for limit := time.Now().Add(patience); !get[ages](s, "POST", "api/ages", `{"keys":["job:1"]}`).Ages[0].Gone; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("it is not gone")
		}
	}
	if none := get[ages](s, "POST", "api/ages", `{"keys":[]}`); len(none.Ages) != 0 || none.At.IsZero() { // a page asks so whether the server lets it in
		t.Errorf("%+v", none)
	}
	many, _ := json.Marshal(slices.Repeat([]string{"a"}, 201))
	s.refuses(400, "POST", "api/ages", `{"keys":`+string(many)+`}`)
	for _, bad := range []string{`{"keys":[""]}`, `{"keys":["leasehold:x"]}`, `{`, ``, `[]`, `{"keys":["a"]} x`, `{"keys":["a"],"more":1}`, `{"keys":7}`} {
		s.refuses(400, "POST", "api/ages", bad)
	}
	s.refuses(415, "POST", "api/ages", `{"keys":["a"]}`, "Content-Type: text/plain")
	s.refuses(413, "POST", "api/ages", `{"keys":["`+strings.Repeat("a", 200<<10)+`"]}`)
	s.refuses(404, "GET", "api/ages", "")
}

func TestTheDefinitionTellsWhatIsPermitted(t *testing.T) {
	w := inMemory(t)
	w.instance("job:1")
	s := serve(t, w.store, nil)
	var v instance
	for limit := time.Now().Add(patience); v.Permitted == nil; time.Sleep(10 * time.Millisecond) { // it is published after the record
		if v = get[instance](s, "GET", "api/instance?key=job:1", ""); time.Now().After(limit) {
			t.Fatalf("%+v", v)
		}
	}
	if !slices.Equal(v.Permitted.States, []string{"active"}) || len(v.Permitted.Events) != 1 || v.Permitted.Events[0].Name != "boot" || v.Permitted.Events[0].To != "active" {
		t.Errorf("%+v", v.Permitted)
	}
	d := get[struct {
		ID     string
		States []struct{ Name string }
		Edges  []struct{ From, To, Kind string }
	}](s, "GET", "api/definition?key=job:1", "")
	if d.ID == "" || d.ID != v.Definition || len(d.States) != 3 || d.States[0].Name != "idle" || len(d.Edges) != 3 || d.Edges[0].Kind != "external" {
		t.Errorf("%+v", d)
	}
	if _, err := w.store.Create(t.Context(), store.Claim{Key: "bare", Value: []byte("1"), TTL: time.Minute, Nonce: store.NewNonce()}); err != nil {
		t.Fatal(err)
	}
	s.refuses(404, "GET", "api/definition?key=bare", "")
	s.refuses(404, "GET", "api/definition?key=none", "")
	s.refuses(400, "GET", "api/definition?key=", "")
	if v := get[instance](s, "GET", "api/instance?key=bare", ""); v.Permitted != nil {
		t.Errorf("%+v", v)
	}
}

type instance struct {
	Definition string
	Permitted  *struct {
		States []string
		Events []struct{ Name, To string }
	}
	Row     row
	Left    int64
	Size    int
	Payload json.RawMessage
	Text    string
	History []struct{ From, To, Cause string }
}

func TestTheViewOfAnInstance(t *testing.T) {
	w := inMemory(t)
	i := w.instance("job:1")
	if err := i.TransitionWithCause(t.Context(), "active", "the feed is up"); err != nil {
		t.Fatal(err)
	}
	s := serve(t, w.store, nil)
	v := get[instance](s, "GET", "api/instance?key=job:1", "")
	if v.Row.State != "active" || v.Row.Token == "" || string(v.Payload) != `{"feed":"trades","inner":[1],"load":1.5}` || v.Left <= 0 || len(v.History) != 1 || v.History[0].Cause != "the feed is up" {
		t.Errorf("%+v", v)
	}
	s.refuses(404, "GET", "api/instance?key=none", "")
	s.refuses(400, "GET", "api/instance", "")
	s.refuses(400, "GET", "api/instance?key=leasehold:x", "")

	// Values of other programs are shown as they are, and large ones as their beginning.
	for key, value := range map[string]string{"raw": "\xff<script>\x00", "json": `{"a":"<script>"}`, "large": `{"a":"` + strings.Repeat("x", 300<<10) + `"}`, "deep": strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000), "nothing": "null"} {
		if _, err := w.store.Create(t.Context(), store.Claim{Key: key, Value: []byte(value), TTL: time.Minute, Nonce: store.NewNonce()}); err != nil {
			t.Fatal(err)
		}
		v := get[instance](s, "GET", "api/instance?key="+key, "")
		if v.Row.Kind != "lease" || v.Size != len(value) {
			t.Errorf("%s: %+v", key, v)
		}
		switch key {
		case "raw":
			if v.Text != "\uFFFD<script>\x00" {
				t.Errorf("%q", v.Text)
			}
		case "large":
			if v.Payload != nil || len(v.Text) != 4<<10 {
				t.Errorf("%d bytes of text", len(v.Text))
			}
		case "json":
			if string(v.Payload) != `{"a":"\u003cscript\u003e"}` {
				t.Errorf("%s", v.Payload)
			}
		}
	}
	c := s.open()
	c.await("all of them", func(c *client) bool { return len(c.rows) == 6 })

	bounded := serve(t, w.store, func(c *page.Config) { c.Prefix = "job:" })
	bounded.refuses(400, "GET", "api/instance?key=raw", "")
	bounded.refuses(400, "GET", "api/log?key=raw", "")
	bounded.refuses(400, "POST", "api/ages", `{"keys":["job:1","raw"]}`)
	c = bounded.open()
	c.await("its own", func(c *client) bool { return c.loaded > 0 && len(c.rows) == 1 })
}

type page1 struct {
	Entries []struct {
		Pos, Kind, Token, Text, Instance, Host string
		At                                     time.Time
		Transition                             *struct{ From, To, Cause string }
		Request                                *struct{ What, Outcome, Sender string }
	}
	More string
}

func TestTheLogIsReadByPageAndKind(t *testing.T) {
	w := inMemory(t)
	i := w.instance("job:1")
	for n := range 30 {
		if err := errors.Join(i.RecordError(t.Context(), fmt.Errorf("error %d", n)), i.Update(t.Context(), func(*payload) {})); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(i.TransitionWithCause(t.Context(), "active", "up"), i.Deregister(t.Context())); err != nil {
		t.Fatal(err)
	}
	s := serve(t, w.store, nil)
	var kinds []string
	seen := make(map[string]bool)
	before := ""
	for range 100 {
		p := get[page1](s, "GET", "api/log?key=job:1&limit=7&before="+before, "")
		for _, e := range p.Entries {
			if seen[e.Pos] {
				t.Errorf("%s twice", e.Pos)
			}
			seen[e.Pos] = true
			kinds = append(kinds, e.Kind)
		}
		if before = p.More; before == "" {
			break
		}
	}
	slices.Reverse(kinds)
	if len(kinds) != 33 || kinds[0] != "registered" || !slices.Contains(kinds, "left") || !slices.Contains(kinds, "transition") {
		t.Errorf("%d entries: %v", len(kinds), kinds)
	}
	p := get[page1](s, "GET", "api/log?key=job:1&kind=transition,registered", "")
	if len(p.Entries) != 2 || p.Entries[0].Transition == nil || p.Entries[0].Transition.Cause != "up" || p.Entries[1].Instance != "one" || p.More != "" {
		t.Errorf("%+v", p)
	}
	if p := get[page1](s, "GET", "api/log?key=none", ""); len(p.Entries) != 0 || p.More != "" {
		t.Errorf("%+v", p)
	}
	for _, bad := range []string{"limit=0", "limit=201", "limit=x", "before=7", "before=x-1", "before=-1", "key="} {
		s.refuses(400, "GET", "api/log?"+bad+"&key=job:1", "")
		if bad == "key=" {
			s.refuses(400, "GET", "api/log?key=", "")
		}
	}
}

func TestATimelineIsDrawnFromTheLog(t *testing.T) {
	w := inMemory(t)
	s := serve(t, w.store, nil)
	c := s.open()
	from := time.Now()
	i := w.instance("job:1")
	if err := i.Transition(t.Context(), "active"); err != nil {
		t.Fatal(err)
	}
	if err := i.Deregister(t.Context()); err != nil {
		t.Fatal(err)
	}
	i = w.instance("job:1")
	c.awaitState("job:1", "idle")
	if err := i.Transition(t.Context(), "active"); err != nil {
		t.Fatal(err)
	}
	c.awaitState("job:1", "active")
	type timeline struct {
		Strips []struct {
			Key   string
			Cut   time.Time
			Parts []struct {
				State, End string
				From, To   time.Time
				N          int
			}
		}
	}
	ask := func(from, to time.Time, keys ...string) timeline {
		t.Helper()
		body, _ := json.Marshal(map[string]any{"keys": keys, "from": from, "to": to})
		return get[timeline](s, "POST", "api/timeline", string(body))
	}
	time.Sleep(20 * time.Millisecond)
	to := time.Now()
	fine := ask(from, to, "job:1", "none")
	if len(fine.Strips) != 2 || len(fine.Strips[1].Parts) != 0 {
		t.Fatalf("%+v", fine)
	}
	strip := fine.Strips[0]
	last := strip.Parts[len(strip.Parts)-1]
	if last.State != "active" || last.To.Before(to.Truncate(time.Millisecond)) || !strip.Cut.IsZero() {
		t.Errorf("%+v", strip)
	}
	held, changes := 0, 0
	for n, p := range strip.Parts {
		if n > 0 && p.From.Before(strip.Parts[n-1].To) || p.To.Before(p.From) {
			t.Errorf("parts overlap: %+v", strip.Parts)
		}
		if p.State != "" {
			held++
		}
		changes += p.N + 1
	}
	if held == 0 || changes < 4 {
		t.Errorf("%d changes: %+v", changes, strip.Parts)
	}
	// In a week, all of it is one part.
	week := ask(to.Add(-7*24*time.Hour), to, "job:1")
	if n := len(week.Strips[0].Parts); n != 1 || week.Strips[0].Parts[0].N < 3 {
		t.Errorf("%+v", week)
	}
	if past := ask(from.Add(-time.Hour), from.Add(-time.Minute), "job:1"); len(past.Strips[0].Parts) != 0 {
		t.Errorf("%+v", past)
	}
	s.refuses(400, "POST", "api/timeline", `{"keys":["a"],"from":"2026-01-02T00:00:00Z","to":"2026-01-01T00:00:00Z"}`)
	s.refuses(400, "POST", "api/timeline", `{"keys":["a"],"from":"0001-01-02T00:00:00Z","to":"2026-01-01T00:00:00Z"}`)
	s.refuses(400, "POST", "api/timeline", `{"keys":["a"]}`)
	s.refuses(400, "POST", "api/timeline", `{"keys":[],"from":"2026-01-01T00:00:00Z","to":"2026-01-02T00:00:00Z"}`)
}

// reader counts the entries that are read of logs.
type reader struct {
	*memstore.Store
	entries atomic.Int64
}

func (r *reader) ReadLog(ctx context.Context, key string, query store.LogQuery) iter.Seq2[store.LogEntry, error] {
	return func(yield func(store.LogEntry, error) bool) {
		for e, err := range r.Store.ReadLog(ctx, key, query) {
			r.entries.Add(1)
			if !yield(e, err) {
				return
			}
		}
	}
}

// A timeline that is drawn again is the same, and reads what is new in the log.
func TestATimelineDoesNotReadALogTwice(t *testing.T) {
	w := inMemory(t)
	r := &reader{Store: w.store.(*memstore.Store)}
	s := serve(t, r, nil)
	flip := fsm.MustDefine("idle", fsm.Table[string]{"idle": {"active"}, "active": {"idle"}})
	begin := func() *registry.Instance[string, payload] {
		t.Helper()
		i, err := registry.Register(t.Context(), w.keeper, flip, registry.Config[string, payload]{Key: "job:1", Log: &registry.Log{}})
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	i := begin()
	move := func(n int) {
		t.Helper()
		for range n {
			to := map[string]string{"idle": "active", "active": "idle"}[i.State()]
			if err := i.Transition(t.Context(), to); err != nil {
				t.Fatal(err)
			}
		}
	}
	var from, to time.Time
	ask := func(s *served) string {
		t.Helper()
		body, _ := json.Marshal(map[string]any{"keys": []string{"job:1"}, "from": from, "to": to})
		_, text := s.call("POST", "api/timeline", string(body))
		return text
	}
	check := func(what string, most int64) {
		t.Helper()
		s.open().awaitState("job:1", i.State())
		before := r.entries.Load()
		fresh := serve(t, w.store, nil)
		fresh.open().awaitState("job:1", i.State())
		if got, want := ask(s), ask(fresh); got != want || !strings.Contains(got, `"parts":[{`) {
			t.Errorf("%s: got\n%s\nwant\n%s", what, got, want)
		}
		if n := r.entries.Load() - before; n > most {
			t.Errorf("%s: %d entries were read, want %d at most", what, n, most)
		}
	}
	const none = 100 // entries: what is read of a log at first, without news
	move(300)
	time.Sleep(20 * time.Millisecond)
	from, to = time.Now().Add(-5*time.Millisecond), time.Now()
	check("the end", 600)
	from = to.Add(-time.Hour)
	check("an hour, of which the end is known", 1000)
	check("the same again", none)
	move(10)
	to = time.Now()
	check("what is new", none)
	if err := i.Deregister(t.Context()); err != nil {
		t.Fatal(err)
	}
	i = begin()
	to = time.Now()
	check("another holder", none)
}

type reply struct {
	Outcome, State, Error, ID string
	Permitted                 []string
}

func TestRequestsNeedTheSwitchAndThePage(t *testing.T) {
	w := inMemory(t)
	i := w.instance("job:1")
	off := serve(t, w.store, nil)
	on := serve(t, w.store, func(c *page.Config) { c.Requests = true })
	origin := func(s *served) string { return "Origin: " + strings.TrimSuffix(s.url, "/") }
	const active = `{"key":"job:1","state":"active","cause":"by hand"}`

	off.refuses(403, "POST", "api/request", active, origin(off), "Sec-Fetch-Site: same-origin")
	for _, headers := range [][]string{
		nil, // a form of long ago, or a program
		{"Origin: http://evil.example"},
		{"Origin: null"},
		{"Origin: http://127.0.0.1:1"},
		{"Origin: " + strings.Replace(strings.TrimSuffix(on.url, "/"), "http:", "ftp:", 1)},
		{"Origin: http://evil.example", "Sec-Fetch-Site: same-origin"},
		{origin(on), "Sec-Fetch-Site: same-site"},
		{origin(on), "Sec-Fetch-Site: cross-site"},
		{"Sec-Fetch-Site: none"},
	} {
		on.refuses(403, "POST", "api/request", active, headers...)
	}
	on.refuses(415, "POST", "api/request", active, origin(on), "Content-Type: text/plain;charset=UTF-8")
	if state := i.State(); state != "idle" {
		t.Fatalf("it is in state %s", state)
	}

	r := get[reply](on, "POST", "api/request", active, origin(on))
	if r.Outcome != "done" || r.State != "active" || r.ID == "" || i.State() != "active" {
		t.Errorf("%+v, state %s", r, i.State())
	}
	r = get[reply](on, "POST", "api/request", `{"key":"job:1","state":"idle"}`, "Sec-Fetch-Site: same-origin")
	if r.Outcome != "rejected" || r.Error == "" || !slices.Contains(r.Permitted, "stopping") {
		t.Errorf("%+v", r)
	}
	r = get[reply](on, "POST", "api/request", `{"key":"job:1","event":"boot","arg":{"path":"/d"}}`, origin(on))
	if r.Outcome != "rejected" {
		t.Errorf("%+v", r)
	}
	log := on.log.String()
	for _, want := range []string{`key=job:1`, `who=127.0.0.1`, `outcome=done`, `cause="by hand"`, `outcome=rejected`, `why="another origin"`} {
		if !strings.Contains(log, want) {
			t.Errorf("no %s in the log:\n%s", want, log)
		}
	}
	h := i.Machine().History()
	if len(h) == 0 || h[0].Cause != "by hand" {
		t.Errorf("history %+v", h)
	}
	for body, want := range map[string]int{
		`{"key":"none","state":"a"}`:                                              404,
		`{"key":"job:1"}`:                                                         400,
		`{"key":"job:1","state":"a","event":"b"}`:                                 400,
		`{"key":"job:1","state":"a","arg":1}`:                                     400,
		`{"key":"job:1","state":"a","token":"x"}`:                                 400,
		`{"key":"job:1","state":"a","token":"7777777"}`:                           409,
		`{"key":"leasehold:q","state":"a"}`:                                       400,
		`{"key":"job:1","state":"a","sender":"the president"}`:                    400,
		`{"key":"job:1","state":"a","cause":"` + strings.Repeat("c", 2000) + `"}`: 400,
	} {
		on.refuses(want, "POST", "api/request", body, origin(on))
	}
	if _, err := w.store.Create(context.Background(), store.Claim{Key: "deaf", Value: []byte("1"), TTL: time.Minute, Nonce: store.NewNonce()}); err != nil {
		t.Fatal(err)
	}
	on.refuses(http.StatusConflict, "POST", "api/request", `{"key":"deaf","state":"a"}`, origin(on))
}

// A key is a parameter, whatever is in it.
func TestKeysThatLookLikeSomethingElse(t *testing.T) {
	w := inMemory(t)
	s := serve(t, w.store, func(c *page.Config) { c.BasePath = "/ops" })
	c := s.open()
	for _, key := range []string{"a/../b", "../../etc/passwd", "%2F..%2f", "?key=x&key=y#z", "a b+c", "ключ/é\u202e\u0000\n", `"}]`, "event: bye\ndata: {}\n\n", "</script><b>", "__proto__", "."} {
		w.instance(key)
		c.awaitState(key, "idle")
		at := "key=" + url.QueryEscape(key)
		if v := get[instance](s, "GET", "api/instance?"+at, ""); v.Row.Key != key {
			t.Errorf("%q: %+v", key, v.Row)
		}
		for _, path := range []string{"api/log?", "api/definition?"} {
			if status, text := s.call("GET", path+at, ""); status != http.StatusOK {
				t.Errorf("%s%q: %d %s", path, key, status, text)
			}
		}
	}
}
