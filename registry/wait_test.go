package registry_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

func wait(c *config) { c.Wait = true }

// Registered is the time of the create that succeeded, not that of the call.
func TestWaitingInstanceIsRegisteredWhenItAcquiresTheKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		k := newKeeper(t, st)
		first := register(t, k)
		go func() {
			time.Sleep(time.Hour)
			_ = first.Deregister(t.Context())
		}()
		asked := time.Now()
		second := register(t, k, wait)
		now := time.Now()
		if now.Sub(asked) != time.Hour {
			t.Errorf("waited %v, want an hour", now.Sub(asked))
		}
		if s := second.Status(); !s.Registered.Equal(now) || !s.Changed.Equal(now) || !s.Heartbeat.Equal(now) {
			t.Errorf("%+v, want everything since %v", s, now)
		}
		wantAgreement(t, st, second)
	})
}

func TestWaitEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeper(t, teststore.New())
		first := register(t, k)
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Minute, func() { cancel(errBoom) })
		_, err := registry.Register(ctx, k, lifecycle, configure(wait))
		wait, ok := errors.AsType[*registry.WaitError](err)
		if !ok || wait.Holder.Instance != first.Status().Instance || wait.Holder.Token != first.Lease().Token() {
			t.Errorf("got %v, want the end of a wait for the holder", err)
		}
		if !errors.Is(err, errBoom) || !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrHeld) {
			t.Errorf("%v does not unwrap to the end of the context alone", err)
		}
	})
}

func TestWaitEndsWithTheKeeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		register(t, newKeeper(t, st))
		k := newKeeper(t, st)
		time.AfterFunc(time.Minute, func() { _ = k.Close(context.Background()) })
		if _, err := registry.Register(t.Context(), k, lifecycle, configure(wait)); !errors.Is(err, lease.ErrClosed) {
			t.Errorf("got %v, want %v", err, lease.ErrClosed)
		}
	})
}
