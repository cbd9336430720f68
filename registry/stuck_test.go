package registry_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// stuckPlaces are functions of a user that do not return before end is closed. Each begins a
// call that runs such a function.
var stuckPlaces = map[string]struct {
	rule  func(end chan struct{}) fsm.Rule[State]
	cfg   func(end chan struct{}, c *config)
	begin func(*instance)
	names string // in the error
}{
	"guard":  {rule: func(end chan struct{}) fsm.Rule[State] { return fsm.Guard(Starting, "g", stuckHook(end)) }, names: "idle -> starting (guard)"},
	"before": {rule: func(end chan struct{}) fsm.Rule[State] { return fsm.Before(stuckHook(end)) }, names: "idle -> starting (before)"},
	"entry":  {rule: func(end chan struct{}) fsm.Rule[State] { return fsm.OnEntry(Starting, stuckHook(end)) }, names: "idle -> starting (entry)"},
	"finally": {rule: func(end chan struct{}) fsm.Rule[State] {
		return fsm.Finally(func(context.Context, fsm.Transition[State], error) { <-end })
	}, names: "idle -> starting (finally)"},
	"fill": {cfg: func(end chan struct{}, c *config) {
		c.Fill = func(_ *payload, s registry.Status[State]) {
			if s.State != Idle {
				<-end
			}
		}
	}, names: "idle -> starting (write)"},
	"update": {begin: func(i *instance) { _ = i.Update(context.Background(), func(p *payload) { <-p.Ends }) }},
	"public ip": {cfg: func(end chan struct{}, c *config) {
		c.PublicIP = func(context.Context) (netip.Addr, error) { <-end; return netip.Addr{}, errBoom }
	}, begin: func(*instance) {}, names: "PublicIP"},
}

func stuckHook(end chan struct{}) func(context.Context, fsm.Transition[State]) error {
	return func(context.Context, fsm.Transition[State]) error { <-end; return nil }
}

// Deregister ends within its limit, and deletes the record at once, whatever a function of the
// user does.
func TestDeregisterEndsWithinItsLimit(t *testing.T) {
	contexts := map[string]struct {
		ctx   func() (context.Context, context.CancelFunc)
		limit time.Duration
	}{
		"endless": {func() (context.Context, context.CancelFunc) { return context.WithCancel(context.Background()) }, 5 * time.Second},
		"deadline": {func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(context.Background(), time.Second)
		}, time.Second},
		"ended": {func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			return ctx, cancel
		}, 5 * time.Second},
	}
	for place, stuck := range stuckPlaces {
		for name, c := range contexts {
			t.Run(place+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					st, end := teststore.New(), make(chan struct{})
					inst := registerStuck(t, st, place, end)
					if begin := stuck.begin; begin != nil {
						go begin(inst)
					} else {
						go func() { _ = inst.Transition(context.Background(), Starting) }()
					}
					synctest.Wait()
					ctx, cancel := c.ctx()
					defer cancel()
					began := time.Now()
					err := inst.Deregister(ctx)
					took, want := time.Since(began), c.limit
					if place == "update" { // holds up neither the machine nor a goroutine of the instance
						want = 0
					}
					if took != want || (err != nil) != (want > 0) || err != nil && !strings.Contains(err.Error(), stuck.names) {
						t.Errorf("got %v after %v, want an error with %q after %v", err, took, stuck.names, want)
					}
					wantGone(t, st)
					if err := inst.Machine().Reset(context.Background(), ""); !errors.Is(err, fsm.ErrClosed) && !errors.Is(err, fsm.ErrTurnTimeout) {
						t.Errorf("a change after Deregister: %v", err)
					}
					close(end)
					synctest.Wait()
					if err := inst.Deregister(context.Background()); err != nil {
						t.Errorf("once nothing is stuck: %v", err)
					}
				})
			})
		}
	}
}

// registerStuck registers an instance with a function that does not return before end is closed.
func registerStuck(t *testing.T, st store.Store, place string, end chan struct{}, changes ...func(*config)) *instance {
	stuck, rules := stuckPlaces[place], []fsm.Rule[State](nil)
	if stuck.rule != nil {
		rules = append(rules, stuck.rule(end))
	}
	return registerWithRules(t, st, configure(append(changes, func(c *config) {
		c.Payload.Ends = end
		if stuck.cfg != nil {
			stuck.cfg(end, c)
		}
	})...), rules...)
}

