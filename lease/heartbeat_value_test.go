package lease_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

func TestHeartbeatCarriesAValueInTheSameRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		var committed []time.Time
		acquire(t, keep(t, p), "k", heartbeats(func(at time.Time) change {
			return text(at.Format(time.RFC3339Nano), func() { committed = append(committed, at) })
		}))
		time.Sleep(3 * heartbeat)
		synctest.Wait()
		sent := p.Sent(teststore.Renew)
		if len(sent) < 3 || len(committed) != len(sent) || len(p.Sent(teststore.Update)) != 0 {
			t.Fatalf("%d renewals, %d committed, %d updates", len(sent), len(committed), len(p.Sent(teststore.Update)))
		}
		for i, r := range sent {
			if got, want := committed[i].Sub(p.Start), r.At; got != want {
				t.Errorf("beat %d made for %v, sent at %v", i, got, want)
			}
		}
		if got, want := value(t, p.Store, "k"), committed[len(committed)-1].Format(time.RFC3339Nano); got != want {
			t.Errorf("holds %q, want %q", got, want)
		}
	})
}

func TestRenewAttemptTellsHowLongTheStoreTook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		var attempts []lease.RenewAttempt
		k := keep(t, p, func(c *lease.Config) { c.OnRenew = func(a lease.RenewAttempt) { attempts = append(attempts, a) } })
		acquire(t, k, "k")
		p.Inject(teststore.Sequence(teststore.Delay(0, time.Second), teststore.Delay(0, 2*time.Second)), teststore.Renew)
		time.Sleep(3 * heartbeat)
		synctest.Wait()
		if len(attempts) < 2 || attempts[0].Duration != time.Second || attempts[1].Duration != 2*time.Second {
			t.Errorf("%+v", attempts)
		}
	})
}

func TestHeartbeatWithoutAUsableValueRenewsAllTheSame(t *testing.T) {
	reason := errors.New("no value")
	for name, c := range map[string]struct {
		value   []byte
		err     error
		skipped error // by errors.Is; nil for none
	}{
		"encode fails":               {nil, reason, reason},
		"encode fails with a value":  {[]byte("v"), reason, reason},
		"value too long":             {make([]byte, store.MaxValue+1), nil, store.ErrInvalid},
		"no value":                   {nil, nil, nil},
		"an empty value":             {[]byte{}, nil, nil},
		"longest value, not skipped": {make([]byte, store.MaxValue), nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := teststore.New()
				var beats []lease.RenewAttempt
				k := keep(t, p, func(c *lease.Config) { c.OnRenew = func(b lease.RenewAttempt) { beats = append(beats, b) } })
				held := acquire(t, k, "k", heartbeats(func(time.Time) change {
					return change{
						encode: func() ([]byte, error) { return c.value, c.err },
						commit: func() {
							if c.err != nil || len(c.value) == 0 || len(c.value) > store.MaxValue {
								t.Error("committed")
							}
						},
					}
				}))
				time.Sleep(3 * ttl)
				synctest.Wait()
				if !held.Valid() || len(beats) < 10 {
					t.Fatalf("%d beats, then %v", len(beats), held.Err())
				}
				for _, b := range beats {
					if b.Err != nil || !errors.Is(b.Skipped, c.skipped) {
						t.Fatalf("%+v", b)
					}
				}
				if err := held.Update(t.Context(), []byte("next")); err != nil {
					t.Errorf("the turn was not given back: %v", err)
				}
			})
		})
	}
}

func TestHeartbeatWithoutAValueCommitsNothingWhileItSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		held := acquire(t, keep(t, p), "k", heartbeats(func(time.Time) change {
			return change{
				encode: func() ([]byte, error) { return nil, nil },
				commit: func() { t.Error("committed a value that was never made") },
			}
		}))
		p.Inject(teststore.Once(teststore.DropReply), teststore.Update)
		_ = held.Update(t.Context(), []byte("second"))
		time.Sleep(heartbeat)
		synctest.Wait()
		if got := value(t, p.Store, "k"); got != "first" {
			t.Errorf("holds %q", got)
		}
	})
}

