package webhook_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/registry/webhook"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	secret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("0123456789abcdefghijklmn"))
	other  = "whsec_" + base64.StdEncoding.EncodeToString([]byte("nmlkjihgfedcba9876543210"))
)

// received is a request as a server got it.
type received struct {
	header http.Header
	body   []byte
	at     time.Time
}

func (r received) data(t *testing.T) (kind string, data map[string]any) {
	t.Helper()
	var body struct {
		Type string         `json:"type"`
		Data map[string]any `json:"data"`
	}
	if err := json.Unmarshal(r.body, &body); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
	return body.Type, body.Data
}

// transport is the way to a server in the same bubble of virtual time: a handler.
type transport struct {
	handle http.HandlerFunc
	mu     sync.Mutex
	got    []received
}

func (tr *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	tr.mu.Lock()
	tr.got = append(tr.got, received{r.Header, body, time.Now()})
	tr.mu.Unlock()
	w := httptest.NewRecorder()
	done := make(chan struct{})
	go func() {
		defer close(done)
		tr.handle(w, r)
	}()
	select {
	case <-done:
		return w.Result(), nil
	case <-r.Context().Done():
		<-done
		return nil, r.Context().Err()
	}
}

func (tr *transport) requests() []received {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.got
}

// inBubble makes a sender to a handler, in virtual time.
func inBubble(t *testing.T, handle http.HandlerFunc, change func(*webhook.Config)) (*webhook.Sender, *transport) {
	t.Helper()
	tr := &transport{handle: handle}
	cfg := webhook.Config{URL: "http://ops.example/hook", Client: &http.Client{Transport: tr}}
	if change != nil {
		change(&cfg)
	}
	s, err := webhook.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.Close(ended)
	})
	return s, tr
}

func notice(i int) registry.Notice {
	return registry.Notice{Kind: registry.NoticeTransition, Key: "k", At: time.Now(), Transition: fsm.Transition[string]{Number: uint64(i), From: "a", To: "b"}}
}

func ok(http.ResponseWriter, *http.Request) {}

func TestRequestsAreAsDocumented(t *testing.T) {
	got := make(chan received, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- received{header: r.Header, body: body}
	}))
	defer server.Close()
	s, err := webhook.New(webhook.Config{
		URL: server.URL + "/hook?x=1", Secrets: []string{secret, other}, Header: http.Header{"Authorization": {"Bearer x"}},
		Kinds: []registry.NoticeKind{registry.NoticeTransition, registry.NoticeRequest, registry.NoticeLost, registry.NoticeLogDropped},
	})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 2, 15, 4, 5, 123_000_000, time.UTC)
	for _, n := range []registry.Notice{
		{Kind: registry.NoticeTransition, Transition: fsm.Transition[string]{Number: 3, From: "warming", To: "active", Event: "ready", Cause: "feed is up"}, Duration: 250 * time.Millisecond},
		{Kind: registry.NoticeRejected},
		{Kind: registry.NoticeRequest, Request: registry.LoggedRequest{ID: "7", Sender: "ops", What: `state "b"`, Outcome: registry.OutcomeRejected, Error: "x", Duration: "1ms"}},
		{Kind: registry.NoticeLost, Err: errors.New("boom")},
		{Kind: registry.NoticeLogDropped, Count: 4},
	} {
		n.Key, n.Instance, n.Token, n.At = "k", "one", 12, at
		s.Observe(t.Context(), n)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	const head = `{"type":"leasehold.%s","timestamp":"2026-01-02T15:04:05.123Z","data":{"key":"k","instance":"one","token":12%s}}`
	for _, want := range []string{
		fmt.Sprintf(head, "transition", `,"from":"warming","to":"active","event":"ready","cause":"feed is up","number":3,"duration":0.25`),
		fmt.Sprintf(head, "request", `,"request":{"id":"7","sender":"ops","what":"state \"b\"","outcome":"rejected","error":"x","took":"1ms"}`),
		fmt.Sprintf(head, "lost", `,"error":"boom"`),
		fmt.Sprintf(head, "log_dropped", `,"count":4`),
	} {
		r := <-got
		if string(r.body) != want {
			t.Errorf("got  %s\nwant %s", r.body, want)
		}
		if r.header.Get("Authorization") != "Bearer x" || r.header.Get("Content-Type") != "application/json" {
			t.Errorf("header %v", r.header)
		}
		if n := strings.Count(r.header.Get("Webhook-Signature"), "v1,"); n != 2 { // e2e/observe checks them
			t.Errorf("%d signatures", n)
		}
	}
	if len(got) > 0 {
		t.Error("there is one request more")
	}
}

