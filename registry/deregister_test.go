package registry_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
)

func TestDeregisterReleasesTheLeaseInAnyState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, newKeeper(t, st))
		move(t, inst, Starting, Warming)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := inst.Deregister(ctx); err != nil {
			t.Error(err)
		}
		wantGone(t, st)
		if inst.State() != Warming || inst.Status().State != Warming {
			t.Errorf("the machine is in %s, the status says %s", inst.State(), inst.Status().State)
		}
	})
}

func TestSecondDeregisterDoesNotTouchTheSuccessor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		k := newKeeper(t, st)
		inst := register(t, k)
		if err := inst.Deregister(t.Context()); err != nil {
			t.Error(err)
		}
		second := register(t, k)
		if err := inst.Deregister(t.Context()); err != nil {
			t.Error(err)
		}
		if e := published(t, st); e.Token != second.Lease().Token() || len(st.Sent(teststore.Delete)) != 1 {
			t.Errorf("the record of the successor was deleted: %+v", e)
		}
	})
}

func TestDeregisterCanBeRepeatedAfterAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, newKeeper(t, st))
		st.Inject(teststore.Refuse, teststore.Delete)
		if err := inst.Deregister(t.Context()); err == nil {
			t.Error("got nil, want an error")
		}
		st.Inject(nil, teststore.Delete)
		if err := inst.Deregister(t.Context()); err != nil {
			t.Error(err)
		}
		wantGone(t, st)
	})
}

func TestNothingIsWrittenAfterDeregister(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, newKeeper(t, st))
		if err := inst.Deregister(t.Context()); err != nil {
			t.Fatal(err)
		}
		wrote := len(st.Sent(teststore.Create, teststore.Update, teststore.Renew))
		if err := inst.Transition(t.Context(), Starting); !errors.Is(err, fsm.ErrClosed) {
			t.Errorf("got %v, want %v", err, fsm.ErrClosed)
		}
		for _, err := range []error{
			inst.Update(t.Context(), func(*payload) {}),
			inst.RecordError(t.Context(), errBoom),
		} {
			if !errors.Is(err, lease.ErrReleased) {
				t.Errorf("got %v, want %v", err, lease.ErrReleased)
			}
		}
		time.Sleep(time.Hour)
		if n := len(st.Sent(teststore.Create, teststore.Update, teststore.Renew)) - wrote; n != 0 {
			t.Errorf("%d writes", n)
		}
	})
}

func TestDeregisterWorksDuringConcurrentCalls(t *testing.T) {
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			st := teststore.New()
			inst := register(t, newKeeper(t, st), addressAfter(200*time.Millisecond))
			st.Inject(randomFault("none", "none", "slow"), teststore.Update, teststore.Renew, teststore.Delete)
			var wg sync.WaitGroup
			for _, call := range []func(){
				func() { _ = inst.Transition(t.Context(), Starting) },
				func() { _ = inst.Update(t.Context(), func(p *payload) { p.Count++ }) },
				func() { _ = inst.RecordError(t.Context(), errBoom) },
				func() { _ = inst.Machine().Reset(t.Context(), "stuck") },
				func() { _, _ = inst.Status(), inst.State() },
			} {
				wg.Go(func() {
					for range 20 {
						call()
						time.Sleep(20 * time.Millisecond)
					}
				})
			}
			time.Sleep(200 * time.Millisecond)
			for _, end := range []func(context.Context) error{inst.Deregister, inst.Deregister, inst.Leave} {
				wg.Go(func() {
					if err := end(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			wantGone(t, st)
		})
	}
}
