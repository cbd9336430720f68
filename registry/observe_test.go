package registry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// observerFunc is an observer.
type observerFunc func(context.Context, registry.Notice)

func (f observerFunc) Observe(ctx context.Context, n registry.Notice) { f(ctx, n) }

// observe adds an observer to a configuration.
func observe(f func(context.Context, registry.Notice)) func(*config) {
	return func(c *config) { c.Observers = append(c.Observers, observerFunc(f)) }
}

// notices keeps what an observer is told.
type notices struct {
	mu  sync.Mutex
	all []registry.Notice
}

func (n *notices) config(c *config) {
	observe(func(_ context.Context, one registry.Notice) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.all = append(n.all, one)
	})(c)
}

// lines are the notices as text, and none is kept.
func (n *notices) lines() (lines []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, one := range n.all {
		line := string(one.Kind)
		switch one.Kind {
		case registry.NoticeTransition, registry.NoticeRejected:
			line += fmt.Sprintf(" %d %s -> %s %q %q", one.Transition.Number, one.Transition.From, one.Transition.To, one.Transition.Event, one.Transition.Cause)
		case registry.NoticeRequest:
			line += fmt.Sprintf(" %s by %s: %s", one.Request.What, one.Request.Sender, one.Request.Outcome)
		case registry.NoticeLogDropped:
			line += fmt.Sprint(" ", one.Count)
		}
		if one.Err != nil {
			line += ": " + one.Err.Error()
		}
		lines = append(lines, line)
	}
	n.all = nil
	return lines
}

func (n *notices) want(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, n.lines()); diff != "" {
		t.Errorf("notices (-want +got):\n%s", diff)
	}
}

func TestObserversAreToldOfTheLifeOfAnInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		st := teststore.New()
		var told notices
		var hook error
		poke := fsm.NewSignal("poke")
		def, err := lifecycle.With(
			fsm.OnEntry(Warming, func(context.Context, fsm.Transition[State]) error { return hook }),
			fsm.Guard(Stopping, "always", func(context.Context, fsm.Transition[State]) error { return nil }),
			fsm.Internal(poke, fsm.From(Idle)),
			fsm.Timeout(Active, time.Second, Warming),
			fsm.GuardEdge(Active, Warming, "never", func(context.Context, fsm.Transition[State]) error { return errBoom }))
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		var notice registry.Notice
		i, err := registry.Register(ctx, newKeeper(t, st), def, configure(told.config, func(c *config) {
			c.Instance = "one"
			c.Requests = &registry.Requests[State]{States: []State{Starting}}
		}, observe(func(_ context.Context, n registry.Notice) { notice = n })))
		if err != nil {
			t.Fatal(err)
		}
		if want := (registry.Notice{Kind: registry.NoticeRegistered, Key: key, Instance: "one", Token: i.Lease().Token(), At: begun.UTC()}); notice != want {
			t.Errorf("got %+v, want %+v", notice, want)
		}
		told.want(t, "registered")
		_ = i.Machine().Fire(ctx, poke)
		_ = i.Transition(ctx, Active)
		if _, err := registry.Request(ctx, st, key, registry.ForState("starting"), registry.WithSender("ops"), registry.WithRequestCause("why")); err != nil {
			t.Fatal(err)
		}
		hook = errBoom
		_ = i.TransitionWithCause(ctx, Warming, "warm up")
		_ = i.RecordError(ctx, errors.New("no data"))
		_ = i.Transition(ctx, Active)
		time.Sleep(time.Second)
		synctest.Wait()
		told.want(t,
			`transition 0 idle -> idle "poke" ""`,
			`rejected 0 idle -> idle "" "": idle -> active is not in the table; from idle: starting`,
			`transition 1 idle -> starting "" "why"`,
			`request state "starting" by ops: done`,
			`transition 2 starting -> warming "" "warm up": starting -> warming moved, but entry hook: boom`,
			`error: no data`,
			`transition 3 warming -> active "" ""`,
			`rejected 4 active -> warming "" "timeout after 1s in active": active -> warming: guard "never": boom`,
			`error: active -> warming: guard "never": boom`,
		)
		if err := i.Leave(ctx); err != nil {
			t.Fatal(err)
		}
		told.want(t, `transition 4 active -> stopping "" ""`, `transition 5 stopping -> stopped "" ""`, `left`)
	})
}

func TestObserversAreToldOfALossOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		var told notices
		s := supervise(t, newKeeper(t, st), told.config)
		first := <-s.runs
		st.Evict(key)
		second := <-s.runs
		s.wantEnd(nil)
		var got []string
		for _, line := range told.lines() {
			if !strings.HasPrefix(line, "transition") && !strings.HasPrefix(line, "rejected") {
				got = append(got, line)
			}
		}
		lost := first.Lease().Err().Error()
		if diff := cmp.Diff([]string{"registered", "lost: " + lost, "restart: " + lost, "registered", "left"}, got); diff != "" {
			t.Errorf("notices (-want +got):\n%s", diff)
		}
		if second.Lease().Token() <= first.Lease().Token() {
			t.Error("the second run has no newer lease")
		}
	})
}

// An observer that panics harms neither the change nor another observer. One that does not return
// holds up what it is told of, and no release.
func TestAnObserverInTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logged := logs(t)
		var told notices
		i := register(t, newKeeper(t, teststore.New()), observe(func(context.Context, registry.Notice) { panic(errBoom) }), told.config)
		move(t, i, Starting)
		told.want(t, "registered", `transition 1 idle -> starting "" ""`)
		if n := strings.Count(logged.String(), "an observer panicked"); n != 2 {
			t.Errorf("%d panics are logged:\n%s", n, logged)
		}
		if err := i.Deregister(t.Context()); err != nil {
			t.Error(err)
		}

		resume := make(chan struct{})
		i = register(t, newKeeper(t, teststore.New()), observe(func(_ context.Context, n registry.Notice) {
			if n.Kind == registry.NoticeLeft {
				<-resume
			}
		}))
		begun := time.Now()
		err := i.Deregister(t.Context())
		if err == nil || !strings.Contains(err.Error(), "observers") || time.Since(begun) > 6*time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		close(resume)
	})
}

// A hook that ends its goroutine after the commit does not make it a rejection.
func TestObserversOfAChangeThatDoesNotReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logs(t)
		var told notices
		def, err := lifecycle.With(
			fsm.OnEntry(Starting, func(context.Context, fsm.Transition[State]) error { panic(errBoom) }),
			fsm.Guard(Warming, "panics", func(context.Context, fsm.Transition[State]) error { panic(errBoom) }))
		if err != nil {
			t.Fatal(err)
		}
		i, err := registry.Register(t.Context(), newKeeper(t, teststore.New()), def, configure(told.config))
		if err != nil {
			t.Fatal(err)
		}
		for _, to := range []State{Starting, Warming} {
			func() {
				defer func() { _ = recover() }()
				_ = i.Transition(t.Context(), to)
			}()
		}
		told.want(t, "registered",
			`transition 1 idle -> starting "" "": `+fsm.ErrAborted.Error(),
			`rejected 2 starting -> warming "" "": `+fsm.ErrAborted.Error())
	})
}

func TestObserversAreToldOfDroppedLogEntries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		var told notices
		i := register(t, newKeeper(t, st), told.config, func(c *config) { c.Log = &registry.Log{} })
		st.Inject(teststore.Refuse, teststore.Append)
		_ = i.RecordError(t.Context(), errBoom)
		time.Sleep(time.Minute)
		synctest.Wait()
		lines := told.lines()
		if !slices.ContainsFunc(lines, func(l string) bool {
			return strings.HasPrefix(l, "log dropped ") && strings.Contains(l, store.ErrUnavailable.Error())
		}) {
			t.Errorf("notices:\n%s", strings.Join(lines, "\n"))
		}
	})
}

func TestANilObserverIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, err := registry.Register(t.Context(), newKeeper(t, teststore.New()), lifecycle, configure(func(c *config) { c.Observers = []registry.Observer{nil} }))
		if !errors.Is(err, store.ErrInvalid) {
			t.Error(err)
		}
	})
}

// logs keeps what slog.Default is given during a test.
func logs(t *testing.T) *bytes.Buffer {
	var b bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&b, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	return &b
}

