package registry_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

type health = registry.Health[State]

func withHealth(h *health) func(*config) { return func(c *config) { c.Health = h } }

// wantHealth checks the phase, and parts of the reasons; "" for live or ready.
func wantHealth(t testing.TB, h *health, phase registry.HealthPhase, live, ready string) {
	t.Helper()
	matches := func(err error, part string) bool {
		if part == "" {
			return err == nil
		}
		return err != nil && strings.Contains(err.Error(), part)
	}
	if r := h.Status(); r.Phase != phase || !matches(r.Live, live) || !matches(r.Ready, ready) {
		t.Errorf("%+v, want %s, live %q, ready %q", r, phase, live, ready)
	}
}

func TestHealthThroughALife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		var h, eager = &health{ReadyIn: []State{Active}}, &health{ReadyWhileWaiting: true}
		wantHealth(t, h, registry.HealthDown, "", "the service is down")
		other := register(t, newKeeper(t, st))
		wait := func(c *config) { c.Wait = true }
		got := make(chan *instance, 1)
		go func() { got <- register(t, newKeeper(t, st), wait, withHealth(h)) }()
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			_, _ = registry.Register(ctx, newKeeper(t, st), lifecycle, configure(wait, withHealth(eager)))
		}()
		synctest.Wait()
		wantHealth(t, h, registry.HealthWaiting, "", "the service is waiting")
		wantHealth(t, eager, registry.HealthWaiting, "", "")
		cancel()
		synctest.Wait()
		wantHealth(t, eager, registry.HealthDown, "", "the service is down")
		if err := other.Deregister(t.Context()); err != nil {
			t.Fatal(err)
		}
		inst := <-got
		wantHealth(t, h, registry.HealthHeld, "", "the service is in state idle")
		move(t, inst, Starting, Warming, Active)
		wantHealth(t, h, registry.HealthHeld, "", "")
		if r := h.Status(); r.Key != key || r.State != Active || r.Token != inst.Lease().Token() {
			t.Errorf("%+v", r)
		}
		h.Report(errBoom)
		wantHealth(t, h, registry.HealthHeld, "boom", "boom")
		h.Report(nil)
		st.Evict(key)
		<-inst.Lease().Done()
		wantHealth(t, h, registry.HealthHeld, "", "lost")
		if err := inst.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantHealth(t, h, registry.HealthDown, "", "the service is down")
	})
}

func TestHealthWhileTheInstanceLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &health{}
		def, err := lifecycle.With(fsm.OnEntry(Stopping, func(context.Context, fsm.Transition[State]) error { time.Sleep(time.Second); return nil }))
		if err != nil {
			t.Fatal(err)
		}
		inst, err := registry.Register(t.Context(), newKeeper(t, teststore.New()), def, configure(withHealth(h)))
		if err != nil {
			t.Fatal(err)
		}
		move(t, inst, Starting)
		wantHealth(t, h, registry.HealthHeld, "", "")
		left := make(chan error)
		go func() { left <- inst.Leave(t.Context()) }()
		synctest.Wait()
		wantHealth(t, h, registry.HealthLeaving, "", "the service is leaving")
		if err := <-left; err != nil {
			t.Error(err)
		}
		wantHealth(t, h, registry.HealthDown, "", "the service is down")
	})
}

// A serve function may take its time at shutdown. Its service is live and holds its key meanwhile,
// and is not ready.
func TestServiceIsNotReadyOnceItIsToldToEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &health{}
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error)
		go func() {
			served <- registry.Supervise(ctx, newKeeper(t, teststore.New()), lifecycle, configure(withHealth(h)),
				func(ctx context.Context, _ *instance) error {
					<-ctx.Done()
					time.Sleep(time.Second) // the last work
					return ctx.Err()
				})
		}()
		synctest.Wait()
		wantHealth(t, h, registry.HealthHeld, "", "")
		cancel()
		wantHealth(t, h, registry.HealthLeaving, "", "the service is leaving")
		synctest.Wait()
		wantHealth(t, h, registry.HealthLeaving, "", "the service is leaving")
		if err := <-served; err != nil {
			t.Error(err)
		}
		wantHealth(t, h, registry.HealthDown, "", "the service is down")
	})
}

