package registry_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// run calls Run with the lifecycle and the configuration of most tests.
func run(t *testing.T, st store.Store, ctx context.Context, serve func(context.Context, *instance) error) error {
	t.Helper()
	return registry.Run(ctx, newKeeper(t, st), lifecycle, configure(), serve)
}

// serveUntilDone waits for the end of its context and returns its error.
func serveUntilDone(ctx context.Context, _ *instance) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestRunRegistersServesAndLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		var served context.Context
		var order []string
		def, err := lifecycle.With(fsm.After(func(_ context.Context, tr fsm.Transition[State]) error {
			order = append(order, fmt.Sprintf("%s, serve's context: %v", published(t, st).State, served.Err()))
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		err = registry.Run(t.Context(), newKeeper(t, st), def, configure(), func(ctx context.Context, inst *instance) error {
			served = ctx
			order = append(order, published(t, st).State)
			move(t, inst, Starting, Warming)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		want := []string{
			"idle", "starting, serve's context: <nil>", "warming, serve's context: <nil>",
			"stopping, serve's context: context canceled", "stopped, serve's context: context canceled",
		}
		if d := diff(want, order); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		wantGone(t, st)
	})
}

func TestRunReturnsTheErrorOfRegister(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		register(t, newKeeper(t, st))
		err := run(t, st, t.Context(), func(context.Context, *instance) error {
			t.Error("serve was called")
			return nil
		})
		if _, ok := errors.AsType[*registry.ConflictError](err); !ok {
			t.Errorf("got %v, want a conflict", err)
		}
	})
}

func TestRunReturnsTheErrorOfServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		err := run(t, st, t.Context(), func(context.Context, *instance) error { return errBoom })
		if !errors.Is(err, errBoom) || err.Error() != "boom" {
			t.Errorf("got %v, want %v", err, errBoom)
		}
		wantGone(t, st)
	})
}

func TestRunJoinsTheErrorOfLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		err := run(t, st, t.Context(), func(context.Context, *instance) error {
			st.Inject(teststore.Refuse, teststore.Delete)
			return errBoom
		})
		if !errors.Is(err, errBoom) || !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("got %v, want %v and %v", err, errBoom, store.ErrUnavailable)
		}
	})
}

// The end of the keeper is one of the lease, and not of the context of Run or Supervise.
func TestARunWhoseKeeperIsClosedSaysThatTheLeaseWasReleased(t *testing.T) {
	for name, serve := range map[string]func(context.Context, *lease.Keeper, *fsm.Definition[State], config, registry.ServeFunc[State, payload]) error{
		"Run": registry.Run[State, payload], "Supervise": registry.Supervise[State, payload],
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := teststore.New()
				k := newKeeper(t, st)
				time.AfterFunc(time.Minute, func() { _ = k.Close(context.Background()) })
				err := serve(t.Context(), k, lifecycle, configure(func(c *config) { c.LeavePath = nil }), serveUntilDone)
				if !errors.Is(err, lease.ErrReleased) || errors.Is(err, context.Canceled) {
					t.Errorf("got %v, want %v", err, lease.ErrReleased)
				}
				wantGone(t, st)
			})
		})
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Minute, func() { cancel(errBoom) })
		var inst *instance
		err := run(t, st, ctx, func(ctx context.Context, i *instance) error {
			inst = i
			move(t, i, Starting)
			<-ctx.Done()
			if context.Cause(ctx) != errBoom {
				t.Errorf("serve's context ended with %v, want %v", context.Cause(ctx), errBoom)
			}
			return ctx.Err()
		})
		if !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrLost) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
		wantPath(t, inst, Idle, Starting, Stopping, Stopped)
		wantGone(t, st)
	})
}

func TestRunReturnsTheLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		time.AfterFunc(time.Minute, func() { st.Evict(key) })
		var inst *instance
		var cause error
		err := run(t, st, t.Context(), func(ctx context.Context, i *instance) error {
			inst = i
			move(t, i, Starting)
			<-ctx.Done()
			cause = context.Cause(ctx)
			return ctx.Err()
		})
		lost, ok := errors.AsType[*lease.LostError](err)
		if !ok || !errors.Is(err, store.ErrLost) || errors.Is(err, context.Canceled) || err.Error() != lost.Error() {
			t.Errorf("got %v, want the LostError alone", err)
		}
		if cause != error(lost) {
			t.Errorf("serve's context ended with %v, want %v", cause, lost)
		}
		wantPath(t, inst, Idle, Starting, Stopping, Stopped)
	})
}

func TestRunAcquiresNothingAfterLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		time.AfterFunc(time.Minute, func() { st.Evict(key) })
		if err := run(t, st, t.Context(), serveUntilDone); !errors.Is(err, store.ErrLost) {
			t.Errorf("got %v, want %v", err, store.ErrLost)
		}
		wrote := len(st.Sent(teststore.Create, teststore.Update, teststore.Renew))
		time.Sleep(time.Hour)
		if n := len(st.Sent(teststore.Create)); n != 1 {
			t.Errorf("%d creates within an hour of the loss, want 1", n)
		}
		if n := len(st.Sent(teststore.Create, teststore.Update, teststore.Renew)) - wrote; n != 0 {
			t.Errorf("%d writes after the loss", n)
		}
		wantGone(t, st)
	})
}

// The loss replaces only a bare context.Canceled.
func TestRunJoinsTheErrorOfServeAndALoss(t *testing.T) {
	for name, c := range map[string]struct {
		returned func(context.Context, *instance) error
		want     []error
	}{
		"nothing":             {func(context.Context, *instance) error { return nil }, nil},
		"its own":             {func(context.Context, *instance) error { return errBoom }, []error{errBoom}},
		"beside the context":  {func(ctx context.Context, _ *instance) error { return errors.Join(ctx.Err(), errBoom) }, []error{errBoom}},
		"the cause":           {func(ctx context.Context, _ *instance) error { return context.Cause(ctx) }, nil},
		"beside the cause":    {func(ctx context.Context, _ *instance) error { return errors.Join(context.Cause(ctx), errBoom) }, []error{errBoom}},
		"a refused step":      {func(_ context.Context, i *instance) error { return i.Transition(context.Background(), Starting) }, nil},
		"the loss of another": {func(context.Context, *instance) error { return fmt.Errorf("%w: %w", errBoom, store.ErrLost) }, []error{errBoom}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := teststore.New()
				err := run(t, st, t.Context(), func(ctx context.Context, i *instance) error {
					st.Evict(key)
					<-ctx.Done()
					return c.returned(ctx, i)
				})
				if _, ok := errors.AsType[*lease.LostError](err); !ok {
					t.Errorf("got %v, want a LostError in it", err)
				}
				for _, want := range c.want {
					if !errors.Is(err, want) {
						t.Errorf("got %v, want %v in it", err, want)
					}
				}
			})
		})
	}
}

func TestRunReturnsALossDuringLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		var inst *instance
		err := run(t, st, t.Context(), func(_ context.Context, i *instance) error {
			inst = i
			move(t, i, Starting)
			st.Evict(key) // not noticed before Leave
			return nil
		})
		if !errors.Is(err, store.ErrLost) {
			t.Errorf("got %v, want %v", err, store.ErrLost)
		}
		wantPath(t, inst, Idle, Starting, Stopping, Stopped)
	})
}

func TestPanicInServeReleasesTheLeaseAndPropagates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		var inst *instance
		func() {
			defer func() {
				if p := recover(); p != errBoom {
					t.Errorf("recovered %v, want %v", p, errBoom)
				}
			}()
			_ = run(t, st, t.Context(), func(_ context.Context, i *instance) error {
				inst = i
				move(t, i, Starting)
				panic(errBoom)
			})
		}()
		wantPath(t, inst, Idle, Starting, Stopping, Stopped)
		wantGone(t, st)
	})
}

func TestRunCanBeRepeatedOnOneKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		k := newKeeper(t, st)
		var last store.Token
		for range 3 {
			err := registry.Run(t.Context(), k, lifecycle, configure(), func(_ context.Context, i *instance) error {
				if token := i.Lease().Token(); token <= last {
					t.Errorf("token %d after %d", token, last)
				}
				last = i.Lease().Token()
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
}
