package lease_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

func TestHeldLeaseHasNoEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := acquire(t, keep(t, memstore.New()), "k")
		ctx, cancel := held.Context(t.Context())
		defer cancel()
		if held.Err() != nil || ctx.Err() != nil || !held.Valid() || held.Key() != "k" || held.Token() == 0 {
			t.Errorf("err %v, context %v, valid %v, key %q, token %d", held.Err(), ctx.Err(), held.Valid(), held.Key(), held.Token())
		}
		select {
		case <-held.Done():
			t.Error("done")
		default:
		}
	})
}

func TestContextEndsWithTheLeaseAndItsReason(t *testing.T) {
	end := map[string]func(t *testing.T, p *teststore.Store, held lease.Lease){
		"released": func(t *testing.T, _ *teststore.Store, held lease.Lease) { _ = held.Release(t.Context()) },
		"lost":     func(t *testing.T, p *teststore.Store, _ lease.Lease) { p.Inject(teststore.Refuse, teststore.Renew) },
	}
	for name, end := range end {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := teststore.New()
				held := acquire(t, keep(t, p), "k")
				early, cancel := held.Context(t.Context())
				defer cancel()
				end(t, p, held)
				<-early.Done()
				late, cancel := held.Context(t.Context()) // of a lease that has ended
				defer cancel()
				for _, ctx := range []context.Context{early, late} {
					if ctx.Err() != context.Canceled || context.Cause(ctx) != held.Err() {
						t.Errorf("%v because of %v, want %v", ctx.Err(), context.Cause(ctx), held.Err())
					}
				}
			})
		})
	}
}

func TestContextEndsWithItsParentAndItsReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := acquire(t, keep(t, memstore.New()), "k")
		reason := errors.New("shutting down")
		parent, stop := context.WithCancelCause(t.Context())
		ctx, cancel := held.Context(parent)
		defer cancel()
		stop(reason)
		if context.Cause(ctx) != reason || !held.Valid() {
			t.Errorf("cause %v, valid %v", context.Cause(ctx), held.Valid())
		}
	})
}

func TestContextThatIsCancelledLeavesTheLeaseAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := acquire(t, keep(t, memstore.New()), "k")
		ctx, cancel := held.Context(t.Context())
		cancel()
		if ctx.Err() == nil || !held.Valid() {
			t.Errorf("context %v, valid %v", ctx.Err(), held.Valid())
		}
	})
}
