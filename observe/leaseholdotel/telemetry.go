// Package leaseholdotel has the metrics and traces of leasehold for OpenTelemetry.
//
//	telemetry, err := leaseholdotel.New()
//	keeper, err := telemetry.NewKeeper(st, lease.Config{})
//	cfg := registry.Config[State, Payload]{Observers: []registry.Observer{telemetry}, …}
//
// A keeper of [Telemetry.NewKeeper] counts its acquires, renewals, losses and calls of the store;
// as a [registry.Observer], a [Telemetry] counts the notices of instances; [Machine] counts the
// changes of a machine without an instance.
//
// # Metrics
//
// Durations are in seconds, with buckets from 0.1 ms to an hour.
//
//	leasehold.transitions{from, to, outcome}    outcome: a word of fsm.Outcome; ok and hook have moved the machine
//	leasehold.transition.duration               of those with any outcome, with their hooks and write
//	leasehold.leases.held, leasehold.waiters    of the keepers
//	leasehold.trust.left                        until the first lease cannot be trusted; absent without a lease
//	leasehold.ttl                               the shortest TTL of the keepers; absent without one
//	leasehold.acquires{outcome}                 outcome: a word of store.Outcome
//	leasehold.wait.duration                     of acquires that would have waited, and got the key
//	leasehold.renewals{outcome}                 of single leases
//	leasehold.renew.duration                    of the call with the batch, once for each lease in it
//	leasehold.renew.margin                      the rest of the trust window when the answer came
//	leasehold.values.skipped                    heartbeats without the value that they should have had
//	leasehold.leases.lost{reason}               reason: a word of lease.LostError.Reason
//	leasehold.registrations, leasehold.leaves, leasehold.restarts, leasehold.errors
//	leasehold.requests{outcome}                 outcome: a word of registry.Outcome
//	leasehold.request.duration
//	leasehold.log.entries.dropped
//	leasehold.store.calls{verb, outcome}        verb: a word of store.Call; outcome: of store.Outcome
//	leasehold.store.call.duration{verb}         without the calls that yield until they are stopped
//
// A rejected change without a target has to equal to from. Keys, instances, tokens and events are no
// attributes. States are: the first thousand transitions have attributes of their own, and the rest
// share "other".
//
// # Traces
//
// Each registration and request is a span. A change of a machine and a call of the store are child
// spans of the span in their context; without one, as in heartbeats and timeouts, they are not
// traced. Spans have attributes for key, instance, token, states, event and outcome, and the error
// as their status. The span of a sender does not reach the instance that carries out its request.
package leaseholdotel

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/observe/internal/keepers"
	"github.com/leasehold-go/leasehold/observe/internal/series"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

const scope = "github.com/leasehold-go/leasehold/observe/leaseholdotel"

// Option is an option of [New].
type Option func(*options)

type options struct {
	meters  metric.MeterProvider
	tracers trace.TracerProvider
}

// WithMeterProvider has the metrics go to p instead of [otel.GetMeterProvider].
func WithMeterProvider(p metric.MeterProvider) Option { return func(o *options) { o.meters = p } }

// WithTracerProvider has the spans go to p instead of [otel.GetTracerProvider].
func WithTracerProvider(p trace.TracerProvider) Option { return func(o *options) { o.tracers = p } }

// Telemetry counts and traces the events of leases, instances and machines of one process. It
// comes from [New]. Its methods may be called from any number of goroutines.
type Telemetry struct {
	tracer trace.Tracer

	changes, acquires, renewals, lost, requests, calls      metric.Int64Counter
	skipped, registrations, leaves, restarts, errs, dropped metric.Int64Counter
	took, waited, renewed, margin, requested, called        metric.Float64Histogram
	known                                                   series.Transitions[string, *label]
	outcomes                                                labels // of acquires, renewals, losses and requests
	verbs                                                   labels

	keepers keepers.Set
}

var buckets = metric.WithExplicitBucketBoundaries(.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 15, 20, 30, 45, 60, 120, 300, 600, 3600)

