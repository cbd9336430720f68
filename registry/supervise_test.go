package registry_test

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// supervised is a service under Supervise.
type supervised struct {
	t       testing.TB
	runs    chan *instance
	reasons []error // of the restarts
	pauses  []time.Duration
	stop    context.CancelFunc
	end     chan error
}

// supervise has a service supervised that runs until its context ends.
func supervise(t testing.TB, k *lease.Keeper, changes ...func(*config)) *supervised {
	ctx, stop := context.WithCancel(context.Background())
	s := &supervised{t: t, runs: make(chan *instance, 100), stop: stop, end: make(chan error, 1)}
	t.Cleanup(stop)
	go func() {
		s.end <- registry.Supervise(ctx, k, lifecycle, configure(append(changes, observe(func(_ context.Context, n registry.Notice) {
			if n.Kind == registry.NoticeRestart {
				s.reasons, s.pauses = append(s.reasons, n.Err), append(s.pauses, n.Duration)
			}
		}))...), func(ctx context.Context, i *instance) error {
			s.runs <- i
			return serveUntilDone(ctx, i)
		})
	}()
	return s
}

// wantEnd stops the service and checks the result.
func (s *supervised) wantEnd(want error) {
	s.t.Helper()
	s.stop()
	if err := <-s.end; !errors.Is(err, want) {
		s.t.Errorf("got %v, want %v", err, want)
	}
}

func TestSuperviseRunsAgainAfterALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		s := supervise(t, newKeeper(t, st))
		first := <-s.runs
		move(t, first, Starting, Warming)
		st.Evict(key)
		second := <-s.runs
		if second.State() != Idle || second.Lease().Token() <= first.Lease().Token() || second.Status().Instance != first.Status().Instance {
			t.Errorf("it runs again in %s, with token %d after %d, as %q after %q", second.State(), second.Lease().Token(),
				first.Lease().Token(), second.Status().Instance, first.Status().Instance)
		}
		if len(s.reasons) != 1 || !errors.Is(s.reasons[0], store.ErrLost) {
			t.Errorf("reasons %v", s.reasons)
		}
		s.wantEnd(nil)
		wantGone(t, st)
	})
}

// The record of the lease that was lost is there until its TTL has passed, and does not hold the
// service up once the store is back.
func TestSuperviseDoesNotWaitForItsOwnRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		s := supervise(t, newKeeper(t, st))
		first := <-s.runs
		st.Inject(teststore.Refuse, teststore.Renew)
		<-first.Lease().Done()
		lost := time.Now()
		st.Inject(nil, teststore.Renew)
		<-s.runs
		if d := time.Since(lost); d > 200*time.Millisecond {
			t.Errorf("it took %v", d)
		}
		s.wantEnd(nil)
	})
}

func TestSuperviseWaitsForAStoreThatIsDown(t *testing.T) {
	for name, fault := range map[string]teststore.Fault{"refuses": teststore.Refuse, "loses the reply": teststore.DropReply, "loses the request": teststore.Drop} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := teststore.New()
				st.Inject(fault, teststore.Create)
				st.Inject(fault, teststore.Delete)
				s := supervise(t, newKeeper(t, st))
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				n := len(s.pauses)
				if longest := s.pauses[n-1]; n < 40 || longest < 7*time.Second || longest > 15*time.Second || s.pauses[0] > 100*time.Millisecond {
					t.Errorf("pauses %v", s.pauses)
				}
				st.Inject(nil, teststore.Create)
				st.Inject(nil, teststore.Delete)
				<-s.runs
				s.wantEnd(nil)
				wantGone(t, st)
			})
		})
	}
}