func TestHeartbeatInDoubtIsSettledLikeAnyWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		beats := 0
		held := acquire(t, keep(t, p), "k", heartbeats(func(time.Time) change {
			if beats++; beats > 1 {
				return change{encode: func() ([]byte, error) { return nil, nil }}
			}
			return text("beat", func() { t.Error("committed") })
		}))
		p.Inject(teststore.Once(teststore.DropReply), teststore.Renew)
		time.Sleep(heartbeat + heartbeat/2)
		synctest.Wait()
		if got := value(t, p.Store, "k"); got != "first" || !held.Valid() {
			t.Errorf("holds %q", got)
		}
	})
}

func TestHeartbeatValueSettlesAWriteInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		held := acquire(t, keep(t, p), "k", heartbeats(func(time.Time) change { return text("beat", nil) }))
		p.Inject(teststore.Once(teststore.DropReply), teststore.Update)
		_ = held.Update(t.Context(), []byte("second"))
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if got := value(t, p.Store, "k"); got != "beat" {
			t.Errorf("holds %q", got)
		}
		_ = held.Update(t.Context(), []byte("third"))
		if got := values(p.Sent(teststore.Update)); len(got) != 2 {
			t.Errorf("sent %q: the settled one again", got)
		}
	})
}

func TestRefusedHeartbeatValueIsNotTheHoldersValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		held := acquire(t, keep(t, p), "k", heartbeats(func(time.Time) change {
			return text("beat", func() { t.Error("committed") })
		}))
		p.Inject(teststore.Refuse, teststore.Renew)
		time.Sleep(heartbeat)
		synctest.Wait()
		p.Inject(func(ctx context.Context, call func(context.Context) error) error { return teststore.Refuse(ctx, call) }, teststore.Update)
		if err := held.Update(t.Context(), []byte("second")); !errors.Is(err, store.ErrUnavailable) {
			t.Error(err)
		}
		if got := values(p.Sent(teststore.Update)); len(got) != 1 || got[0] != "second" {
			t.Errorf("sent %q: a refused beat is not in doubt", got)
		}
	})
}

func TestBareHeartbeatHoldsUpNoWriteAndKeepsTheValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		held := acquire(t, keep(t, p), "k")
		p.Inject(teststore.Delay(0, time.Second), teststore.Renew)
		time.Sleep(heartbeat) // within the second
		synctest.Wait()
		start := time.Now()
		if err := held.Update(t.Context(), []byte("second")); err != nil || time.Since(start) != 0 {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		time.Sleep(2 * heartbeat)
		p.Inject(nil, teststore.Renew)
		p.Inject(teststore.Once(teststore.DropReply), teststore.Update)
		_ = held.Update(t.Context(), []byte("third"))
		time.Sleep(heartbeat)
		synctest.Wait()
		if got := value(t, p.Store, "k"); got != "second" {
			t.Errorf("restated as %q", got)
		}
	})
}

// More leases than one batch takes, all released while the first is under way.
func TestHeartbeatOfALeaseThatEndedIsNotMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const leases = 1200
		released := false
		p := teststore.New()
		k := keep(t, p)
		var all []lease.Lease
		for i := range leases {
			all = append(all, acquire(t, k, fmt.Sprint(i), heartbeats(func(time.Time) change {
				if released {
					t.Error("made for a released lease")
				}
				return text("beat", nil)
			})))
		}
		p.Inject(teststore.Delay(0, time.Second), teststore.Renew)
		time.Sleep(heartbeat)
		synctest.Wait()
		for _, held := range all {
			_ = held.Release(t.Context())
		}
		released = true
		time.Sleep(time.Minute)
	})
}

// writeOn writes without a pause, from three goroutines so that there is always one
// that waits for the turn, until the lease ends. What it returns waits for that, and
// returns the longest that a write took.
func writeOn(t *testing.T, held lease.Lease) func() time.Duration {
	var wg sync.WaitGroup
	var longest [3]time.Duration
	for i := range longest {
		wg.Go(func() {
			for held.Err() == nil {
				start := time.Now()
				err := held.Update(context.Background(), []byte("update"))
				longest[i] = max(longest[i], time.Since(start))
				if err != nil && held.Err() == nil {
					t.Error(err)
					return
				}
			}
		})
	}
	return func() time.Duration {
		wg.Wait()
		return slices.Max(longest[:])
	}
}

