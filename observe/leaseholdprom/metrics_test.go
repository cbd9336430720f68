package leaseholdprom_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/observe/leaseholdprom"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type payload struct{}

var errBoom = errors.New("boom")

var lifecycle = fsm.MustDefine("idle", fsm.Table[string]{"idle": {"active"}, "active": {"idle"}},
	fsm.GuardEdge("active", "idle", "closed", func(context.Context, fsm.Transition[string]) error { return errBoom }))

func newMetrics(t testing.TB) (*leaseholdprom.Metrics, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	m, err := leaseholdprom.New(registry)
	if err != nil {
		t.Fatal(err)
	}
	return m, registry
}

// samples returns the samples of the page of metrics, without histograms' buckets.
func samples(t testing.TB, g prometheus.Gatherer) map[string]float64 {
	t.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(g, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	page, _ := io.ReadAll(w.Body)
	all := make(map[string]float64)
	for line := range strings.Lines(string(page)) {
		name, value, found := cutLast(strings.TrimSpace(line))
		if n, err := strconv.ParseFloat(value, 64); found && err == nil && !strings.HasPrefix(line, "#") && !strings.Contains(line, "_bucket{") {
			all[strings.TrimPrefix(name, "leasehold_")] = n
		}
	}
	return all
}

func cutLast(line string) (before, after string, found bool) {
	i := strings.LastIndexByte(line, ' ')
	if i < 0 {
		return "", "", false
	}
	return line[:i], line[i+1:], true
}

// want compares samples, but for those of store calls and of durations.
func want(t *testing.T, g prometheus.Gatherer, want map[string]float64) {
	t.Helper()
	got := samples(t, g)
	for name, n := range got {
		if n == 0 || strings.HasPrefix(name, "store_call") || strings.HasSuffix(name, "_seconds_sum") {
			delete(got, name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
}

func TestMetricsOfAnInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		m, page := newMetrics(t)
		st := memstore.New()
		defer st.Close()
		var acquires, renewals, losses int
		k, err := m.NewKeeper(st, lease.Config{
			TTL: 10 * time.Second, Heartbeat: 3 * time.Second,
			OnAcquire: func(lease.AcquireAttempt) { acquires++ },
			OnRenew:   func(lease.RenewAttempt) { renewals++ },
			OnLoss:    func(*lease.LostError) { losses++ },
		})
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close(ctx)
		want(t, page, map[string]float64{"ttl_seconds": 10})
		cfg := registry.Config[string, payload]{
			Key: "k", Observers: []registry.Observer{m}, Log: &registry.Log{},
			Requests: &registry.Requests[string]{States: []string{"idle", "active"}},
		}
		ended := make(chan error)
		running, stop := context.WithCancel(ctx)
		go func() {
			ended <- registry.Supervise(running, k, lifecycle, cfg, func(ctx context.Context, i *registry.Instance[string, payload]) error {
				<-ctx.Done()
				return nil
			})
		}()
		synctest.Wait()
		_, _ = registry.Request(ctx, k.Store(), "k", registry.ForState("active"))
		_, _ = registry.Request(ctx, k.Store(), "k", registry.ForState("idle"))
		_, _ = registry.Request(ctx, k.Store(), "k", registry.ForState("active"))
		waiting, cancel := context.WithCancel(ctx)
		for range 2 {
			go func() { _, _ = k.Acquire(waiting, "k", []byte("v"), lease.WithWait()) }()
		}
		synctest.Wait()
		counts := map[string]float64{
			"registrations_total": 1, "leases_held": 1, "waiters": 2, "trust_left_seconds": 9.4, "ttl_seconds": 10,
			`acquires_total{outcome="ok"}`:                                 1,
			`transitions_total{from="idle",outcome="ok",to="active"}`:      1,
			`transitions_total{from="active",outcome="guard",to="idle"}`:   1,
			`transitions_total{from="active",outcome="table",to="active"}`: 1,
			"transition_duration_seconds_count":                            3,
			`requests_total{outcome="done"}`:                               1, `requests_total{outcome="rejected"}`: 2, "request_duration_seconds_count": 3,
		}
		want(t, page, counts)
		cancel()
		r, err := st.Get(ctx, "k")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		_ = st.Delete(ctx, "k", store.ByToken(r.Token)) // the keeper hears of it
		time.Sleep(4 * time.Second)
		synctest.Wait()
		got := samples(t, page)
		for name, n := range map[string]float64{
			`leases_lost_total{reason="deleted"}`: 1, "restarts_total": 1, "registrations_total": 2, "leases_held": 1, "waiters": 0,
			`acquires_total{outcome="ok"}`: 2, `acquires_total{outcome="canceled"}`: 2,
			"wait_duration_seconds_count": 1, "leaves_total": 0,
		} {
			if n != got[name] {
				t.Errorf("%s is %v, want %v", name, got[name], n)
			}
		}
		if n := got[`renewals_total{outcome="ok"}`]; n < 1 || got["renew_margin_seconds_count"] < n || got["renew_duration_seconds_count"] < n {
			t.Errorf("%v renewals, %v margins, %v durations", n, got["renew_margin_seconds_count"], got["renew_duration_seconds_count"])
		}
		if got["renew_margin_seconds_sum"] <= 0 {
			t.Error("the margins are 0")
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		got = samples(t, page)
		if got["leaves_total"] != 1 || got["leases_held"] != 0 {
			t.Errorf("after the end: %v leaves, %v held", got["leaves_total"], got["leases_held"])
		}
		if _, there := got["trust_left_seconds"]; there {
			t.Error("there is trust left without a lease")
		}
		for _, call := range []string{`verb="create",`, `verb="ask",`, `verb="answer",`, `verb="update",`, `verb="renew",`} {
			if !hasSample(got, "store_calls_total{", call) {
				t.Errorf("no calls of %s", call)
			}
		}
		if acquires != 4 || renewals == 0 || losses != 1 {
			t.Errorf("the callbacks of the configuration: %d, %d, %d", acquires, renewals, losses)
		}
	})
}

func hasSample(samples map[string]float64, name, label string) bool {
	for s, n := range samples {
		if strings.HasPrefix(s, name) && strings.Contains(s, strings.TrimSuffix(label, ",")) && n > 0 {
			return true
		}
	}
	return false
}

func TestMetricsOfAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, page := newMetrics(t)
		st := memstore.New()
		defer st.Close()
		k, err := m.NewKeeper(st, lease.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close(t.Context())
		first, err := k.Acquire(t.Context(), "k", []byte("v"))
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(100*time.Second, func() { _ = first.Release(context.Background()) })
		if _, err := k.Acquire(t.Context(), "k", []byte("v"), lease.WithWait()); err != nil {
			t.Fatal(err)
		}
		_, _ = k.Acquire(t.Context(), "k", []byte("v"))
		synctest.Wait()
		got := samples(t, page)
		if got["wait_duration_seconds_count"] != 1 || got["wait_duration_seconds_sum"] < 100 || got[`acquires_total{outcome="held"}`] != 1 {
			t.Errorf("%v waits of %v s, %v refused", got["wait_duration_seconds_count"], got["wait_duration_seconds_sum"], got[`acquires_total{outcome="held"}`])
		}
	})
}

