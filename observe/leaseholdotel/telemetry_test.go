package leaseholdotel_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/observe/leaseholdotel"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type payload struct{}

var errBoom = errors.New("boom")

var lifecycle = fsm.MustDefine("idle", fsm.Table[string]{"idle": {"active"}, "active": {"idle"}},
	fsm.GuardEdge("active", "idle", "closed", func(context.Context, fsm.Transition[string]) error { return errBoom }))

// telemetry is one with what it has told.
type telemetry struct {
	*leaseholdotel.Telemetry
	reader *sdkmetric.ManualReader
	spans  *tracetest.InMemoryExporter
	traces *sdktrace.TracerProvider
}

func newTelemetry(t testing.TB) telemetry {
	t.Helper()
	reader, spans := sdkmetric.NewManualReader(), tracetest.NewInMemoryExporter()
	traces := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	t.Cleanup(func() { _ = errors.Join(meters.Shutdown(context.Background()), traces.Shutdown(context.Background())) })
	made, err := leaseholdotel.New(leaseholdotel.WithMeterProvider(meters), leaseholdotel.WithTracerProvider(traces))
	if err != nil {
		t.Fatal(err)
	}
	return telemetry{made, reader, spans, traces}
}

// samples returns the values of counters and gauges and, with a "#", the counts of histograms.
func (tel telemetry) samples(t testing.TB) map[string]float64 {
	t.Helper()
	all := make(map[string]float64)
	tel.each(t, func(name, labels string, n float64) {
		if n != 0 {
			all[strings.TrimPrefix(name, "leasehold.")+labels] = n
		}
	})
	return all
}

func (tel telemetry) each(t testing.TB, sample func(name, labels string, n float64)) {
	t.Helper()
	var data metricdata.ResourceMetrics
	if err := tel.reader.Collect(context.Background(), &data); err != nil {
		t.Fatal(err)
	}
	labels := func(s attribute.Set) string {
		if s.Len() == 0 {
			return ""
		}
		var pairs []string
		for _, kv := range s.ToSlice() {
			pairs = append(pairs, string(kv.Key)+"="+kv.Value.AsString())
		}
		return "{" + strings.Join(pairs, ",") + "}"
	}
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					sample(m.Name, labels(p.Attributes), float64(p.Value))
				}
			case metricdata.Gauge[int64]:
				for _, p := range d.DataPoints {
					sample(m.Name, labels(p.Attributes), float64(p.Value))
				}
			case metricdata.Gauge[float64]:
				for _, p := range d.DataPoints {
					sample(m.Name, labels(p.Attributes), p.Value)
				}
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					sample(m.Name, "#"+labels(p.Attributes), float64(p.Count))
				}
			default:
				t.Errorf("%s is a %T", m.Name, d)
			}
		}
	}
}

// lines are the finished spans, oldest first.
func (tel telemetry) lines() (lines []string) {
	names := make(map[string]string)
	spans := tel.spans.GetSpans()
	for _, s := range spans {
		names[s.SpanContext.SpanID().String()] = s.Name
	}
	for _, s := range spans {
		line := s.Name
		if s.Parent.IsValid() {
			line += " in " + names[s.Parent.SpanID().String()]
		}
		for _, a := range s.Attributes {
			if name := string(a.Key); name == "leasehold.outcome" || name == "leasehold.to" || name == "leasehold.key" {
				line += " " + a.Value.AsString()
			}
		}
		if s.Status.Description != "" {
			line += ": " + s.Status.Description
		}
		lines = append(lines, line)
	}
	tel.spans.Reset()
	return lines
}

func TestTelemetryOfAnInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		tel := newTelemetry(t)
		st := memstore.New()
		defer st.Close()
		k, err := tel.NewKeeper(st, lease.Config{TTL: 10 * time.Second, Heartbeat: 3 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close(ctx)
		i, err := registry.Register(ctx, k, lifecycle, registry.Config[string, payload]{
			Key: "k", Observers: []registry.Observer{tel}, Requests: &registry.Requests[string]{States: []string{"idle"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		within, span := tel.traces.Tracer("test").Start(ctx, "mine")
		_ = i.Transition(within, "active")
		_ = i.Transition(within, "idle")
		span.End()
		_ = i.Transition(ctx, "nowhere")
		_, _ = registry.Request(ctx, k.Store(), "k", registry.ForState("idle"))
		waiting, cancel := context.WithCancel(ctx)
		go func() { _, _ = k.Acquire(waiting, "k", []byte("v"), lease.WithWait()) }()
		synctest.Wait()
		got := tel.samples(t)
		for _, call := range []string{"create", "update", "ask", "answer"} {
			if got["store.calls{outcome=ok,verb="+call+"}"] == 0 || got["store.call.duration#{verb="+call+"}"] == 0 {
				t.Errorf("no calls of %s in %v", call, got)
			}
		}
		for name := range got {
			if strings.HasPrefix(name, "store.") {
				delete(got, name)
			}
		}
		if diff := cmp.Diff(map[string]float64{
			"registrations": 1, "leases.held": 1, "waiters": 1, "trust.left": 9.4, "ttl": 10, "acquires{outcome=ok}": 1,
			"transitions{from=idle,outcome=ok,to=active}": 1, "transitions{from=active,outcome=guard,to=idle}": 2,
			"transitions{from=active,outcome=table,to=active}": 1, "transition.duration#": 4,
			"requests{outcome=rejected}": 1, "request.duration#": 1,
		}, got); diff != "" {
			t.Errorf("samples (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{
			"leasehold register k",
			"leasehold store update in mine k ok",
			"leasehold transition in mine k active ok",
			`leasehold transition in mine k idle guard: active -> idle: guard "closed": boom`,
			"mine",
			`leasehold request rejected k: active -> idle: guard "closed": boom`,
		}, tel.lines()); diff != "" {
			t.Errorf("spans (-want +got):\n%s", diff)
		}
		cancel()
		r, err := st.Get(ctx, "k")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(4 * time.Second)
		_ = st.Delete(ctx, "k", store.ByToken(r.Token))
		time.Sleep(4 * time.Second)
		tel.Observe(ctx, registry.Notice{Kind: registry.NoticeError})
		tel.Observe(ctx, registry.Notice{Kind: registry.NoticeLogDropped, Count: 7})
		tel.Observe(ctx, registry.Notice{Kind: registry.NoticeRestart})
		_ = i.Deregister(ctx)
		second, err := registry.Register(ctx, k, lifecycle, registry.Config[string, payload]{Key: "k", Observers: []registry.Observer{tel}})
		if err != nil {
			t.Fatal(err)
		}
		_ = second.Deregister(ctx)
		synctest.Wait()
		got = tel.samples(t)
		for name, n := range map[string]float64{
			"leases.lost{reason=deleted}": 1, "registrations": 2, "leaves": 1, "errors": 1, "log.entries.dropped": 7, "restarts": 1,
			"acquires{outcome=canceled}": 1, "leases.held": 0, "trust.left": 0,
		} {
			if got[name] != n {
				t.Errorf("%s is %v, want %v", name, got[name], n)
			}
		}
		if n := got["renewals{outcome=ok}"]; n < 1 || got["renew.margin#"] < n || got["renew.duration#"] < n {
			t.Errorf("%v renewals, %v margins", n, got["renew.margin#"])
		}
	})
}

func TestTelemetryOfAMachine(t *testing.T) {
	tel := newTelemetry(t)
	machine := fsm.New(lifecycle, leaseholdotel.Machine[string](tel.Telemetry))
	ctx, span := tel.traces.Tracer("test").Start(t.Context(), "mine")
	_ = machine.Transition(ctx, "active")
	_ = machine.Transition(t.Context(), "active")
	span.End()
	if diff := cmp.Diff(map[string]float64{
		"transitions{from=idle,outcome=ok,to=active}": 1, "transitions{from=active,outcome=table,to=active}": 1, "transition.duration#": 2,
	}, tel.samples(t)); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"leasehold transition in mine active ok", "mine"}, tel.lines()); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
}

func TestTheSeriesOfTransitionsAreBounded(t *testing.T) {
	tel := newTelemetry(t)
	for i := range 1500 {
		tel.Observe(t.Context(), registry.Notice{Kind: registry.NoticeTransition, Transition: fsm.Transition[string]{From: fmt.Sprint(i), To: "x"}})
	}
	n := 0
	for name := range tel.samples(t) {
		if strings.HasPrefix(name, "transitions{") {
			n++
		}
	}
	if n != 1001 {
		t.Errorf("%d series", n)
	}
}

func TestNewNeedsProviders(t *testing.T) {
	if _, err := leaseholdotel.New(leaseholdotel.WithMeterProvider(nil)); !errors.Is(err, store.ErrInvalid) {
		t.Error(err)
	}
	if _, err := leaseholdotel.New(); err != nil { // the global ones
		t.Error(err)
	}
	if _, err := newTelemetry(t).NewKeeper(nil, lease.Config{}); !errors.Is(err, store.ErrInvalid) {
		t.Error(err)
	}
}

// The package documentation lists the metrics, with their attributes.
func TestTheMetricsAreDocumented(t *testing.T) {
	tel := newTelemetry(t)
	source, err := os.ReadFile("telemetry.go")
	if err != nil {
		t.Fatal(err)
	}
	documented := make(map[string]string)
	for _, m := range regexp.MustCompile(`leasehold\.([a-z.]+[a-z])(?:\{([a-z, ]+)\})?`).FindAllStringSubmatch(strings.Split(string(source), "\npackage ")[0], -1) {
		documented["leasehold."+m[1]] = strings.ReplaceAll(m[2], " ", "")
	}
	st := memstore.New()
	defer st.Close()
	k, err := tel.NewKeeper(st, lease.Config{TTL: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	held, err := k.Acquire(t.Context(), "k", []byte("v"))
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []registry.NoticeKind{
		registry.NoticeRegistered, registry.NoticeTransition, registry.NoticeRequest, registry.NoticeError,
		registry.NoticeLogDropped, registry.NoticeLeft, registry.NoticeRestart,
	} {
		tel.Observe(t.Context(), registry.Notice{Kind: kind})
	}
	tel.each(t, func(name, _ string, _ float64) {
		if _, listed := documented[name]; !listed {
			t.Errorf("%s is not documented", name)
		}
	})
	_ = st.Delete(t.Context(), "k", store.ByToken(held.Token()))
	<-held.Done()
	_ = k.Close(context.Background())
	tel.each(t, func(name, labels string, _ float64) {
		var names []string
		for _, pair := range strings.Split(strings.Trim(labels, "#{}"), ",") {
			if name, _, ok := strings.Cut(pair, "="); ok {
				names = append(names, name)
			}
		}
		want := strings.Split(documented[name], ",")
		slices.Sort(want)
		if got := strings.Join(names, ","); got != strings.Join(want, ",") {
			t.Errorf("%s has the attributes %s, documented are %s", name, got, want)
		}
	})
}

// BenchmarkMachine makes transitions of a machine with a hook, without and with telemetry.
func BenchmarkMachine(b *testing.B) {
	def := fsm.MustDefine("idle", fsm.Table[string]{"idle": {"active"}, "active": {"idle"}},
		fsm.OnEntry("active", func(context.Context, fsm.Transition[string]) error { return nil }))
	global, err := leaseholdotel.New()
	if err != nil {
		b.Fatal(err)
	}
	tel := newTelemetry(b)
	for name, opts := range map[string][]fsm.Option{
		"hook":                         nil,
		"hook, telemetry, no provider": {leaseholdotel.Machine[string](global)},
		"hook and telemetry":           {leaseholdotel.Machine[string](tel.Telemetry)},
	} {
		b.Run(name, func(b *testing.B) {
			machine, ctx := fsm.New(def, opts...), context.Background()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				to := "active"
				if i%2 == 1 {
					to = "idle"
				}
				if err := machine.Transition(ctx, to); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