// It ends at once with what no further run can mend.
func TestSuperviseEndsWhereNoRunCanHelp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		k := newKeeper(t, st)
		closed := newKeeper(t, st)
		if err := closed.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		register(t, k, func(c *config) { c.Key = "held" })
		none := func(*config) {}
		serve := func(err error) registry.ServeFunc[State, payload] {
			return func(context.Context, *instance) error { return err }
		}
		for name, c := range map[string]struct {
			k      *lease.Keeper
			change func(*config)
			serve  registry.ServeFunc[State, payload]
			want   error
		}{
			"serve is done":  {k, none, serve(nil), nil},
			"serve fails":    {k, none, serve(errBoom), errBoom},
			"no serve":       {k, none, nil, store.ErrInvalid},
			"held":           {k, func(c *config) { c.Key = "held" }, serve(nil), store.ErrHeld},
			"no key":         {k, func(c *config) { c.Key = "" }, serve(nil), store.ErrInvalid},
			"keeper closed":  {closed, none, serve(nil), lease.ErrClosed},
			"bad payload":    {k, func(c *config) { c.Payload.Note = unencodable }, serve(nil), registry.ErrBadPayload},
			"lost by itself": {k, none, func(ctx context.Context, i *instance) error { return i.Deregister(ctx) }, nil},
		} {
			begun := time.Now()
			err := registry.Supervise(t.Context(), c.k, lifecycle, configure(c.change, observe(func(_ context.Context, n registry.Notice) {
				if n.Kind == registry.NoticeRestart {
					t.Errorf("%s: runs again after %v", name, n.Err)
				}
			})), c.serve)
			if !errors.Is(err, c.want) || c.want == nil && err != nil || time.Since(begun) > 0 {
				t.Errorf("%s: %v, want %v; after %v", name, err, c.want, time.Since(begun))
			}
		}
	})
}

// The end of the context is an orderly end, whenever it comes.
func TestSuperviseEndsWithItsContext(t *testing.T) {
	for name, begin := range map[string]func(*testing.T, *teststore.Store, *lease.Keeper) *supervised{
		"while it serves": func(t *testing.T, _ *teststore.Store, k *lease.Keeper) *supervised {
			s := supervise(t, k)
			<-s.runs
			return s
		},
		"while it waits": func(t *testing.T, _ *teststore.Store, k *lease.Keeper) *supervised {
			register(t, k)
			return supervise(t, k, func(c *config) { c.Wait = true })
		},
		"while it pauses": func(t *testing.T, st *teststore.Store, k *lease.Keeper) *supervised {
			st.Inject(teststore.Refuse, teststore.Create)
			return supervise(t, k)
		},
		"while it registers": func(t *testing.T, st *teststore.Store, k *lease.Keeper) *supervised {
			st.Inject(teststore.Silence, teststore.Create)
			return supervise(t, k)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := teststore.New()
				s := begin(t, st, newKeeper(t, st))
				time.Sleep(time.Second)
				synctest.Wait()
				s.stop()
				if err := <-s.end; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// An error of serve's own at shutdown is returned.
func TestSuperviseReturnsTheErrorOfAFailedShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		err := registry.Supervise(ctx, newKeeper(t, teststore.New()), lifecycle, configure(), func(ctx context.Context, _ *instance) error {
			stop()
			<-ctx.Done()
			return errBoom
		})
		if !errors.Is(err, errBoom) {
			t.Error(err)
		}
	})
}

// Leader election: one leads, and another takes over when it ends.
func TestSuperviseIsLeaderElection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		wait := func(c *config) { c.Wait = true }
		services := []*supervised{supervise(t, newKeeper(t, st), wait), supervise(t, newKeeper(t, st), wait), supervise(t, newKeeper(t, st), wait)}
		for len(services) > 0 {
			synctest.Wait()
			var leaders []int
			for n, s := range services {
				select {
				case <-s.runs:
					leaders = append(leaders, n)
				default:
				}
			}
			if len(leaders) != 1 {
				t.Fatalf("%d of %d lead", len(leaders), len(services))
			}
			services[leaders[0]].wantEnd(nil)
			services = append(services[:leaders[0]], services[leaders[0]+1:]...)
		}
	})
}

func TestSupervisePassesAPanicOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer func() {
			if recover() != "boom" {
				t.Error("no panic")
			}
		}()
		_ = registry.Supervise(t.Context(), newKeeper(t, teststore.New()), lifecycle, configure(), func(context.Context, *instance) error { panic("boom") })
	})
}

// An error of serve after the loss is a reason of the restart, beside the loss.
func TestSuperviseTellsOfAnErrorAfterTheLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var told error
		err := registry.Supervise(ctx, newKeeper(t, st), lifecycle, configure(observe(func(_ context.Context, n registry.Notice) {
			if n.Kind == registry.NoticeRestart {
				told = n.Err
				stop()
			}
		})), func(ctx context.Context, _ *instance) error {
			st.Evict(key)
			<-ctx.Done()
			return errBoom
		})
		if err != nil || !errors.Is(told, errBoom) || !errors.Is(told, store.ErrLost) {
			t.Errorf("ended with %v, told of %v", err, told)
		}
	})
}