// What ends the health of a service ends its lease, within the limit and a TTL, if there is a gate.
// Its record is there for as long as it can be trusted.
func TestUnhealthyServiceLosesItsKeyIfThereIsAGate(t *testing.T) {
	const limit = time.Minute
	for name, test := range map[string]struct {
		stuckAfter, aliveWithin time.Duration

		sicken func(*testing.T, *health, *instance)
		says   string
		after  time.Duration
	}{
		"reported": {0, 0, func(_ *testing.T, h *health, _ *instance) { h.Report(errBoom) }, "boom", 0},
		"stuck serve": {0, limit, func(_ *testing.T, h *health, _ *instance) { h.Alive() },
			"the serve function has not called Alive", limit},
		"stuck hook": {limit, 0, func(t *testing.T, _ *health, i *instance) {
			go i.Transition(context.Background(), Starting)
			synctest.Wait()
		}, "idle -> starting (entry) is under way", limit},
	} {
		for _, gate := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					st := teststore.New()
					end := make(chan struct{})
					defer close(end)
					def, err := lifecycle.With(fsm.OnEntry(Starting, stuckHook(end)))
					if err != nil {
						t.Fatal(err)
					}
					h := &health{StuckAfter: test.stuckAfter, AliveWithin: test.aliveWithin, Gate: gate}
					inst, err := registry.Register(t.Context(), newKeeper(t, st), def, configure(withHealth(h)))
					if err != nil {
						t.Fatal(err)
					}
					defer inst.Deregister(context.Background())
					for range 10 { // it works, and for longer than the limit
						h.Alive()
						time.Sleep(limit / 4)
					}
					test.sicken(t, h, inst)
					begun := time.Now()
					for inst.Lease().Valid() && time.Since(begun) < time.Hour {
						if _, err := st.Get(t.Context(), key); err != nil && inst.Lease().Valid() {
							t.Fatalf("trusted without a record: %v", err)
						}
						time.Sleep(100 * time.Millisecond)
					}
					wantHealth(t, h, registry.HealthHeld, test.says, test.says)
					if !gate {
						if !inst.Lease().Valid() {
							t.Errorf("lost without a gate: %v", inst.Lease().Err())
						}
						return
					}
					if err := inst.Lease().Err(); !errors.Is(err, lease.ErrUnhealthy) || !strings.Contains(err.Error(), test.says) {
						t.Errorf("lost because of %v", err)
					}
					if d := time.Since(begun); d > test.after+ttl+2*time.Second {
						t.Errorf("lost after %v", d)
					}
					time.Sleep(time.Second)
					if _, err := st.Get(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
						t.Errorf("a second after the loss: %v", err)
					}
				})
			})
		}
	}
}

// A service that recovers in time keeps its key.
func TestServiceThatRecoversKeepsItsKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &health{Gate: true, AliveWithin: time.Minute}
		inst := register(t, newKeeper(t, teststore.New()), withHealth(h))
		for range 10 {
			h.Report(errBoom)
			time.Sleep(ttl - heartbeat - time.Second) // the last renew can be a heartbeat old
			h.Report(nil)
			h.Alive()
			time.Sleep(heartbeat)
			time.Sleep(time.Minute)
			h.Alive() // a little late, and within the window
			synctest.Wait()
		}
		if !inst.Lease().Valid() {
			t.Error(inst.Lease().Err())
		}
	})
}

// Supervise claims no key for a service that is not live, and does once it is.
func TestSuperviseClaimsNoKeyForAServiceThatIsNotLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		h := &health{Gate: true}
		s := supervise(t, newKeeper(t, st), withHealth(h))
		first := <-s.runs
		h.Report(errBoom)
		<-first.Lease().Done()
		time.Sleep(10 * time.Minute)
		wantGone(t, st)
		h.Report(nil)
		<-s.runs
		wantHealth(t, h, registry.HealthHeld, "", "")
		h.Report(errBoom)
		time.Sleep(10 * time.Minute)
		s.wantEnd(nil)
	})
}

