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
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// registerWithRules registers an instance with additional rules.
func registerWithRules(t *testing.T, st store.Store, cfg config, rules ...fsm.Rule[State]) *instance {
	t.Helper()
	def, err := lifecycle.With(rules...)
	if err != nil {
		t.Fatal(err)
	}
	inst, err := registry.Register(t.Context(), newKeeper(t, st), def, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = inst.Deregister(context.Background()) })
	return inst
}

// path returns the states that the machine has been in.
func path(inst *instance) []State {
	all := []State{Idle}
	for _, t := range inst.Machine().History() {
		all = append(all, t.To)
	}
	return all
}

func wantPath(t *testing.T, inst *instance, want ...State) {
	t.Helper()
	if d := diff(want, path(inst)); d != "" {
		t.Errorf("the machine's path (-want +got):\n%s", d)
	}
}

func TestLeaveFollowsThePathAndReleasesTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		var seen []State
		inst := registerWithRules(t, st, configure(), fsm.After(func(context.Context, fsm.Transition[State]) error {
			seen = append(seen, State(published(t, st).State))
			return nil
		}))
		move(t, inst, Starting, Warming, Active)
		if err := inst.Leave(t.Context()); err != nil {
			t.Error(err)
		}
		wantPath(t, inst, Idle, Starting, Warming, Active, Stopping, Stopped)
		if d := diff(path(inst)[1:], seen); d != "" {
			t.Errorf("published (-want +got):\n%s", d)
		}
		wantGone(t, st)
		if s := inst.Status(); s.State != Stopped {
			t.Errorf("status in %s, want stopped", s.State)
		}
	})
}

func TestLeaveSkipsStatesWithoutAnEdge(t *testing.T) {
	for name, c := range map[string]struct{ before, leave, want []State }{
		"states without an edge": {nil, []State{Stopping, Stopped}, []State{Idle}},
		"some states":            {[]State{Starting}, []State{Active, Stopping, Warming, Stopped}, []State{Idle, Starting, Stopping, Stopped}},
		"the current state":      {[]State{Starting, Stopping}, []State{Stopping, Stopped}, []State{Idle, Starting, Stopping, Stopped}},
		"an empty path":          {[]State{Starting}, nil, []State{Idle, Starting}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := teststore.New()
				var seen notices
				inst := register(t, newKeeper(t, st), func(cfg *config) { cfg.LeavePath = c.leave }, seen.config)
				move(t, inst, c.before...)
				if err := inst.Leave(t.Context()); err != nil {
					t.Error(err)
				}
				wantPath(t, inst, c.want...)
				wantGone(t, st)
				for _, line := range seen.lines() {
					if strings.HasPrefix(line, string(registry.NoticeRejected)) {
						t.Errorf("observers were told: %s", line)
					}
				}
			})
		})
	}
}

func TestLeaveWaitsForAChangeThatMayReachItsPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		cfg := configure(func(c *config) { c.LeavePath = []State{Active, Stopping, Stopped} })
		inst := registerWithRules(t, st, cfg, fsm.Guard(Warming, "warm", func(context.Context, fsm.Transition[State]) error {
			time.Sleep(time.Second)
			return nil
		}))
		move(t, inst, Starting)
		moved := make(chan error, 1)
		go func() { moved <- inst.Transition(t.Context(), Warming) }()
		synctest.Wait()
		if err := errors.Join(inst.Leave(t.Context()), <-moved); err != nil {
			t.Error(err)
		}
		wantPath(t, inst, Idle, Starting, Warming, Active, Stopping, Stopped)
		wantGone(t, st)
	})
}

func TestLeaveReleasesTheLeaseAfterAVeto(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		cfg := configure(func(c *config) { c.LeavePath = []State{Stopping, Idle} }) // both are reachable
		inst := registerWithRules(t, st, cfg, fsm.Guard(Stopping, "drained", func(context.Context, fsm.Transition[State]) error { return errBoom }))
		move(t, inst, Starting, Warming)
		err := inst.Leave(t.Context())
		const want = `leaving: warming -> stopping: guard "drained": boom`
		if !errors.Is(err, errBoom) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		wantPath(t, inst, Idle, Starting, Warming) // the refusal has ended the path
		wantGone(t, st)
	})
}