// attributes are the names that the package documentation lists.
func attributes(t *testing.T) []string {
	t.Helper()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(doc), "# Observers and logging")
	section, _, _ = strings.Cut(section, "# Leaving")
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^//\t([a-z, ]+?)  `).FindAllStringSubmatch(section, -1) {
		names = append(names, strings.Split(m[1], ", ")...)
	}
	return names
}

// Each attribute that is logged is listed, and each that is listed is logged.
func TestTheNamesOfLoggedAttributesAreListed(t *testing.T) {
	var b bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	tr := fsm.Transition[string]{Number: 3, From: "a", To: "b", Event: "e", Cause: "c"}
	request := registry.LoggedRequest{ID: "7", Sender: "ops", What: `state "b"`, Outcome: registry.OutcomeFailed, Error: "x"}
	lost := &lease.LostError{Key: "k", Token: 9, Cause: lease.ErrExpired}
	for _, n := range []registry.Notice{
		{Kind: registry.NoticeRegistered, Duration: time.Second},
		{Kind: registry.NoticeTransition, Transition: tr, Duration: time.Millisecond},
		{Kind: registry.NoticeRejected, Transition: tr, Err: errBoom},
		{Kind: registry.NoticeRequest, Request: request},
		{Kind: registry.NoticeError, Err: errBoom},
		{Kind: registry.NoticeLogDropped, Count: 5, Err: store.ErrUnavailable},
		{Kind: registry.NoticeLost, Err: lost},
		{Kind: registry.NoticeLeft},
		{Kind: registry.NoticeRestart, Err: lost, Duration: time.Second},
	} {
		n.Key, n.Instance, n.Token = "k", "one", 9
		registry.LogTo(logger).Observe(t.Context(), n)
	}
	want := strings.Join([]string{
		`{"level":"INFO","msg":"leasehold: registered","key":"k","instance":"one","token":9,"duration":1000000000}`,
		`{"level":"INFO","msg":"leasehold: transition","key":"k","instance":"one","token":9,"from":"a","to":"b","event":"e","cause":"c","number":3,"duration":1000000}`,
		`{"level":"WARN","msg":"leasehold: rejected","key":"k","instance":"one","token":9,"from":"a","to":"b","event":"e","cause":"c","error":"boom"}`,
		`{"level":"INFO","msg":"leasehold: request","key":"k","instance":"one","token":9,"request":"7","sender":"ops","asked":"state \"b\"","outcome":"failed","error":"x"}`,
		`{"level":"ERROR","msg":"leasehold: error","key":"k","instance":"one","token":9,"error":"boom"}`,
		`{"level":"WARN","msg":"leasehold: log dropped","key":"k","instance":"one","token":9,"count":5,"error":"store unavailable"}`,
		`{"level":"ERROR","msg":"leasehold: lost","key":"k","instance":"one","token":9,"error":"` + strings.ReplaceAll(lost.Error(), `"`, `\"`) + `"}`,
		`{"level":"INFO","msg":"leasehold: left","key":"k","instance":"one","token":9}`,
		`{"level":"WARN","msg":"leasehold: restart","key":"k","instance":"one","token":9,"duration":1000000000,"error":"` + strings.ReplaceAll(lost.Error(), `"`, `\"`) + `"}`,
	}, "\n") + "\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}

	logged := map[string]bool{}
	for line := range strings.Lines(b.String()) {
		var attrs map[string]any
		if err := json.Unmarshal([]byte(line), &attrs); err != nil {
			t.Fatal(err)
		}
		for name := range attrs {
			logged[name] = name != "level" && name != "msg"
		}
	}
	for _, a := range (registry.Notice{Kind: registry.NoticeLeft}).LogValue().Group() {
		logged[a.Key] = true
	}
	files, _ := filepath.Glob("*.go")
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range regexp.MustCompile(`slog\.(?:Error|Warn|Info)\("[^"]*"(.*)\)`).FindAllStringSubmatch(string(source), -1) {
			for _, name := range regexp.MustCompile(`, "([a-z]+)"`).FindAllStringSubmatch(call[1], -1) {
				logged[name[1]] = true
			}
		}
	}
	listed := attributes(t)
	for name, is := range logged {
		if is && !slices.Contains(listed, name) {
			t.Errorf("attribute %q is not listed", name)
		}
	}
	for _, name := range listed {
		if !logged[name] {
			t.Errorf("attribute %q is listed and not logged", name)
		}
	}
}