func TestHealthThatDoesNotFitIsRefused(t *testing.T) {
	k := newKeeper(t, teststore.New())
	for name, h := range map[string]*health{"state": {ReadyIn: []State{"nowhere"}}, "time": {StuckAfter: -1}, "other time": {AliveWithin: -1}} {
		if _, err := registry.Register(t.Context(), k, lifecycle, configure(withHealth(h))); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A Health tells of one instance. A second one is refused while the first registers or holds its
// key, so that it cannot hide the first from its gate.
func TestHealthOfAnotherInstanceIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeper(t, teststore.New())
		h := &health{Gate: true}
		wantRefused := func(when string) {
			t.Helper()
			for _, name := range []string{key, "another"} {
				_, err := registry.Register(t.Context(), k, lifecycle, configure(withHealth(h), func(c *config) { c.Key = name }))
				if !errors.Is(err, store.ErrInvalid) {
					t.Errorf("%s, %q: %v", when, name, err)
				}
			}
		}
		other := register(t, k)
		got := make(chan *instance)
		go func() {
			got <- register(t, k, withHealth(h), func(c *config) { c.Wait = true })
		}()
		synctest.Wait()
		wantRefused("while it waits")
		wantHealth(t, h, registry.HealthWaiting, "", "the service is waiting")
		if err := other.Deregister(t.Context()); err != nil {
			t.Fatal(err)
		}
		first := <-got
		wantRefused("while it holds its key")
		wantHealth(t, h, registry.HealthHeld, "", "")
		h.Report(errBoom)
		time.Sleep(2 * ttl)
		if err := first.Lease().Err(); !errors.Is(err, lease.ErrUnhealthy) {
			t.Errorf("the gate has forgotten the first instance: %v", err)
		}
		h.Report(nil)
		second := register(t, k, withHealth(h)) // after a loss, also before the first has left
		if err := first.Deregister(t.Context()); err != nil {
			t.Error(err)
		}
		wantHealth(t, h, registry.HealthHeld, "", "")
		if r := h.Status(); r.Token != second.Lease().Token() {
			t.Errorf("%+v", r)
		}
	})
}

// A service that is not live claims no key, and one that stops being live while it waits gives its
// wait up.
func TestServiceThatIsNotLiveGivesItsWaitUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		h := &health{Gate: true}
		other := register(t, newKeeper(t, st))
		s := supervise(t, newKeeper(t, st), withHealth(h), func(c *config) { c.Wait = true })
		synctest.Wait()
		wantHealth(t, h, registry.HealthWaiting, "", "the service is waiting")
		h.Report(errBoom)
		synctest.Wait()
		wantHealth(t, h, registry.HealthDown, "boom", "boom")
		if err := other.Deregister(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		wantGone(t, st)
		if _, err := registry.Register(t.Context(), newKeeper(t, st), lifecycle, configure(withHealth(h))); !errors.Is(err, errBoom) {
			t.Errorf("Register: %v", err)
		}
		wantGone(t, st)
		h.Report(nil)
		<-s.runs
		s.wantEnd(nil)
		for _, reason := range s.reasons {
			if !errors.Is(reason, errBoom) {
				t.Errorf("restarts because of %v", reason)
			}
		}
	})
}