// New makes the instruments. It fails with the errors of the providers.
func New(opts ...Option) (*Telemetry, error) {
	o := options{meters: otel.GetMeterProvider(), tracers: otel.GetTracerProvider()}
	for _, set := range opts {
		set(&o)
	}
	if o.meters == nil || o.tracers == nil {
		return nil, &store.InvalidError{What: "provider", Rule: "must not be nil"}
	}
	meter := o.meters.Meter(scope)
	var failed []error
	counter := func(name, unit, help string) metric.Int64Counter {
		c, err := meter.Int64Counter("leasehold."+name, metric.WithUnit("{"+unit+"}"), metric.WithDescription(help))
		failed = append(failed, err)
		return c
	}
	histogram := func(name, help string) metric.Float64Histogram {
		h, err := meter.Float64Histogram("leasehold."+name, metric.WithUnit("s"), metric.WithDescription(help), buckets)
		failed = append(failed, err)
		return h
	}
	t := &Telemetry{
		tracer:        o.tracers.Tracer(scope),
		changes:       counter("transitions", "transition", "Changes of machines that had their turn."),
		took:          histogram("transition.duration", "Duration of changes, with hooks and write."),
		acquires:      counter("acquires", "call", "Calls of Acquire."),
		waited:        histogram("wait.duration", "Wait for keys that were held, until they were acquired."),
		renewals:      counter("renewals", "renewal", "Attempts to renew a lease."),
		renewed:       histogram("renew.duration", "Duration of the store's answer to a renew."),
		margin:        histogram("renew.margin", "What was left of the trust window when the answer to a renew came."),
		skipped:       counter("values.skipped", "heartbeat", "Heartbeats without the value that they should have had."),
		lost:          counter("leases.lost", "lease", "Leases that were lost."),
		registrations: counter("registrations", "instance", "Instances that were registered."),
		leaves:        counter("leaves", "instance", "Instances that released their leases."),
		restarts:      counter("restarts", "restart", "Times that a supervised service was run again."),
		errs:          counter("errors", "error", "Errors that instances published."),
		requests:      counter("requests", "request", "Requests that instances took."),
		requested:     histogram("request.duration", "Duration of requests, from their arrival at the instance."),
		dropped:       counter("log.entries.dropped", "entry", "Entries of activity logs that were not stored."),
		calls:         counter("store.calls", "call", "Calls of the store."),
		called:        histogram("store.call.duration", "Duration of calls of the store that return."),
	}
	failed = append(failed, t.observeKeepers(meter))
	if err := errors.Join(failed...); err != nil {
		return nil, fmt.Errorf("leaseholdotel: %w", err)
	}
	return t, nil
}

// observeKeepers makes the gauges, which look at the keepers when they are read.
func (t *Telemetry) observeKeepers(meter metric.Meter) error {
	held, err1 := meter.Int64ObservableGauge("leasehold.leases.held", metric.WithUnit("{lease}"), metric.WithDescription("Leases that are held."))
	waiters, err2 := meter.Int64ObservableGauge("leasehold.waiters", metric.WithUnit("{call}"), metric.WithDescription("Calls of Acquire that wait for a key."))
	trust, err3 := meter.Float64ObservableGauge("leasehold.trust.left", metric.WithUnit("s"), metric.WithDescription("Time until the first lease cannot be trusted."))
	shortest, err4 := meter.Float64ObservableGauge("leasehold.ttl", metric.WithUnit("s"), metric.WithDescription("The shortest TTL of the keepers."))
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return err
	}
	_, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		all, ttl := t.keepers.Stats()
		o.ObserveInt64(held, int64(all.Held))
		o.ObserveInt64(waiters, int64(all.Waiting))
		if all.Held > 0 {
			o.ObserveFloat64(trust, all.TrustLeft.Seconds())
		}
		if ttl > 0 {
			o.ObserveFloat64(shortest, ttl.Seconds())
		}
		return nil
	}, held, waiters, trust, shortest)
	return err
}

// NewKeeper is [lease.NewKeeper] with metrics and traces. The callbacks of cfg are called too.
func (t *Telemetry) NewKeeper(st store.Store, cfg lease.Config) (*lease.Keeper, error) {
	if st == nil {
		return lease.NewKeeper(st, cfg) // its error
	}
	ctx := context.Background()
	onAcquire, onRenew, onLoss := cfg.OnAcquire, cfg.OnRenew, cfg.OnLoss
	cfg.OnAcquire = func(a lease.AcquireAttempt) {
		t.acquires.Add(ctx, 1, t.outcomes.of("outcome", store.Outcome(a.Err)).add...)
		if a.Waits && a.Err == nil {
			t.waited.Record(ctx, a.Duration.Seconds())
		}
		if onAcquire != nil {
			onAcquire(a)
		}
	}
	cfg.OnRenew = func(a lease.RenewAttempt) {
		t.renewals.Add(ctx, 1, t.outcomes.of("outcome", store.Outcome(a.Err)).add...)
		if a.Duration > 0 || a.Err == nil { // there was a call
			t.renewed.Record(ctx, a.Duration.Seconds())
			t.margin.Record(ctx, a.Left.Seconds())
		}
		if a.Skipped != nil {
			t.skipped.Add(ctx, 1)
		}
		if onRenew != nil {
			onRenew(a)
		}
	}
	cfg.OnLoss = func(e *lease.LostError) {
		t.lost.Add(ctx, 1, t.outcomes.of("reason", e.Reason()).add...)
		if onLoss != nil {
			onLoss(e)
		}
	}
	k, err := lease.NewKeeper(t.Store(st), cfg)
	if err != nil {
		return nil, err
	}
	t.keepers.Add(k)
	return k, nil
}