// serve returned the error of its context, which the loss had ended before the context of
// Supervise ended in another way.
func TestSuperviseEndsInOrderIfItsDeadlinePassesAfterALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		ctx, stop := context.WithTimeout(t.Context(), 2*ttl)
		defer stop()
		def, err := lifecycle.With(fsm.OnEntry(Stopping, func(context.Context, fsm.Transition[State]) error { <-ctx.Done(); return nil }))
		if err != nil {
			t.Fatal(err)
		}
		err = registry.Supervise(ctx, newKeeper(t, st), def, configure(func(c *config) { c.LeaveTimeout = time.Minute }), func(ctx context.Context, i *instance) error {
			move(t, i, Starting)
			st.Evict(key)
			return serveUntilDone(ctx, i)
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// A store that is down when serve uses it is no end either, and the record that could not be released
// does not hold the next run up. Another holder has come if there is one.
func TestSuperviseRunsAgainAfterAnErrorOfTheStoreInServe(t *testing.T) {
	for name, fault := range map[string]teststore.Fault{"refuses": teststore.Refuse, "loses the reply": teststore.DropReply, "loses the request": teststore.Drop} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := teststore.New()
				down := func(fault teststore.Fault) {
					for _, verb := range []teststore.Verb{teststore.Update, teststore.Renew, teststore.Delete} {
						st.Inject(fault, verb)
					}
				}
				down(fault)
				ctx, stop := context.WithCancel(t.Context())
				var tokens []store.Token
				err := registry.Supervise(ctx, newKeeper(t, st), lifecycle, configure(), func(ctx context.Context, i *instance) error {
					tokens = append(tokens, i.Lease().Token())
					if err := i.Transition(ctx, Starting); err != nil {
						time.AfterFunc(time.Minute, func() { down(nil) })
						return err
					}
					stop()
					return nil
				})
				if n := len(tokens); err != nil || n < 2 || tokens[n-1] <= tokens[0] {
					t.Errorf("tokens %v, ended with %v", tokens, err)
				}
				wantGone(t, st)
			})
		})
	}
}

// moved is a store that can be replaced by another, as a server that restarts without its data.
type moved struct{ now atomic.Pointer[store.Store] }

func movedTo(st store.Store) *moved { m := new(moved); m.now.Store(&st); return m }
func (m *moved) to() store.Store    { return *m.now.Load() }

func (m *moved) Create(ctx context.Context, c store.Claim) (store.Grant, error) {
	return m.to().Create(ctx, c)
}
func (m *moved) Renew(ctx context.Context, batch []store.Renewal) []store.RenewResult {
	return m.to().Renew(ctx, batch)
}
func (m *moved) Update(ctx context.Context, u store.Update) error { return m.to().Update(ctx, u) }
func (m *moved) Delete(ctx context.Context, key string, ref store.LeaseRef) error {
	return m.to().Delete(ctx, key, ref)
}
func (m *moved) Get(ctx context.Context, key string) (store.Record, error) {
	return m.to().Get(ctx, key)
}
func (m *moved) List(ctx context.Context, prefix string) iter.Seq2[store.Record, error] {
	return m.to().List(ctx, prefix)
}
func (m *moved) Watch(ctx context.Context, prefix string) iter.Seq2[store.Event, error] {
	return m.to().Watch(ctx, prefix)
}
func (m *moved) WatchKey(ctx context.Context, key string) iter.Seq2[store.Event, error] {
	return m.to().WatchKey(ctx, key)
}

// Tokens can begin again on a store that has lost its data. The record of another holder that has
// the token of the lost lease is not taken for the own one.
func TestSuperviseSparesAnotherRecordWithTheTokenOfItsLostLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after := teststore.New(), teststore.New()
		st := movedTo(before)
		s := supervise(t, newKeeper(t, st), func(c *config) { c.Instance = "same-name" })
		first := <-s.runs
		before.Inject(teststore.Refuse, teststore.Renew)
		time.Sleep(time.Second)
		other := register(t, newKeeper(t, after), func(c *config) { c.Host, c.Instance = "host-b", "same-name" })
		if other.Lease().Token() != first.Lease().Token() {
			t.Fatalf("tokens %d and %d", first.Lease().Token(), other.Lease().Token())
		}
		<-first.Lease().Done()
		var now store.Store = after
		st.now.Store(&now)
		time.Sleep(10 * ttl)
		if err := other.Lease().Err(); err != nil {
			t.Errorf("the other holder: %v", err)
		}
		if len(s.runs) > 0 {
			t.Error("it runs again, beside the other holder")
		}
		s.wantEnd(nil)
	})
}
