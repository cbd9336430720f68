package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/store"
)

// Health tells whether a service works, to probes and, with Gate, to its own lease. A service has
// one in [Config.Health], for all its instances one after the other: Register refuses it while
// another instance with it registers or holds its key. The fields must not change afterwards; the
// methods may be called at any time from any number of goroutines. No method asks the store.
// Package probe has HTTP handlers.
type Health[S comparable] struct {
	// ReadyIn lists the states in which the service is ready; all if empty. Substates count.
	ReadyIn []S
	// ReadyWhileWaiting has an instance that waits for its key be ready. Without it, a rolling
	// update that waits for the new process before it stops the old one never ends.
	ReadyWhileWaiting bool

	// StuckAfter is how long the guards and hooks of one change of the machine, and a function that
	// makes a value, may take; without a limit if zero. The time that a write waits for the store
	// does not count.
	StuckAfter time.Duration
	// AliveWithin is the longest time from the registration to the first call of Alive, and
	// between two calls; without a limit if zero. The serve function calls it.
	AliveWithin time.Duration

	// Gate has the lease not renewed while the service is not live, so that it loses its key with
	// [lease.ErrUnhealthy] and another instance can take over; see [lease.Lease.SetHealth]. Register
	// claims no key then, and gives its wait up, with an error around that of Live.
	Gate bool

	applying sync.Mutex // taken before mu
	mu       sync.Mutex
	phase    HealthPhase
	key      string
	instance healthOf[S]  // that holds the key; nil without one
	ended    func() error // the error of the context that serve ends with; nil without serve
	alive    time.Time
	reported error
	giveUp   context.CancelCauseFunc // ends the last claim of a key; nil before the first
}

// errNotLive is why no key is claimed, with the error of Live.
var errNotLive = errors.New("the service is not live")

// HealthPhase is where a service is in the life of its instance.
type HealthPhase string

// The phases.
const (
	HealthDown        HealthPhase = "down"        // no instance: before the first, after the last, or between two
	HealthRegistering HealthPhase = "registering" // the key is being claimed
	HealthWaiting     HealthPhase = "waiting"     // the same, with Config.Wait
	HealthHeld        HealthPhase = "held"
	HealthLeaving     HealthPhase = "leaving" // the context of Run or Supervise has ended, or Leave was called
)

// healthOf is the part of an instance that its health depends on.
type healthOf[S comparable] interface {
	State() S
	held() (store.Token, error)
	busy() (text string, since time.Time)
	within(state, ancestor S) bool
	setHealth(error)
}

// HealthReport is the health of a service at one moment.
type HealthReport[S comparable] struct {
	Key   string
	Phase HealthPhase
	State S           // zero unless there is an instance
	Token store.Token // likewise
	Live  error       // nil if it is
	Ready error       // nil if it is
}

// Alive says that the serve function goes on; see AliveWithin.
func (h *Health[S]) Alive() {
	h.mu.Lock()
	h.alive = time.Now()
	h.mu.Unlock()
	h.apply()
}

// Report says that the service is not healthy, until Report is called with nil.
func (h *Health[S]) Report(err error) {
	h.mu.Lock()
	h.reported = err
	if err != nil && h.giveUp != nil && h.Gate {
		h.giveUp(fmt.Errorf("%w: %w", errNotLive, err))
	}
	h.mu.Unlock()
	h.apply()
}

// Live returns why the service is not live, or nil: an error of Report, a change that is stuck, or
// a serve function that has not called Alive in time. Without an instance, only Report counts.
func (h *Health[S]) Live() error { return h.Status().Live }

// Ready returns why the service is not ready, or nil: it is live, holds its key with a lease that
// can be trusted, is in a state of ReadyIn, and does not leave. It is no longer ready once the context
// of [Run] or [Supervise] has ended, while its serve function comes to its end.
func (h *Health[S]) Ready() error { return h.Status().Ready }