func TestLeaveContinuesAfterAHookError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := registerWithRules(t, st, configure(), fsm.OnEntry(Stopping, func(context.Context, fsm.Transition[State]) error { return errBoom }))
		move(t, inst, Starting)
		if err := inst.Leave(t.Context()); !errors.Is(err, errBoom) {
			t.Errorf("got %v, want %v", err, errBoom)
		}
		wantPath(t, inst, Idle, Starting, Stopping, Stopped)
		wantGone(t, st)
	})
}

func TestLeaveReturnsHookErrorIfLeaseIsLostInTheHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		var inst *instance
		inst = registerWithRules(t, st, configure(), fsm.OnEntry(Stopping, func(context.Context, fsm.Transition[State]) error {
			st.Evict(key)
			<-inst.Lease().Done()
			return errBoom
		}))
		move(t, inst, Starting)
		if err := inst.Leave(t.Context()); !errors.Is(err, errBoom) {
			t.Errorf("got %v, want %v", err, errBoom)
		}
		wantPath(t, inst, Idle, Starting, Stopping, Stopped)
	})
}

func TestLeaveReleasesTheLeaseIfAHookPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := registerWithRules(t, st, configure(), fsm.OnEntry(Stopping, func(context.Context, fsm.Transition[State]) error { panic(errBoom) }))
		move(t, inst, Starting)
		func() {
			defer func() {
				if p := recover(); p != errBoom {
					t.Errorf("recovered %v, want the panic of the hook", p)
				}
			}()
			_ = inst.Leave(t.Context())
		}()
		wantGone(t, st)
	})
}

func TestLeaveWorksAfterItsContextHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, newKeeper(t, st))
		move(t, inst, Starting)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := inst.Leave(ctx); err != nil {
			t.Error(err)
		}
		wantPath(t, inst, Idle, Starting, Stopping, Stopped)
		wantGone(t, st)
	})
}

func TestLeaveKeepsTheValuesOfItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type trace struct{}
		var got any
		inst := registerWithRules(t, teststore.New(), configure(), fsm.OnEntry(Stopping, func(ctx context.Context, _ fsm.Transition[State]) error {
			got = ctx.Value(trace{})
			return nil
		}))
		move(t, inst, Starting)
		if err := inst.Leave(context.WithValue(t.Context(), trace{}, 42)); err != nil || got != 42 {
			t.Errorf("the hook got %v, %v", got, err)
		}
	})
}

func TestLeaveReturnsWithinItsTimeoutIfTheStoreHangs(t *testing.T) {
	const within = 4 * time.Second
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, newKeeper(t, st), func(c *config) { c.LeaveTimeout = within })
		move(t, inst, Starting)
		st.Inject(teststore.Silence, teststore.Update, teststore.Delete)
		began := time.Now()
		err := inst.Leave(t.Context())
		const release = 5 * time.Second // limit of lease.Release
		if took := time.Since(began); err == nil || took < within || took > within+release {
			t.Errorf("returned %v after %v, want an error between %v and %v", err, took, within, within+release)
		}
		if inst.Lease().Valid() || inst.State() != Starting {
			t.Errorf("in %s, lease valid: %v", inst.State(), inst.Lease().Valid())
		}
		st.Inject(nil, teststore.Update, teststore.Delete)
		time.Sleep(ttl)
		wantGone(t, st)
	})
}

func TestLeaveTriesAgainWhatPasses(t *testing.T) {
	for name, fault := range map[string]teststore.Fault{
		"the store is unavailable": teststore.Refuse,
		"a request is lost":        teststore.Drop,
		"an answer is lost":        teststore.DropReply,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := teststore.New()
				inst := register(t, newKeeper(t, st))
				move(t, inst, Starting)
				st.Inject(fault, teststore.Update, teststore.Delete)
				time.AfterFunc(4*time.Second, func() { st.Inject(nil, teststore.Update, teststore.Delete) })
				if err := inst.Leave(t.Context()); err != nil {
					t.Error(err)
				}
				wantPath(t, inst, Idle, Starting, Stopping, Stopped)
				wantGone(t, st)
			})
		})
	}
}

func TestLeaveTimeoutIsTenSecondsByDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var left time.Duration
		inst := registerWithRules(t, teststore.New(), configure(), fsm.OnEntry(Stopping, func(ctx context.Context, _ fsm.Transition[State]) error {
			deadline, _ := ctx.Deadline()
			left = time.Until(deadline)
			return nil
		}))
		move(t, inst, Starting)
		if err := inst.Leave(t.Context()); err != nil || left != 10*time.Second {
			t.Errorf("%v left, %v, want 10s", left, err)
		}
	})
}

func TestLeaveAfterLossWritesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		guarded := 0
		inst := registerWithRules(t, st, configure(), fsm.Before(func(context.Context, fsm.Transition[State]) error { guarded++; return nil }))
		move(t, inst, Starting)
		st.Evict(key)
		<-inst.Lease().Done()
		wrote := len(st.Sent(teststore.Create, teststore.Update, teststore.Renew))
		if err := inst.Leave(t.Context()); err != nil {
			t.Error(err)
		}
		wantPath(t, inst, Idle, Starting, Stopping, Stopped)
		if n := len(st.Sent(teststore.Create, teststore.Update, teststore.Renew)) - wrote; n != 0 || guarded != 3 {
			t.Errorf("%d writes, %d calls of the before hook; want 0 and 3", n, guarded)
		}
		if s := inst.Status(); s.State != Stopped {
			t.Errorf("status in %s, want stopped", s.State)
		}
	})
}

func TestLeaveAfterLossAsksAGuardOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, asked := teststore.New(), 0
		inst := registerWithRules(t, st, configure(), fsm.Guard(Stopped, "drained", func(context.Context, fsm.Transition[State]) error { asked++; return errBoom }))
		move(t, inst, Starting)
		st.Evict(key)
		<-inst.Lease().Done()
		if err := inst.Leave(t.Context()); !errors.Is(err, errBoom) || asked != 1 {
			t.Errorf("got %v after %d calls of the guard, want %v after 1", err, asked, errBoom)
		}
		wantPath(t, inst, Idle, Starting, Stopping)
	})
}

func TestLeaveContinuesWithoutWritesIfTheLeaseIsLostOnTheWay(t *testing.T) {
	for name, lose := range map[string]func(*teststore.Store, *instance){
		"taken away": func(st *teststore.Store, _ *instance) { st.Evict(key) },
		"silent too long": func(st *teststore.Store, inst *instance) {
			st.Inject(teststore.Silence, teststore.Update, teststore.Renew)
			<-inst.Lease().Done()
		},
		"silent from now": func(st *teststore.Store, _ *instance) {
			st.Inject(teststore.Silence, teststore.Update, teststore.Renew)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := teststore.New()
				var inst *instance
				cfg := configure(func(c *config) { c.LeaveTimeout = time.Minute })
				inst = registerWithRules(t, st, cfg, fsm.OnEntry(Stopping, func(context.Context, fsm.Transition[State]) error {
					lose(st, inst)
					return nil
				}))
				move(t, inst, Starting)
				if err := inst.Leave(t.Context()); err != nil {
					t.Error(err)
				}
				wantPath(t, inst, Idle, Starting, Stopping, Stopped)
				if err := inst.Lease().Err(); !errors.Is(err, store.ErrLost) {
					t.Errorf("the lease ended with %v, want %v", err, store.ErrLost)
				}
				time.Sleep(ttl) // a record that was not deleted expires
				wantGone(t, st)
			})
		})
	}
}

func TestSecondLeaveDoesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, newKeeper(t, st))
		move(t, inst, Starting)
		for range 2 {
			if err := inst.Leave(t.Context()); err != nil {
				t.Error(err)
			}
		}
		wantPath(t, inst, Idle, Starting, Stopping, Stopped)
		wantGone(t, st)
	})
}