func TestNoticesOfARealInstanceArrive(t *testing.T) {
	var lines []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		kind, data := received{body: body}.data(t)
		lines = append(lines, fmt.Sprint(kind, " ", data["from"], " ", data["to"]))
	}))
	defer server.Close()
	s, err := webhook.New(webhook.Config{URL: server.URL, Interval: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	st := memstore.New()
	defer st.Close()
	k, err := lease.NewKeeper(st, lease.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close(context.Background())
	def := fsm.MustDefine("idle", fsm.Table[string]{"idle": {"active"}, "active": {"idle"}})
	i, err := registry.Register(t.Context(), k, def, registry.Config[string, struct{}]{Key: "k", Observers: []registry.Observer{s}})
	if err != nil {
		t.Fatal(err)
	}
	_ = i.Transition(t.Context(), "active")
	_ = i.Transition(t.Context(), "nowhere") // a rejection is not among the usual kinds
	_ = i.RecordError(t.Context(), errors.New("boom"))
	_ = i.Transition(t.Context(), "idle")
	_ = i.Deregister(t.Context())
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"leasehold.transition idle active", "leasehold.error <nil> <nil>", "leasehold.transition active idle"}, lines); diff != "" {
		t.Errorf("notices (-want +got):\n%s", diff)
	}
}

// Each try has the same id and its own time, and the pauses grow.
func TestAServerInTroubleIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries atomic.Int32
		s, tr := inBubble(t, func(w http.ResponseWriter, _ *http.Request) {
			if tries.Add(1) < 6 {
				w.WriteHeader([]int{500, 503, 429, 408, 599}[tries.Load()-1])
			}
		}, nil)
		s.Observe(t.Context(), notice(1))
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		got := tr.requests()
		if len(got) != 6 || s.Stats() != (webhook.Stats{Sent: 1, Retried: 5}) {
			t.Fatalf("%d requests, %+v", len(got), s.Stats())
		}
		for i := 1; i < len(got); i++ {
			longest := shortest << (i - 1)
			if pause := got[i].at.Sub(got[i-1].at); pause < longest/2 || pause > longest {
				t.Errorf("the pause before try %d is %v", i+1, pause)
			}
			if got[i].header.Get("Webhook-Id") != got[0].header.Get("Webhook-Id") {
				t.Error("a try has another id")
			}
			if fmt.Sprint(got[i].at.Unix()) != got[i].header.Get("Webhook-Timestamp") {
				t.Error("a try has the time of another")
			}
		}
		s.Observe(t.Context(), notice(2))
		time.Sleep(time.Second)
		synctest.Wait()
		if got := tr.requests(); len(got) != 7 || got[6].header.Get("Webhook-Id") == got[0].header.Get("Webhook-Id") {
			t.Error("the next notice has the same id, or was not sent")
		}
	})
}

const shortest = time.Second

func TestRetryAfterIsObeyed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := []string{"90", "date", "0", "soon"}
		s, tr := inBubble(t, func(w http.ResponseWriter, _ *http.Request) {
			if len(answers) == 0 {
				return
			}
			if answers[0] == "date" {
				answers[0] = time.Now().Add(100 * time.Second).UTC().Format(http.TimeFormat)
			}
			w.Header().Set("Retry-After", answers[0])
			answers = answers[1:]
			w.WriteHeader(503)
		}, nil)
		s.Observe(t.Context(), notice(1))
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		got := tr.requests()
		if len(got) != 5 {
			t.Fatalf("%d requests", len(got))
		}
		for i, least := range []time.Duration{90 * time.Second, 99 * time.Second, 0, 0} {
			if pause := got[i+1].at.Sub(got[i].at); pause < least || pause > least+10*time.Second {
				t.Errorf("pause %d is %v", i, pause)
			}
		}
	})
}