// From the end of the context on, a service is live and not ready, while serve still ends its work;
// and a serve function that is stuck then loses the key all the same.
func TestHealthDuringAShutdown(t *testing.T) {
	for _, stuck := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			st := teststore.New()
			h := &health{AliveWithin: time.Minute, Gate: true}
			ctx, cancel := context.WithCancel(t.Context())
			finish, ended := make(chan struct{}), make(chan error)
			go func() {
				ended <- registry.Supervise(ctx, newKeeper(t, st), lifecycle, configure(withHealth(h)), func(ctx context.Context, i *instance) error {
					<-ctx.Done()
					<-finish
					return ctx.Err()
				})
			}()
			synctest.Wait()
			wantHealth(t, h, registry.HealthHeld, "", "")
			cancel()
			synctest.Wait()
			wantHealth(t, h, registry.HealthLeaving, "", "the service is leaving")
			if stuck {
				time.Sleep(time.Minute + 2*ttl)
				const says = "the serve function has not called Alive"
				wantHealth(t, h, registry.HealthLeaving, says, says)
				wantGone(t, st)
			}
			close(finish)
			if err := <-ended; err != nil {
				t.Error(err)
			}
			wantHealth(t, h, registry.HealthDown, "", "the service is down")
		})
	}
}

// A service is live again once a serve function that was stuck has returned: it leaves in order.
func TestServiceThatWasStuckLeavesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		h := &health{AliveWithin: time.Minute, Gate: true}
		def, err := lifecycle.With(fsm.OnEntry(Stopping, func(context.Context, fsm.Transition[State]) error { time.Sleep(ttl); return nil }))
		if err != nil {
			t.Fatal(err)
		}
		inst, err := registry.Register(t.Context(), newKeeper(t, st), def, configure(withHealth(h), func(c *config) { c.LeaveTimeout = time.Minute }))
		if err != nil {
			t.Fatal(err)
		}
		move(t, inst, Starting)
		time.Sleep(time.Minute + ttl/2 + 500*time.Millisecond) // between two looks
		if h.Live() == nil {
			t.Error("it is live")
		}
		if err := inst.Leave(t.Context()); err != nil {
			t.Error(err)
		}
		if err := inst.Lease().Err(); !errors.Is(err, lease.ErrReleased) {
			t.Error(err)
		}
	})
}

// Neither a store that hangs nor a write that waits for it makes a service not live: the answer
// comes from memory. Code of the user that makes a value counts as a hook does.
func TestHealthWhileTheStoreHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		const limit = ttl / 4
		h := &health{StuckAfter: limit, Gate: true}
		end, hook := make(chan struct{}), make(chan struct{})
		def, err := lifecycle.With(fsm.OnEntry(Warming, stuckHook(hook)))
		if err != nil {
			t.Fatal(err)
		}
		inst, err := registry.Register(t.Context(), newKeeper(t, st), def, configure(withHealth(h), func(c *config) { c.Payload.Ends = end }))
		if err != nil {
			t.Fatal(err)
		}
		defer inst.Deregister(context.Background())
		st.Inject(teststore.Silence, teststore.Update)
		moved, cancel := context.WithTimeout(t.Context(), 3*limit)
		defer cancel()
		done := make(chan struct{})
		go func() { _ = inst.Transition(moved, Starting); close(done) }()
		time.Sleep(2 * limit)
		wantHealth(t, h, registry.HealthHeld, "", "")
		<-done
		st.Inject(teststore.Sequence(teststore.Delay(2*limit, 0), teststore.Delay(0, 0)), teststore.Update)
		go func() {
			_ = inst.Transition(context.Background(), Starting)
			_ = inst.Transition(context.Background(), Warming)
		}()
		time.Sleep(5 * limit / 2)
		wantHealth(t, h, registry.HealthHeld, "", "")
		time.Sleep(2 * limit)
		wantHealth(t, h, registry.HealthHeld, "starting -> warming (entry) is under way", "starting -> warming (entry)")
		close(hook)
		synctest.Wait()
		wantHealth(t, h, registry.HealthHeld, "", "")
		go inst.Update(context.Background(), func(p *payload) { <-p.Ends })
		time.Sleep(2 * limit)
		wantHealth(t, h, registry.HealthHeld, "has not returned since", "has not returned since")
		close(end)
		synctest.Wait()
		wantHealth(t, h, registry.HealthHeld, "", "")
	})
}