func TestUpdatesThatNeverPauseLeaveEachHeartbeatItsValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const intervals = 20
		p := teststore.New()
		beats := 0
		held := acquire(t, keep(t, p), "k", heartbeats(func(time.Time) change {
			return text("beat", func() { beats++ })
		}))
		p.Inject(teststore.Delay(0, time.Millisecond), teststore.Update, teststore.Renew)
		finish := writeOn(t, held)
		time.Sleep(intervals * heartbeat)
		_ = held.Release(t.Context())
		finish()
		// Jitter fits in one interval more, or two; each is one heartbeat without a
		// value and one with.
		if beats < intervals-1 || beats > intervals+3 {
			t.Errorf("%d values of beats in %d intervals", beats, intervals)
		}
		if n := len(p.Sent(teststore.Renew)); n > 2*(intervals+3) {
			t.Errorf("%d renewals in %d intervals", n, intervals)
		}
	})
}

// A heartbeat that asks for the turn is one that the store answers.
func TestUnansweredHeartbeatHoldsUpNoWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		held := acquire(t, keep(t, p), "k", heartbeats(func(time.Time) change { return text("beat", nil) }))
		p.Inject(teststore.Delay(0, time.Millisecond), teststore.Update)
		finish := writeOn(t, held)
		p.Inject(teststore.Silence, teststore.Renew)
		if got := ended(held, p.Start); got != window {
			t.Errorf("done after %v, want %v", got, window)
		}
		if longest := finish(); longest > 10*time.Millisecond {
			t.Errorf("a write took %v", longest)
		}
		if got := values(p.Sent(teststore.Renew)); len(got) != 0 {
			t.Errorf("heartbeats carried %q", got)
		}
	})
}

// The first heartbeat goes without a value, the second is given the turn and hangs.
func TestWriterBehindAHeartbeatLearnsOfTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		held := acquire(t, keep(t, p), "k", heartbeats(func(time.Time) change { return text("beat", nil) }))
		p.Inject(teststore.Once(teststore.Delay(0, heartbeat+time.Second)), teststore.Update)
		p.Inject(teststore.Sequence(teststore.Delay(0, 0), teststore.Hang(time.Hour)), teststore.Renew)
		if err := held.Update(t.Context(), []byte("slow")); err != nil {
			t.Fatal(err)
		}
		err := held.Update(t.Context(), []byte("late"))
		if err == nil || err != held.Err() {
			t.Errorf("%v, want %v", err, held.Err())
		}
		if got, want := time.Since(p.Start), p.Sent(teststore.Renew)[0].At+window; got != want {
			t.Errorf("after %v, want %v", got, want)
		}
	})
}

// sloppy is a store that gives more or fewer answers to a batch than it should.
type sloppy struct {
	store.Store
	more int
}

func (s sloppy) Renew(ctx context.Context, batch []store.Renewal) []store.RenewResult {
	answers := s.Store.Renew(ctx, batch)
	return append(answers, answers...)[:max(len(answers)+s.more, 0)]
}

func TestMissingAnswersKeepNoTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var beats []lease.RenewAttempt
		p := teststore.New()
		k := keep(t, sloppy{p, -1}, func(c *lease.Config) { c.OnRenew = func(b lease.RenewAttempt) { beats = append(beats, b) } })
		held := acquire(t, k, "k", heartbeats(func(time.Time) change {
			return text("beat", func() { t.Error("committed") })
		}))
		time.Sleep(heartbeat)
		synctest.Wait()
		if len(beats) == 0 || !errors.Is(beats[0].Err, store.ErrInDoubt) {
			t.Fatalf("%+v", beats)
		}
		if err := held.Update(t.Context(), []byte("next")); err != nil {
			t.Errorf("the turn was not given back: %v", err)
		}
		if got := values(p.Sent(teststore.Update)); len(got) != 2 || got[0] != "first" {
			t.Errorf("sent %q: a beat without an answer may have been written", got)
		}
		if got := ended(held, p.Start); got != window {
			t.Errorf("done after %v, want %v", got, window)
		}
	})
}

func TestAnswersToNothingAreLeftAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := acquire(t, keep(t, sloppy{teststore.New(), 1}), "k")
		time.Sleep(3 * ttl)
		if !held.Valid() {
			t.Error(held.Err())
		}
	})
}