// Store is [store.Observe] with metrics and traces, for a store without a keeper.
func (t *Telemetry) Store(st store.Store) store.Store {
	return store.Observe(st, func(ctx context.Context, c store.Call) {
		outcome := store.Outcome(c.Err)
		t.calls.Add(ctx, 1, t.verbs.of("verb", c.Verb, "outcome", outcome).add...)
		if !c.Endless {
			t.called.Record(ctx, c.Duration.Seconds(), t.verbs.of("verb", c.Verb).record...)
		}
		if within(ctx) {
			t.span(ctx, "store "+c.Verb, trace.SpanKindClient, c.Began, c.Duration, c.Err,
				attribute.String("leasehold.key", c.Key), attribute.String("leasehold.outcome", outcome))
		}
	})
}

// Observe implements [registry.Observer].
func (t *Telemetry) Observe(ctx context.Context, n registry.Notice) {
	instance := func(more ...attribute.KeyValue) []attribute.KeyValue {
		return append(more, attribute.String("leasehold.key", n.Key), attribute.String("leasehold.instance", n.Instance), attribute.Int64("leasehold.token", int64(n.Token)))
	}
	switch n.Kind {
	case registry.NoticeRegistered:
		t.registrations.Add(ctx, 1)
		t.span(ctx, "register", trace.SpanKindInternal, time.Now().Add(-n.Duration), n.Duration, nil, instance()...)
	case registry.NoticeTransition, registry.NoticeRejected:
		t.change(ctx, n.Duration, t.known.Of(n.Transition.From, n.Transition.To, n.Err, newTransition))
		if within(ctx) {
			t.changeSpan(ctx, n.Transition, n.Duration, n.Err, instance()...)
		}
	case registry.NoticeRequest:
		t.requests.Add(ctx, 1, t.outcomes.of("outcome", string(n.Request.Outcome)).add...)
		t.requested.Record(ctx, n.Duration.Seconds())
		var err error
		if n.Request.Error != "" {
			err = errors.New(n.Request.Error)
		}
		t.span(ctx, "request", trace.SpanKindServer, time.Now().Add(-n.Duration), n.Duration, err,
			instance(attribute.String("leasehold.request", n.Request.ID), attribute.String("leasehold.outcome", string(n.Request.Outcome)))...)
	case registry.NoticeError:
		t.errs.Add(ctx, 1)
	case registry.NoticeLogDropped:
		t.dropped.Add(ctx, int64(n.Count))
	case registry.NoticeLeft:
		t.leaves.Add(ctx, 1)
	case registry.NoticeRestart:
		t.restarts.Add(ctx, 1)
	}
}

// Machine returns an option for a machine without an instance: t counts and traces its
// changes.
func Machine[S comparable](t *Telemetry) fsm.Option {
	known := new(series.Transitions[S, *label])
	return fsm.WithObserver(func(ctx context.Context, r fsm.Result[S]) {
		t.change(ctx, r.Duration, known.Of(r.Transition.From, r.Transition.To, r.Err, newTransition))
		if within(ctx) {
			shown := fsm.Transition[string]{From: fmt.Sprint(r.Transition.From), To: fmt.Sprint(r.Transition.To), Event: r.Transition.Event, At: r.Transition.At}
			t.changeSpan(ctx, shown, r.Duration, r.Err)
		}
	})
}

// change counts a change.
func (t *Telemetry) change(ctx context.Context, took time.Duration, l *label) {
	t.changes.Add(ctx, 1, l.add...)
	t.took.Record(ctx, took.Seconds())
}

func (t *Telemetry) changeSpan(ctx context.Context, tr fsm.Transition[string], took time.Duration, err error, more ...attribute.KeyValue) {
	t.span(ctx, "transition", trace.SpanKindInternal, tr.At, took, err, append(more,
		attribute.String("leasehold.from", tr.From), attribute.String("leasehold.to", tr.To),
		attribute.String("leasehold.event", tr.Event), attribute.String("leasehold.outcome", fsm.Outcome(err)))...)
}

// within reports whether there is a span in a context.
func within(ctx context.Context) bool { return trace.SpanContextFromContext(ctx).IsValid() }

// span tells of something that is over.
func (t *Telemetry) span(ctx context.Context, name string, kind trace.SpanKind, began time.Time, took time.Duration, err error, attrs ...attribute.KeyValue) {
	_, span := t.tracer.Start(ctx, "leasehold "+name, trace.WithTimestamp(began), trace.WithSpanKind(kind), trace.WithAttributes(attrs...))
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	span.End(trace.WithTimestamp(began.Add(took)))
}
