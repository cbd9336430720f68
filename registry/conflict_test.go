package registry_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// wantConflict fails unless Register returns a conflict, which it returns.
func wantConflict(t *testing.T, k *lease.Keeper, changes ...func(*config)) *registry.ConflictError {
	t.Helper()
	_, err := registry.Register(t.Context(), k, lifecycle, configure(changes...))
	conflict, ok := errors.AsType[*registry.ConflictError](err)
	if !ok {
		t.Fatalf("got %v, want a conflict", err)
	}
	return conflict
}

func TestConflictErrorNamesTheHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		since := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
		time.Sleep(time.Until(since))
		st := teststore.New()
		st.Inject(teststore.Refuse, teststore.Renew)
		k := newKeeper(t, st, func(c *lease.Config) { c.TTL, c.Heartbeat = 45*time.Second, 15*time.Second })
		ip := netip.MustParseAddr("10.0.0.7")
		holder := register(t, k, func(c *config) {
			c.Instance = "feed-1"
			c.PublicIP = func(context.Context) (netip.Addr, error) { return ip, nil }
		})
		time.Sleep(14 * time.Second)

		got := wantConflict(t, k)
		const want = `"exchange:1:status" is held by feed-1 on host-a (10.0.0.7) since 2026-11-21T10:00:00Z, 31s left`
		if got.Error() != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		s := holder.Status()
		if d := diff(s.Identity, got.Identity); d != "" || got.Key != key || got.Token != s.Token || got.Left != 31*time.Second {
			t.Errorf("got %+v, want the identity of the holder: %s", got, d)
		}
		held, ok := errors.AsType[*store.HeldError](error(got))
		if !ok || held.Record.Token != s.Token || !errors.Is(got, store.ErrHeld) {
			t.Errorf("unwraps to %v, want the HeldError of the store", held)
		}
	})
}

func TestConflictErrorOmitsUnknownFacts(t *testing.T) {
	for name, c := range map[string]struct{ value, want string }{
		"bare lease": {`{"state":"active"}`, `"exchange:1:status" is held, 10s left`},
		"not JSON":   {"hello", `"exchange:1:status" is held, 10s left`},
		"a list":     {`["leasehold"]`, `"exchange:1:status" is held, 10s left`},
		"another's":  {`{"leasehold":"mine"}`, `"exchange:1:status" is held, 10s left`},
		"no host":    {`{"leasehold":{"instance":"i","since":"2026-11-21T10:00:00Z"}}`, `"exchange:1:status" is held by i since 2026-11-21T10:00:00Z, 10s left`},
		"no IP":      {`{"leasehold":{"host":"h","since":"2026-11-21T10:00:00.5Z"}}`, `"exchange:1:status" is held by h since 2026-11-21T10:00:00Z, 10s left`},
		"an IP":      {`{"leasehold":{"ip":"10.0.0.7","since":"2026-11-21T10:00:00Z"}}`, `"exchange:1:status" is held (10.0.0.7) since 2026-11-21T10:00:00Z, 10s left`},
		"no since":   {`{"leasehold":{"host":"h","ip":"fe80::1"}}`, `"exchange:1:status" is held by h (fe80::1), 10s left`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKeeper(t, teststore.New())
				held, err := k.Acquire(t.Context(), key, []byte(c.value))
				if err != nil {
					t.Fatal(err)
				}
				got := wantConflict(t, k)
				if got.Error() != c.want || got.Token != held.Token() {
					t.Errorf("got  %s (token %d)\nwant %s (token %d)", got, got.Token, c.want, held.Token())
				}
			})
		})
	}
}

// Fault 5 of the first protocol: the same host name allowed to reclaim.
func TestInstancesOfSameHostAndNameConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		k := newKeeper(t, st)
		same := func(c *config) { c.Host, c.Instance = "host-a", "connector" }
		first := register(t, k, same)
		wantConflict(t, k, same)
		wantConflict(t, k, same, func(c *config) { c.Reclaim = registry.ReclaimDead })
		if !first.Lease().Valid() || len(st.Sent(teststore.Delete)) != 0 {
			t.Error("the record of the holder was deleted")
		}
	})
}

func TestRegisterReturnsErrorOfStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		k := newKeeper(t, st)
		for condition, f := range map[error]teststore.Fault{
			store.ErrUnavailable: teststore.Refuse,
			store.ErrInDoubt:     teststore.Drop,
			store.ErrForeign: func(context.Context, func(context.Context) error) error {
				return &store.ForeignError{Record: store.Record{Key: key, Left: store.Forever}}
			},
		} {
			st.Inject(f, teststore.Create)
			inst, err := registry.Register(t.Context(), k, lifecycle, configure())
			if inst != nil || !errors.Is(err, condition) {
				t.Errorf("got %v, %v, want %v", inst, err, condition)
			}
		}
		st.Inject(nil, teststore.Create)
		gone, cancel := context.WithCancelCause(t.Context())
		cancel(errBoom)
		if _, err := registry.Register(gone, k, lifecycle, configure()); !errors.Is(err, errBoom) {
			t.Errorf("got %v, want the cause of the context", err)
		}
		_ = k.Close(t.Context())
		if _, err := registry.Register(t.Context(), k, lifecycle, configure()); !errors.Is(err, lease.ErrClosed) {
			t.Errorf("got %v, want %v", err, lease.ErrClosed)
		}
	})
}

func TestRegisterSurvivesALostReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		tries := 0
		st.Inject(func(ctx context.Context, call func(context.Context) error) error {
			if tries++; tries == 1 {
				return teststore.DropReply(ctx, call)
			}
			return call(ctx)
		}, teststore.Create)
		began := time.Now()
		inst := register(t, newKeeper(t, st))
		if s := inst.Status(); tries != 2 || !s.Registered.Equal(began) {
			t.Errorf("%+v after %d tries, want it since %v after 2", s, tries, began)
		}
		wantAgreement(t, st, inst)
	})
}