// Status returns the health at this moment.
func (h *Health[S]) Status() HealthReport[S] {
	h.mu.Lock()
	r := HealthReport[S]{Key: h.key, Phase: cmp.Or(h.phase, HealthDown)}
	i, alive, ended := h.instance, h.alive, h.ended
	r.Live = h.reported
	h.mu.Unlock()
	var unheld error // why the lease cannot be trusted
	if i != nil {
		r.State = i.State()
		r.Token, unheld = i.held()
		busy, since := i.busy()
		switch {
		case r.Live != nil:
		case h.StuckAfter > 0 && busy != "" && time.Since(since) > h.StuckAfter:
			r.Live = errors.New(busy)
		case h.AliveWithin > 0 && r.Phase == HealthHeld && time.Since(alive) > h.AliveWithin:
			r.Live = fmt.Errorf("the serve function has not called Alive since %s", alive.Format(time.RFC3339))
		}
	}
	if ended != nil && ended() != nil && r.Phase == HealthHeld {
		r.Phase = HealthLeaving
	}
	switch {
	case r.Live != nil:
		r.Ready = r.Live
	case r.Phase == HealthWaiting && h.ReadyWhileWaiting:
	case r.Phase != HealthHeld:
		r.Ready = fmt.Errorf("the service is %s", r.Phase)
	case unheld != nil:
		r.Ready = unheld
	case len(h.ReadyIn) > 0 && !slices.ContainsFunc(h.ReadyIn, func(s S) bool { return i.within(r.State, s) }):
		r.Ready = fmt.Errorf("the service is in state %v", r.State)
	}
	return r
}

// apply has the lease follow the health, with a gate. One call at a time: an older answer never
// replaces a newer one.
func (h *Health[S]) apply() {
	h.applying.Lock()
	defer h.applying.Unlock()
	h.mu.Lock()
	i := h.instance
	h.mu.Unlock()
	if i != nil && h.Gate {
		i.setHealth(h.Live())
	}
}

// check refuses states that the definition does not have, and negative times.
func (h *Health[S]) check(def *fsm.Definition[S]) error {
	if h == nil {
		return nil
	}
	if h.StuckAfter < 0 || h.AliveWithin < 0 {
		return &store.InvalidError{What: "time of Health", Got: min(h.StuckAfter, h.AliveWithin).String(), Rule: "must not be negative"}
	}
	return checkStates(def, "state of Health", h.ReadyIn)
}

// begin notes that a key is being claimed, by a new instance, and returns the context of the
// claim. With a gate, that ends when the service is not live. It fails with *[store.InvalidError]
// while another instance registers or holds its key.
func (h *Health[S]) begin(ctx context.Context, phase HealthPhase, key string) (context.Context, context.CancelFunc, error) {
	if h == nil {
		return ctx, func() {}, nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	busy := h.phase == HealthRegistering || h.phase == HealthWaiting
	if h.instance != nil {
		_, unheld := h.instance.held()
		busy = unheld == nil
	}
	if busy {
		return nil, nil, &store.InvalidError{Key: key, What: "Health", Rule: fmt.Sprintf("must not be that of another instance, which has %q or claims it", h.key)}
	}
	if h.reported != nil && h.Gate {
		return nil, nil, fmt.Errorf("%w: %w", errNotLive, h.reported)
	}
	h.phase, h.key, h.instance, h.ended = phase, key, nil, nil
	ctx, giveUp := context.WithCancelCause(ctx)
	h.giveUp = giveUp
	return ctx, func() { giveUp(nil) }, nil
}

// enter notes a phase of the service, with its instance.
func (h *Health[S]) enter(phase HealthPhase, key string, i healthOf[S]) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if phase == HealthHeld {
		h.alive = time.Now()
	}
	if (phase == HealthLeaving || phase == HealthDown) && h.instance != i {
		return // another instance of the service has come
	}
	if h.phase, h.key, h.instance, h.ended = phase, key, i, nil; phase == HealthDown {
		h.instance = nil
	}
}

// serves notes how to ask whether the context of the serve function that runs now has ended.
func (h *Health[S]) serves(ended func() error) {
	if h == nil {
		return
	}
	h.mu.Lock()
	h.ended = ended
	h.mu.Unlock()
}

// interval is the time between two looks at limits that pass without a call.
func (h *Health[S]) interval() time.Duration {
	shortest := time.Second
	for _, limit := range []time.Duration{h.StuckAfter, h.AliveWithin} {
		if limit > 0 {
			shortest = min(shortest, limit/4)
		}
	}
	return max(shortest, 10*time.Millisecond)
}

func (i *Instance[S, P]) held() (store.Token, error)    { return i.lease.Token(), i.lease.Err() }
func (i *Instance[S, P]) within(state, ancestor S) bool { return i.def.In(state, ancestor) }
func (i *Instance[S, P]) setHealth(err error)           { i.lease.SetHealth(err) }

// gate has the lease follow the health, until ctx or the lease ends. A serve function that was stuck
// has returned when ctx ends.
func (i *Instance[S, P]) gate(ctx context.Context) {
	defer close(i.gated)
	h := i.cfg.Health
	if h == nil || !h.Gate {
		return
	}
	ticker := time.NewTicker(h.interval())
	defer ticker.Stop()
	for {
		h.apply()
		select {
		case <-ticker.C:
		case <-ctx.Done():
			h.apply()
			return
		case <-i.lease.Done():
			return
		}
	}
}
