// Package leaseholdprom has the metrics of leasehold for Prometheus.
//
//	metrics, err := leaseholdprom.New(prometheus.DefaultRegisterer)
//	keeper, err := metrics.NewKeeper(st, lease.Config{})
//	cfg := registry.Config[State, Payload]{Observers: []registry.Observer{metrics}, …}
//
// A keeper of [Metrics.NewKeeper] counts its acquires, renewals, losses and calls of the store;
// as a [registry.Observer], a [Metrics] counts the notices of instances; [Machine] counts the
// changes of a machine without an instance.
//
// # Metrics
//
//	leasehold_transitions_total{from, to, outcome}   outcome: a word of fsm.Outcome; ok and hook have moved the machine
//	leasehold_transition_duration_seconds            of those with any outcome, with their hooks and write
//	leasehold_leases_held, leasehold_waiters         of the keepers
//	leasehold_trust_left_seconds                     until the first lease cannot be trusted; absent without a lease
//	leasehold_ttl_seconds                            the shortest TTL of the keepers; absent without one
//	leasehold_acquires_total{outcome}                outcome: a word of store.Outcome
//	leasehold_wait_duration_seconds                  of acquires that would have waited, and got the key
//	leasehold_renewals_total{outcome}                of single leases
//	leasehold_renew_duration_seconds                 of the call with the batch, once for each lease in it
//	leasehold_renew_margin_seconds                   the rest of the trust window when the answer came
//	leasehold_values_skipped_total                   heartbeats without the value that they should have had
//	leasehold_leases_lost_total{reason}              reason: a word of lease.LostError.Reason
//	leasehold_registrations_total, leasehold_leaves_total, leasehold_restarts_total, leasehold_errors_total
//	leasehold_requests_total{outcome}                outcome: a word of registry.Outcome
//	leasehold_request_duration_seconds
//	leasehold_log_entries_dropped_total
//	leasehold_store_calls_total{verb, outcome}       verb: a word of store.Call; outcome: of store.Outcome
//	leasehold_store_call_duration_seconds{verb}      without the calls that yield until they are stopped
//
// A rejected change without a target has to equal to from. Keys, instances, tokens and events are no
// labels. States are: the first thousand transitions have series of their own, and the rest share
// "other". For labels of your own, give New a registerer of [prometheus.WrapRegistererWith].
package leaseholdprom

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/observe/internal/keepers"
	"github.com/leasehold-go/leasehold/observe/internal/series"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// Metrics counts the events of leases, instances and machines of one process. It comes from
// [New]. Its methods may be called from any number of goroutines.
type Metrics struct {
	acquires, renewals, lost, requests, calls               *prometheus.CounterVec
	skipped, registrations, leaves, restarts, errs, dropped prometheus.Counter
	took, waited, renewed, margin, requested                prometheus.Histogram
	called                                                  *prometheus.HistogramVec
	held, waiters, trust, ttl                               *prometheus.Desc

	changes *prometheus.CounterVec
	known   series.Transitions[string, prometheus.Counter]

	keepers keepers.Set
}

// Buckets in seconds.
var (
	quick = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	slow  = []float64{.01, .1, .25, .5, 1, 2.5, 5, 10, 15, 20, 30, 45, 60, 120, 300, 600, 3600}
)

// New makes metrics and registers them. It fails with the error of the registerer, and has
// registered nothing then: most often because it has metrics of leasehold already.
func New(registerer prometheus.Registerer) (*Metrics, error) {
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "leasehold_" + name, Help: help}, labels)
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "leasehold_" + name, Help: help})
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: "leasehold_" + name, Help: help, Buckets: buckets})
	}
	m := &Metrics{
		changes:       counters("transitions_total", "Changes of machines that had their turn.", "from", "to", "outcome"),
		took:          histogram("transition_duration_seconds", "Duration of transitions, with hooks and write.", quick),
		acquires:      counters("acquires_total", "Calls of Acquire.", "outcome"),
		waited:        histogram("wait_duration_seconds", "Wait for keys that were held, until they were acquired.", slow),
		renewals:      counters("renewals_total", "Attempts to renew a lease.", "outcome"),
		renewed:       histogram("renew_duration_seconds", "Duration of the store's answer to a renew.", quick),
		margin:        histogram("renew_margin_seconds", "What was left of the trust window when the answer to a renew came.", slow),
		skipped:       counter("values_skipped_total", "Heartbeats without the value that they should have had."),
		lost:          counters("leases_lost_total", "Leases that were lost.", "reason"),
		registrations: counter("registrations_total", "Instances that were registered."),
		leaves:        counter("leaves_total", "Instances that released their leases."),
		restarts:      counter("restarts_total", "Times that a supervised service was run again."),
		errs:          counter("errors_total", "Errors that instances published."),
		requests:      counters("requests_total", "Requests that instances took.", "outcome"),
		requested:     histogram("request_duration_seconds", "Duration of requests, from their arrival at the instance.", quick),
		dropped:       counter("log_entries_dropped_total", "Entries of activity logs that were not stored."),
		calls:         counters("store_calls_total", "Calls of the store.", "verb", "outcome"),
		called: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "leasehold_store_call_duration_seconds", Help: "Duration of calls of the store that return.", Buckets: quick}, []string{"verb"}),
		held:    prometheus.NewDesc("leasehold_leases_held", "Leases that are held.", nil, nil),
		waiters: prometheus.NewDesc("leasehold_waiters", "Calls of Acquire that wait for a key.", nil, nil),
		trust:   prometheus.NewDesc("leasehold_trust_left_seconds", "Time until the first lease cannot be trusted.", nil, nil),
		ttl:     prometheus.NewDesc("leasehold_ttl_seconds", "The shortest TTL of the keepers.", nil, nil),
	}
	// Prometheus does not see the step from no series to its first value.
	for vec, values := range map[*prometheus.CounterVec][]string{
		m.renewals: {"ok", "unavailable", "in_doubt"},
		m.lost:     {"expired", "unhealthy", "deleted", "foreign", "lost"},
		m.requests: {string(registry.OutcomeDone), string(registry.OutcomeDoneWithErrors), string(registry.OutcomeRejected), string(registry.OutcomeFailed), string(registry.OutcomeExpired)},
	} {
		for _, value := range values {
			vec.WithLabelValues(value)
		}
	}
	if err := registerer.Register((*collector)(m)); err != nil {
		return nil, fmt.Errorf("leaseholdprom: %w", err)
	}
	return m, nil
}