func TestMetricsOfAMachine(t *testing.T) {
	m, page := newMetrics(t)
	machine := fsm.New(lifecycle, leaseholdprom.Machine[string](m))
	for range 3 {
		_ = machine.Transition(t.Context(), "active")
	}
	_ = machine.Transition(t.Context(), "nowhere")
	want(t, page, map[string]float64{
		`transitions_total{from="idle",outcome="ok",to="active"}`:      1,
		`transitions_total{from="active",outcome="table",to="active"}`: 3,
		"transition_duration_seconds_count":                            4,
	})
}

// However many states there are, the page stays small.
func TestTheSeriesOfTransitionsAreBounded(t *testing.T) {
	m, page := newMetrics(t)
	for i := range 2000 {
		for _, err := range []error{nil, errBoom} {
			m.Observe(t.Context(), registry.Notice{Kind: registry.NoticeTransition, Transition: fsm.Transition[string]{From: fmt.Sprint(i), To: "x"}, Err: err})
		}
	}
	n, err := testutil.GatherAndCount(page, "leasehold_transitions_total")
	if got := samples(t, page)[`transitions_total{from="other",outcome="ok",to="other"}`]; err != nil || n != 1002 || got != 1500 {
		t.Errorf("%d series, %v others, %v", n, got, err)
	}
}