// A server that does not want a notice does not get it again, and a redirect is not followed.
func TestARefusedNoticeIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, code := range []int{400, 401, 404, 410, 301, 302, 307, 304, 199} {
			var dropped []error
			s, tr := inBubble(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(code)
				fmt.Fprint(w, "no, ", strings.Repeat("x", 1000))
			}, func(c *webhook.Config) {
				c.Dropped = func(_ registry.Notice, err error) { dropped = append(dropped, err) }
			})
			s.Observe(t.Context(), notice(1))
			time.Sleep(time.Hour)
			synctest.Wait()
			refused := new(webhook.StatusError)
			if len(tr.requests()) != 1 || len(dropped) != 1 || !errors.As(dropped[0], &refused) || refused.Code != code {
				t.Errorf("%d: %d requests, dropped: %v", code, len(tr.requests()), dropped)
			}
			if len(refused.Text) > 200 || s.Stats() != (webhook.Stats{Dropped: 1}) {
				t.Errorf("%d: %+v, %d bytes of text", code, s.Stats(), len(refused.Text))
			}
		}
	})
}

func TestAnOldNoticeIsNotTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dropped := make(chan time.Time, 3)
		s, _ := inBubble(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, func(c *webhook.Config) {
			c.MaxAge, c.Dropped = 10*time.Minute, func(registry.Notice, error) { dropped <- time.Now() }
		})
		begun := time.Now()
		for i := range 3 {
			s.Observe(t.Context(), notice(i))
		}
		for range 3 {
			if took := (<-dropped).Sub(begun); took < 9*time.Minute || took > 11*time.Minute {
				t.Errorf("one is dropped after %v", took)
			}
		}
	})
}

func TestRequestsKeepTheirDistanceAndOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, tr := inBubble(t, ok, func(c *webhook.Config) { c.Interval = time.Second })
		for i := range 20 {
			s.Observe(t.Context(), notice(i))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		got := tr.requests()
		if len(got) != 20 {
			t.Fatalf("%d requests", len(got))
		}
		for i := range got {
			if _, data := got[i].data(t); i > 0 && (data["number"] != float64(i) || got[i].at.Sub(got[i-1].at) < time.Second) {
				t.Errorf("request %d: %s, %v after the one before", i, got[i].body, got[i].at.Sub(got[i-1].at))
			}
		}
	})
}

// While a server hangs, notices wait, and the oldest of those are dropped. The next that arrives
// says how many were.
func TestAFullQueueDropsTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var dropped []float64
		s, tr := inBubble(t, func(http.ResponseWriter, *http.Request) { <-release }, func(c *webhook.Config) {
			c.Queue, c.Timeout = 10, time.Hour
			c.Dropped = func(n registry.Notice, err error) {
				if !errors.Is(err, webhook.ErrFull) {
					t.Error(err)
				}
				if dropped = append(dropped, float64(n.Transition.Number)); n.Transition.Number == 2 {
					panic("Dropped")
				}
			}
		})
		s.Observe(t.Context(), notice(0))
		synctest.Wait()
		for i := range 15 {
			s.Observe(t.Context(), notice(1+i))
		}
		synctest.Wait()
		close(release)
		time.Sleep(time.Minute)
		synctest.Wait()
		var numbers, told []float64
		for _, r := range tr.requests() {
			_, data := r.data(t)
			number, _ := data["number"].(float64)
			missed, _ := data["dropped"].(float64)
			numbers, told = append(numbers, number), append(told, missed)
		}
		if diff := cmp.Diff([]float64{0, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, numbers); diff != "" {
			t.Errorf("sent (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]float64{0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0}, told); diff != "" {
			t.Errorf("told of drops (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]float64{1, 2, 3, 4, 5}, dropped); diff != "" {
			t.Errorf("dropped (-want +got):\n%s", diff)
		}
		if s.Stats() != (webhook.Stats{Sent: 11, Dropped: 5}) {
			t.Errorf("%+v", s.Stats())
		}
	})
}