// Run ends within its limits, and the lease is released, whatever a hook does on the leave path
// or has not ended to do when serve returns.
func TestRunEndsWithinItsLimits(t *testing.T) {
	for place, stuck := range stuckPlaces {
		for kind, onPath := range map[string]bool{"on the leave path": true, "before it": false} {
			t.Run(place+" "+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					st, end := teststore.New(), make(chan struct{})
					defer synctest.Wait()
					defer close(end)
					def := lifecycle
					if stuck.rule != nil {
						var err error
						if def, err = lifecycle.With(stuck.rule(end)); err != nil {
							t.Fatal(err)
						}
					}
					cfg := configure(func(c *config) {
						c.LeaveTimeout, c.LeavePath, c.Payload.Ends = 3*time.Second, []State{Starting, Warming}, end
						if stuck.cfg != nil {
							stuck.cfg(end, c)
						}
					})
					var left time.Time
					err := registry.Run(t.Context(), newKeeper(t, st), def, cfg, func(_ context.Context, i *instance) error {
						switch {
						case stuck.begin != nil:
							go stuck.begin(i)
						case !onPath:
							go func() { _ = i.Transition(context.Background(), Starting) }()
						}
						synctest.Wait()
						left = time.Now()
						return errBoom
					})
					if took := time.Since(left); took > 8*time.Second || !errors.Is(err, errBoom) || !strings.Contains(err.Error(), stuck.names) {
						t.Errorf("got %v after %v", err, took)
					}
					wantGone(t, st)
				})
			})
		}
	}
}

// A hook that is stuck becomes the last error of the status and of the record: once, so that
// another error can take its place.
func TestStuckHookBecomesTheLastError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, end := teststore.New(), make(chan struct{})
		inst := registerStuck(t, st, "entry", end, withLog)
		began := time.Now()
		go func() { _ = inst.Transition(context.Background(), Starting) }()
		time.Sleep(time.Minute - 1)
		synctest.Wait()
		if s := inst.Status(); s.LastError != "" {
			t.Errorf("last error %q after a minute", s.LastError)
		}
		time.Sleep(2 * heartbeat)
		synctest.Wait()
		const want = "idle -> starting (entry) is under way since 2000-01-01T00:00:00Z: its guard or hook does not return"
		s := inst.Status()
		if s.LastError != want || s.LastErrorAt.Sub(began) < time.Minute {
			t.Errorf("last error %q at %v, want %q", s.LastError, s.LastErrorAt, want)
		}
		wantAgreement(t, st, inst)
		if err := inst.RecordError(t.Context(), errBoom); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		if s := inst.Status(); s.LastError != "boom" || !inst.Lease().Valid() {
			t.Errorf("last error %q; the lease is valid: %v", s.LastError, inst.Lease().Valid())
		}
		close(end)
		synctest.Wait()
		move(t, inst, Warming)
		synctest.Wait()
		wantLog(t, st, "registered by host-a", "idle -> starting", "error: "+want, "error: boom", "starting -> warming")
	})
}

// Inside a hook, with its context, Deregister does not wait for the change of the hook. The
// machine is closed when that change has ended.
func TestDeregisterInsideAHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		var inst *instance
		inst = registerWithRules(t, st, configure(), fsm.OnEntry(Starting, func(ctx context.Context, _ fsm.Transition[State]) error {
			return inst.Deregister(ctx)
		}))
		if err := inst.Transition(t.Context(), Starting); err != nil {
			t.Error(err)
		}
		wantGone(t, st)
		if err := inst.Transition(t.Context(), Warming); !errors.Is(err, fsm.ErrClosed) {
			t.Errorf("got %v, want %v", err, fsm.ErrClosed)
		}
		if _, err := inst.Machine().Wait(t.Context(), Active); !errors.Is(err, fsm.ErrClosed) {
			t.Errorf("wait: got %v, want %v", err, fsm.ErrClosed)
		}
	})
}

// Nor does it wait for a request on whose goroutine the hook of a timeout runs: a timeout that is overdue
// comes before the change that has the next turn.
func TestDeregisterInsideAHookOfATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		var inst *instance
		var sender sync.WaitGroup
		defer sender.Wait()
		left := make(chan error, 1)
		inst = served(t, st, []fsm.Rule[State]{
			fsm.OnEntry(Starting, func(context.Context, fsm.Transition[State]) error {
				sender.Go(func() { ask(st, registry.ForState("idle")) })
				time.Sleep(time.Second)
				return nil
			}),
			fsm.Timeout(Starting, 500*time.Millisecond, Stopping),
			fsm.OnEntry(Stopping, func(ctx context.Context, _ fsm.Transition[State]) error {
				left <- inst.Deregister(ctx)
				return nil
			}),
		})
		if err := inst.Transition(t.Context(), Starting); err != nil {
			t.Error(err)
		}
		begun := time.Now()
		if err, took := <-left, time.Since(begun); err != nil || took > time.Second {
			t.Errorf("%v, after %v", err, took)
		}
		wantGone(t, st)
	})
}

// The error of Deregister names nothing that has ended.
func TestDeregisterNamesOnlyWhatIsStuck(t *testing.T) {
	for range 20 { // a wrong choice would be made at random
		synctest.Test(t, func(t *testing.T) {
			end := make(chan struct{})
			def, err := lifecycle.With(fsm.OnEntry(Starting, stuckHook(end)))
			if err != nil {
				t.Fatal(err)
			}
			inst, err := registry.Register(t.Context(), newKeeper(t, teststore.New()), def, configure())
			if err != nil {
				t.Fatal(err)
			}
			go inst.Transition(context.Background(), Starting)
			synctest.Wait()
			limited, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := inst.Deregister(limited); err == nil || !strings.Contains(err.Error(), "(entry)") || strings.Contains(err.Error(), "requests of") {
				t.Errorf("got %v", err)
			}
			close(end)
		})
	}
}
