package lease

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
	"pgregory.net/rapid"
)

// clocks returns base as it reads after the monotonic and the wall clock have
// gone on by different amounts. The time package offers no way to make one, but
// machines do: suspended, or set.
func clocks(t interface{ Fatalf(string, ...any) }, base time.Time, monotonic, wall time.Duration) time.Time {
	at := base.Add(wall) // moves both
	type layout struct {
		wall uint64
		ext  int64 // the monotonic reading, if there is one
		loc  *time.Location
	}
	(*layout)(unsafe.Pointer(&at)).ext += int64(monotonic - wall)
	if at.Sub(base) != monotonic || at.Round(0).Sub(base.Round(0)) != wall {
		t.Fatalf("the layout of time.Time is not what this test knows")
	}
	return at
}

func TestTrustHoldsWhileBothClocksSaySo(t *testing.T) {
	const s = time.Second
	base := time.Now()
	w := trustFor(base.Add(10*s), 10*s) // ends 9.4s after base
	for _, c := range []struct {
		name            string
		monotonic, wall time.Duration
		holds           bool
		left            time.Duration
	}{
		{"at the start", 0, 0, true, 9400 * time.Millisecond},
		{"a nanosecond before the end", 9400*time.Millisecond - 1, 9400*time.Millisecond - 1, true, 1},
		{"at the end", 9400 * time.Millisecond, 9400 * time.Millisecond, false, 0},
		{"after a suspend", 1 * s, 11 * s, false, -1600 * time.Millisecond},
		{"after the wall clock was set back", 11 * s, -3600 * s, false, -1600 * time.Millisecond},
		{"after the wall clock was set back a little", 5 * s, 1 * s, true, 4400 * time.Millisecond},
		{"after the wall clock was set forward a little", 1 * s, 5 * s, true, 4400 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := clocks(t, base, c.monotonic, c.wall)
			if w.holds(now) != c.holds || w.left(now) != c.left {
				t.Errorf("holds %v with %v left, want %v with %v", w.holds(now), w.left(now), c.holds, c.left)
			}
		})
	}
}

func TestTrustWithoutMonotonicReadingsGoesByTheWall(t *testing.T) {
	base := time.Now()
	end := base.Add(10 * time.Second)
	for _, w := range []trust{trustFor(end.Round(0), 10*time.Second), trustFor(end, 10*time.Second)} {
		if now := base.Add(9 * time.Second).Round(0); !w.holds(now) {
			t.Error("over before its end")
		}
		if now := base.Add(9400 * time.Millisecond).Round(0); w.holds(now) {
			t.Error("holds at its end")
		}
	}
}

func TestMarginIsAHundredthAndABoundedGuard(t *testing.T) {
	for ttl, want := range map[time.Duration]time.Duration{
		100 * time.Millisecond: 6 * time.Millisecond,
		10 * time.Second:       600 * time.Millisecond,
		45 * time.Second:       950 * time.Millisecond,
		time.Hour:              36*time.Second + 500*time.Millisecond,
	} {
		if got := margin(ttl); got != want {
			t.Errorf("margin(%v) = %v, want %v", ttl, got, want)
		}
	}
}

func TestTrustThatEndedNeverHoldsAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := time.Now()
		step := rapid.Int64Range(0, int64(5*time.Second))
		w := trustFor(base.Add(10*time.Second), 10*time.Second)
		var monotonic, wall time.Duration
		for held := true; monotonic < 20*time.Second; {
			monotonic += 1 + time.Duration(step.Draw(t, "monotonic"))
			wall += time.Duration(step.Draw(t, "wall"))
			holds := w.holds(clocks(t, base, monotonic, wall))
			if holds && !held {
				t.Fatalf("holds again at %v, %v", monotonic, wall)
			}
			held = holds
		}
	})
}

func TestConfirmedRenewNeverShortensTheWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rapid.SyncTest(t, func(t *rapid.T) {
			const ttl = 10 * time.Second
			k := &Keeper{cfg: Config{TTL: ttl, Heartbeat: ttl / 3}}
			k.schedule = newSchedule(k)
			held := newLease(k, store.Claim{Key: "k", TTL: ttl}, store.Grant{Token: 1, Until: time.Now().Add(ttl)}, options{})
			for range rapid.IntRange(1, 20).Draw(t, "renewals") {
				time.Sleep(time.Duration(rapid.Int64Range(0, int64(ttl/4)).Draw(t, "pause")))
				before := held.window.left(time.Now())
				held.extend(time.Now().Add(time.Duration(rapid.Int64Range(int64(-ttl), int64(ttl)).Draw(t, "until"))), time.Now())
				if after := held.window.left(time.Now()); after < before {
					t.Fatalf("%v left, %v before", after, before)
				}
			}
		})
	})
}

func TestConfirmationAfterTheEndDoesNotRevive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ttl = 10 * time.Second
		k := &Keeper{cfg: Config{TTL: ttl, Heartbeat: ttl / 3}}
		k.schedule = newSchedule(k)
		held := newLease(k, store.Claim{Key: "k", TTL: ttl}, store.Grant{Token: 1, Until: time.Now().Add(ttl)}, options{})
		time.Sleep(ttl - margin(ttl)) // and nobody looks
		held.extend(time.Now().Add(ttl), time.Now())
		if held.Valid() || held.Err() == nil {
			t.Error("a confirmation that came at the window's end revived the lease")
		}
	})
}

func TestErrEndsTheLeaseWithoutAKeeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ttl = 10 * time.Second
		k := &Keeper{cfg: Config{TTL: ttl, Heartbeat: ttl / 3}, store: memstore.New()}
		k.schedule = newSchedule(k) // with no goroutine that looks after it
		held := newLease(k, store.Claim{Key: "k", TTL: ttl}, store.Grant{Token: 1, Until: time.Now().Add(ttl)}, options{})
		ctx, cancel := held.Context(t.Context())
		defer cancel()
		time.Sleep(ttl - margin(ttl) - 1)
		if err := held.Err(); err != nil {
			t.Errorf("a nanosecond before the end: %v", err)
		}
		time.Sleep(time.Nanosecond)
		if err := held.Err(); !errors.Is(err, ErrExpired) || context.Cause(ctx) != err {
			t.Errorf("at the end: %v, context %v", err, context.Cause(ctx))
		}
		select {
		case <-held.Done():
		default:
			t.Error("Done is open though Err is not nil")
		}
	})
}