func TestASecondNewOnARegistererIsRefusedAndHarmsNothing(t *testing.T) {
	m, page := newMetrics(t)
	_, err := leaseholdprom.New(page)
	if already := new(prometheus.AlreadyRegisteredError); !errors.As(err, already) {
		t.Errorf("got %v", err)
	}
	m.Observe(t.Context(), registry.Notice{Kind: registry.NoticeError})
	want(t, page, map[string]float64{"errors_total": 1})
	if _, err := m.NewKeeper(nil, lease.Config{}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a keeper without a store: %v", err)
	}
}

// A keeper that nobody uses any more is not kept for its metrics.
func TestMetricsKeepNoKeeper(t *testing.T) {
	m, page := newMetrics(t)
	ended := make(chan struct{})
	func() {
		st := memstore.New()
		defer st.Close()
		k, err := m.NewKeeper(st, lease.Config{})
		if err != nil {
			t.Fatal(err)
		}
		runtime.AddCleanup(k, func(ended chan struct{}) { close(ended) }, ended)
		_ = k.Close(context.Background())
	}()
	for deadline := time.Now().Add(time.Minute); ; {
		runtime.GC()
		samples(t, page)
		select {
		case <-ended:
			return
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatal("the keeper is still in memory")
		}
	}
}

// Scrapes under load see a page without errors, and in the end every transition.
func TestScrapesUnderLoad(t *testing.T) {
	m, page := newMetrics(t)
	st := memstore.New()
	defer st.Close()
	k, err := m.NewKeeper(st, lease.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close(context.Background())
	const machines, rounds = 4, 500
	var load, scrapes sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		scrapes.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if _, err := page.Gather(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range machines {
		load.Go(func() {
			one, err := registry.Register(context.Background(), k, fsm.MustDefine(0, fsm.Table[int]{0: {1}, 1: {0}}),
				registry.Config[int, payload]{Key: fmt.Sprint("k", i), Observers: []registry.Observer{m}})
			if err != nil {
				t.Error(err)
				return
			}
			defer one.Deregister(context.Background())
			for range rounds {
				if err := errors.Join(one.Transition(context.Background(), 1), one.Transition(context.Background(), 0)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	load.Wait()
	close(done)
	scrapes.Wait()
	if n := samples(t, page)[`transitions_total{from="0",outcome="ok",to="1"}`]; n != machines*rounds {
		t.Errorf("%v of %v transitions", n, machines*rounds)
	}
}

// The package documentation lists the metrics, with their labels.
func TestTheMetricsAreDocumented(t *testing.T) {
	m, page := newMetrics(t)
	st := memstore.New()
	defer st.Close()
	counted := make(chan struct{})
	k, err := m.NewKeeper(st, lease.Config{OnAcquire: func(lease.AcquireAttempt) { close(counted) }})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close(context.Background())
	_, _ = k.Acquire(t.Context(), "k", []byte("v"))
	<-counted
	for _, kind := range []registry.NoticeKind{registry.NoticeTransition, registry.NoticeRequest} {
		m.Observe(t.Context(), registry.Notice{Kind: kind})
	}
	source, err := os.ReadFile("metrics.go")
	if err != nil {
		t.Fatal(err)
	}
	documented := make(map[string]string)
	for _, match := range regexp.MustCompile(`leasehold_([a-z_]+)(?:\{([a-z, ]+)\})?`).FindAllStringSubmatch(strings.Split(string(source), "\npackage ")[0], -1) {
		documented["leasehold_"+match[1]] = strings.ReplaceAll(match[2], " ", "")
	}
	families, err := page.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		labels, listed := documented[f.GetName()]
		if !listed {
			t.Errorf("%s is not documented", f.GetName())
		}
		for _, sample := range f.GetMetric() {
			var names []string
			for _, l := range sample.GetLabel() {
				names = append(names, l.GetName())
			}
			wanted := slices.DeleteFunc(strings.Split(labels, ","), func(s string) bool { return s == "" })
			slices.Sort(wanted)
			if !slices.Equal(names, wanted) {
				t.Errorf("%s has the labels %v, documented are %v", f.GetName(), names, wanted)
			}
		}
		delete(documented, f.GetName())
	}
	if len(documented) > 0 {
		t.Errorf("there is no %v", documented)
	}
}