// However many notices come while the server hangs, memory is bounded, and no change waits.
func TestDropsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told int
		s, _ := inBubble(t, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, func(c *webhook.Config) {
			c.Queue, c.Dropped = 10, func(registry.Notice, error) { told++ }
		})
		begun := time.Now()
		for i := range 10_000 {
			s.Observe(t.Context(), notice(i))
		}
		if time.Since(begun) > 0 {
			t.Error("Observe waits")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := s.Stats().Dropped; told > 20 || n < 9_980 {
			t.Errorf("told of %d drops of %d", told, n)
		}
	})
}

func TestCloseSendsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, tr := inBubble(t, ok, nil)
		for i := range 5 {
			s.Observe(t.Context(), notice(i))
		}
		if err := s.Close(t.Context()); err != nil || len(tr.requests()) != 5 {
			t.Errorf("%d requests, %v", len(tr.requests()), err)
		}
		s.Observe(t.Context(), notice(6))
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if s.Stats() != (webhook.Stats{Sent: 5, Dropped: 1}) {
			t.Errorf("%+v", s.Stats())
		}

		var dropped []error
		s, _ = inBubble(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, func(c *webhook.Config) {
			c.Dropped = func(_ registry.Notice, err error) { dropped = append(dropped, err) }
		})
		for i := range 3 {
			s.Observe(t.Context(), notice(i))
		}
		limited, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		begun := time.Now()
		err := s.Close(limited)
		if !errors.Is(err, webhook.ErrClosed) || time.Since(begun) != 10*time.Second || len(dropped) != 3 {
			t.Errorf("after %v: %v; dropped: %v", time.Since(begun), err, dropped)
		}
	})
}

// A server that hangs, refuses connections or answers without an end holds up neither the instance
// nor the end of the process. These are real servers, on real time.
func TestRealServersInTrouble(t *testing.T) {
	stop := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }))
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	}))
	defer hangs.Close()
	defer endless.Close()
	defer close(stop)
	refusing, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = refusing.Close()
	for name, url := range map[string]string{"hangs": hangs.URL, "endless": endless.URL, "refuses": "http://" + refusing.Addr().String() + "/token-in-path"} {
		t.Run(name, func(t *testing.T) {
			var dropped []error
			s, err := webhook.New(webhook.Config{
				URL: url, Timeout: 200 * time.Millisecond, MaxAge: time.Second,
				Dropped: func(_ registry.Notice, err error) { dropped = append(dropped, err) },
			})
			if err != nil {
				t.Fatal(err)
			}
			s.Observe(t.Context(), notice(1))
			limited, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_ = s.Close(limited)
			if name == "endless" { // the answer was 200
				if s.Stats().Sent != 1 {
					t.Errorf("%+v", s.Stats())
				}
				return
			}
			if len(dropped) != 1 || strings.Contains(dropped[0].Error(), "token-in-path") {
				t.Errorf("dropped: %v", dropped)
			}
		})
	}
}

func TestABadConfigurationIsRefused(t *testing.T) {
	for name, cfg := range map[string]webhook.Config{
		"no URL":            {},
		"another scheme":    {URL: "ftp://host/x"},
		"no host":           {URL: "https:///x"},
		"no URL at all":     {URL: "://"},
		"a bare secret":     {URL: "http://h", Secrets: []string{"0123456789abcdefghijklmn"}},
		"a short secret":    {URL: "http://h", Secrets: []string{"whsec_aGFsbG8="}},
		"no base64":         {URL: "http://h", Secrets: []string{"whsec_????"}},
		"negative queue":    {URL: "http://h", Queue: -1},
		"negative interval": {URL: "http://h", Interval: -1},
	} {
		s, err := webhook.New(cfg)
		if !errors.Is(err, store.ErrInvalid) || s != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && len(cfg.Secrets) > 0 && strings.Contains(err.Error(), cfg.Secrets[0]) {
			t.Errorf("%s: the error tells the secret", name)
		}
	}
}
