package observe_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/observe/leaseholdprom"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/registry/probe"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

type State string

const (
	Idle   State = "idle"
	Active State = "active"
)

var lifecycle = fsm.MustDefine(Idle, fsm.Table[State]{Idle: {Active}, Active: {Idle}})

type Record struct{}

func serve(ctx context.Context, i *registry.Instance[State, Record]) error {
	if err := i.Transition(ctx, Active); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// run is in README.md.
func run(ctx context.Context, st store.Store, cfg registry.Config[State, Record], web *http.ServeMux) error {
	health := &registry.Health[State]{ReadyIn: []State{Active}, StuckAfter: time.Minute, Gate: true}
	metrics, err := leaseholdprom.New(prometheus.DefaultRegisterer)
	if err != nil {
		return err
	}
	keeper, err := metrics.NewKeeper(st, lease.Config{})
	if err != nil {
		return err
	}
	defer keeper.Close(ctx)
	cfg.Health, cfg.Observers = health, []registry.Observer{metrics, registry.LogTo(slog.Default())}
	web.Handle("/livez", probe.Live(health))
	web.Handle("/readyz", probe.Ready(health))
	web.Handle("/statusz", probe.Status(health))
	web.Handle("/metrics", promhttp.Handler())
	return registry.Supervise(ctx, keeper, lifecycle, cfg, serve)
}

// The lines of the README give a service probes, metrics and restarts.
func TestAServiceOfTheReadme(t *testing.T) {
	fresh := prometheus.NewRegistry()
	prometheus.DefaultRegisterer, prometheus.DefaultGatherer = fresh, fresh
	st := memstore.New()
	defer st.Close()
	mux := http.NewServeMux()
	web := httptest.NewServer(mux)
	defer web.Close()
	defer http.DefaultClient.CloseIdleConnections()
	page := func(path string) string {
		answer, err := http.Get(web.URL + path)
		if err != nil {
			return err.Error()
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		return answer.Status + "\n" + string(body)
	}
	eventually := func(path, want string) {
		t.Helper()
		for deadline := time.Now().Add(patience); !strings.Contains(page(path), want); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s has no %q:\n%s", path, want, page(path))
			}
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, st, registry.Config[State, Record]{Key: "k"}, mux) }()
	eventually("/readyz", "200 OK")
	eventually("/livez", "200 OK")
	eventually("/metrics", `leasehold_transitions_total{from="idle",outcome="ok",to="active"} 1`)
	r, err := st.Get(ctx, "k")
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Delete(ctx, "k", store.ByToken(r.Token)); err != nil {
		t.Fatal(err)
	}
	eventually("/metrics", `leasehold_leases_lost_total{reason="deleted"} 1`)
	eventually("/metrics", "leasehold_registrations_total 2")
	eventually("/readyz", "200 OK")
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := st.Get(context.Background(), "k"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("after the end: %v", err)
	}
	eventually("/readyz", "503")
}