// NewKeeper is [lease.NewKeeper] with metrics. The callbacks of cfg are called too.
func (m *Metrics) NewKeeper(st store.Store, cfg lease.Config) (*lease.Keeper, error) {
	if st == nil {
		return lease.NewKeeper(st, cfg) // its error
	}
	onAcquire, onRenew, onLoss := cfg.OnAcquire, cfg.OnRenew, cfg.OnLoss
	cfg.OnAcquire = func(a lease.AcquireAttempt) {
		m.acquires.WithLabelValues(store.Outcome(a.Err)).Inc()
		if a.Waits && a.Err == nil {
			m.waited.Observe(a.Duration.Seconds())
		}
		if onAcquire != nil {
			onAcquire(a)
		}
	}
	renewed := m.renewals.WithLabelValues("ok")
	cfg.OnRenew = func(a lease.RenewAttempt) {
		if a.Err == nil {
			renewed.Inc()
		} else {
			m.renewals.WithLabelValues(store.Outcome(a.Err)).Inc()
		}
		if a.Duration > 0 || a.Err == nil { // there was a call
			m.renewed.Observe(a.Duration.Seconds())
			m.margin.Observe(a.Left.Seconds())
		}
		if a.Skipped != nil {
			m.skipped.Inc()
		}
		if onRenew != nil {
			onRenew(a)
		}
	}
	cfg.OnLoss = func(e *lease.LostError) {
		m.lost.WithLabelValues(e.Reason()).Inc()
		if onLoss != nil {
			onLoss(e)
		}
	}
	k, err := lease.NewKeeper(m.Store(st), cfg)
	if err != nil {
		return nil, err
	}
	m.keepers.Add(k)
	return k, nil
}

// Store is [store.Observe] with metrics, for a store without a keeper.
func (m *Metrics) Store(st store.Store) store.Store {
	return store.Observe(st, func(_ context.Context, c store.Call) {
		m.calls.WithLabelValues(c.Verb, store.Outcome(c.Err)).Inc()
		if !c.Endless {
			m.called.WithLabelValues(c.Verb).Observe(c.Duration.Seconds())
		}
	})
}

// Observe implements [registry.Observer].
func (m *Metrics) Observe(_ context.Context, n registry.Notice) {
	switch n.Kind {
	case registry.NoticeRegistered:
		m.registrations.Inc()
	case registry.NoticeTransition, registry.NoticeRejected:
		m.known.Of(n.Transition.From, n.Transition.To, n.Err, m.change).Inc()
		m.took.Observe(n.Duration.Seconds())
	case registry.NoticeRequest:
		m.requests.WithLabelValues(string(n.Request.Outcome)).Inc()
		m.requested.Observe(n.Duration.Seconds())
	case registry.NoticeError:
		m.errs.Inc()
	case registry.NoticeLogDropped:
		m.dropped.Add(float64(n.Count))
	case registry.NoticeLeft:
		m.leaves.Inc()
	case registry.NoticeRestart:
		m.restarts.Inc()
	}
}

// change returns the counter of a transition.
func (m *Metrics) change(from, to, outcome string) prometheus.Counter {
	return m.changes.WithLabelValues(from, to, outcome)
}

// Machine returns an option for a machine without an instance: m counts its changes.
func Machine[S comparable](m *Metrics) fsm.Option {
	known := new(series.Transitions[S, prometheus.Counter])
	return fsm.WithObserver(func(_ context.Context, r fsm.Result[S]) {
		known.Of(r.Transition.From, r.Transition.To, r.Err, m.change).Inc()
		m.took.Observe(r.Duration.Seconds())
	})
}

// collector is m as a [prometheus.Collector]: its methods are no part of the API of m.
type collector Metrics

func (c *collector) parts() []prometheus.Collector {
	return []prometheus.Collector{
		c.changes, c.took, c.acquires, c.waited, c.renewals, c.renewed, c.margin, c.skipped, c.lost, c.registrations,
		c.leaves, c.restarts, c.errs, c.requests, c.requested, c.dropped, c.calls, c.called,
	}
}

func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, part := range c.parts() {
		part.Describe(to)
	}
	to <- c.held
	to <- c.waiters
	to <- c.trust
	to <- c.ttl
}

func (c *collector) Collect(to chan<- prometheus.Metric) {
	for _, part := range c.parts() {
		part.Collect(to)
	}
	all, ttl := c.keepers.Stats()
	to <- prometheus.MustNewConstMetric(c.held, prometheus.GaugeValue, float64(all.Held))
	to <- prometheus.MustNewConstMetric(c.waiters, prometheus.GaugeValue, float64(all.Waiting))
	if all.Held > 0 {
		to <- prometheus.MustNewConstMetric(c.trust, prometheus.GaugeValue, all.TrustLeft.Seconds())
	}
	if ttl > 0 {
		to <- prometheus.MustNewConstMetric(c.ttl, prometheus.GaugeValue, ttl.Seconds())
	}
}
