package lease_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

func TestDoneIsClosedExactlyAtTheWindowsEnd(t *testing.T) {
	for name, f := range map[string]teststore.Fault{
		"while the store is silent":             teststore.Silence,
		"while the store refuses":               teststore.Refuse,
		"while replies are lost":                teststore.LoseReply,
		"while calls hang longer than a limit":  teststore.Hang(heartbeat),
		"while calls hang longer than a window": teststore.Hang(time.Hour),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := teststore.New()
				k := keep(t, p)
				start := time.Now()
				held := acquire(t, k, "k")
				p.Inject(f, teststore.Renew)
				if got := ended(held, start); got != window {
					t.Errorf("done after %v, want %v", got, window)
				}
				if held.Valid() || !errors.Is(held.Err(), lease.ErrExpired) {
					t.Errorf("valid %v, err %v", held.Valid(), held.Err())
				}
				p.Inject(nil, teststore.Renew)
			})
		})
	}
}

func TestValidEndsWithTheWindowToTheNanosecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		held := acquire(t, keep(t, p), "k")
		p.Inject(teststore.Silence, teststore.Renew)
		time.Sleep(window - 1)
		if !held.Valid() {
			t.Error("not valid a nanosecond before the end")
		}
		time.Sleep(time.Nanosecond)
		if held.Valid() {
			t.Error("valid at the end")
		}
		p.Inject(nil, teststore.Renew)
		for range 100 {
			time.Sleep(ttl / 10)
			if held.Valid() {
				t.Fatal("valid again")
			}
		}
	})
}

// OnLoss is held up, too. See also TestErrEndsTheLeaseWithoutAKeeper.
func TestErrEndsWithTheWindowBeforeTheKeeperHasRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		resume := make(chan struct{})
		k := keep(t, p, func(c *lease.Config) { c.OnLoss = func(*lease.LostError) { <-resume } })
		first := acquire(t, k, "k")
		if err := p.Store.Delete(t.Context(), "k", store.ByToken(first.Token())); err != nil {
			t.Fatal(err)
		}
		<-first.Done()
		synctest.Wait()
		held := acquire(t, k, "k")
		p.Inject(teststore.Refuse, teststore.Renew)
		time.Sleep(window - 1)
		if err := held.Err(); err != nil {
			t.Errorf("a nanosecond before the end: %v", err)
		}
		time.Sleep(time.Nanosecond)
		if err := held.Err(); !errors.Is(err, lease.ErrExpired) {
			t.Errorf("at the end: %v, want %v", err, lease.ErrExpired)
		}
		select {
		case <-held.Done():
		default:
			t.Error("Done is open though Err is not nil")
		}
		if held.Valid() {
			t.Error("valid though Err is not nil")
		}
		close(resume)
	})
}

// The batch that hangs has no lease left, and no other lease whose end would make the keeper
// look again by chance.
func TestLeaseAddedWhileARoundHangsEndsOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		k := keep(t, p)
		first := acquire(t, k, "k")
		p.Inject(teststore.Hang(time.Hour), teststore.Renew)
		time.Sleep(heartbeat)
		synctest.Wait()
		if err := first.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(window)
		start := time.Now()
		second := acquire(t, k, "k")
		if got := ended(second, start); got != window {
			t.Errorf("done after %v, want %v", got, window)
		}
	})
}

func TestSlowSuccessfulRenewDoesNotExtendTrust(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		k := keep(t, p)
		start := time.Now()
		held := acquire(t, k, "k")
		p.Inject(teststore.Delay(0, window), teststore.Renew)
		if got := ended(held, start); got != window {
			t.Errorf("done after %v, want %v: a renew under way moved the end", got, window)
		}
		time.Sleep(time.Hour)
		if held.Valid() {
			t.Error("a confirmation that came too late revived the lease")
		}
	})
}

func TestWindowCountsFromWhenTheRenewWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		held := acquire(t, keep(t, p), "k")
		p.Inject(teststore.Delay(0, time.Second), teststore.Renew)
		time.Sleep(heartbeat + 500*time.Millisecond) // within the second
		synctest.Wait()
		sent := p.Sent(teststore.Renew)[0]
		p.Inject(teststore.Silence, teststore.Renew)
		if got := ended(held, p.Start); got != sent.At+window {
			t.Errorf("done after %v, want %v after the renew of %v", got, window, sent.At)
		}
	})
}

func TestDefiniteAnswerEndsALeaseAtOnce(t *testing.T) {
	foreign := &store.ForeignError{Record: store.Record{Key: "k", Left: store.Forever}}
	for name, c := range map[string]struct {
		answer error
		is     func(error) bool
	}{
		"gone or another's": {
			&store.Error{Op: "renew", Key: "k", Condition: store.ErrLost},
			func(err error) bool { return errors.Is(err, store.ErrLost) && !errors.Is(err, store.ErrForeign) },
		},
		"overwritten": {
			foreign,
			func(err error) bool {
				var got *store.ForeignError
				return errors.As(err, &got) && got == foreign && errors.Is(err, store.ErrLost)
			},
		},
	} {
		for _, v := range []teststore.Verb{teststore.Renew, teststore.Update} {
			t.Run(fmt.Sprintf("%s at %s", name, v), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := teststore.New()
					held := acquire(t, keep(t, p), "k")
					p.Inject(func(context.Context, func(context.Context) error) error { return c.answer }, v)
					if v == teststore.Update {
						if err := held.Update(t.Context(), []byte("v")); err != held.Err() {
							t.Errorf("Update says %v, Err says %v", err, held.Err())
						}
					} else {
						<-held.Done()
					}
					if asked := p.Sent(v); len(asked) != 1 || asked[0].At != time.Since(p.Start) {
						t.Errorf("not ended at the first answer: %v", asked)
					}
					var lost *lease.LostError
					if err := held.Err(); !errors.As(err, &lost) || lost.Key != "k" || lost.Token != held.Token() || !c.is(err) || errors.Is(err, lease.ErrExpired) {
						t.Errorf("%#v", err)
					}
				})
			})
		}
	}
}

func TestRecordTakenAwayIsNoticedByTheNextHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		held := acquire(t, keep(t, p), "k")
		if err := p.Store.Delete(t.Context(), "k", store.ByToken(held.Token())); err != nil {
			t.Fatal(err)
		}
		if at := ended(held, p.Start); at > heartbeat {
			t.Errorf("lost after %v", at)
		}
	})
}

func TestPassingTroubleDoesNotEndALeaseEarly(t *testing.T) {
	for _, condition := range []error{store.ErrUnavailable, store.ErrInDoubt, store.ErrStale, store.ErrClosed} {
		t.Run(condition.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := teststore.New()
				held := acquire(t, keep(t, p), "k")
				p.Inject(teststore.Once(func(context.Context, func(context.Context) error) error {
					return &store.Error{Op: "renew", Key: "k", Condition: condition}
				}), teststore.Renew)
				time.Sleep(3 * ttl)
				if !held.Valid() {
					t.Error(held.Err())
				}
			})
		})
	}
}

func TestNothingIsSentForALostLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		held := acquire(t, keep(t, p), "k")
		p.Inject(teststore.Refuse, teststore.Renew)
		<-held.Done()
		p.Inject(nil, teststore.Renew)
		before := len(p.Sent(teststore.Renew, teststore.Update, teststore.Delete))
		if err := held.Update(t.Context(), []byte("late")); err != held.Err() {
			t.Errorf("update: %v, want %v", err, held.Err())
		}
		time.Sleep(time.Hour)
		if after := p.Sent(teststore.Renew, teststore.Update, teststore.Delete)[before:]; len(after) != 0 {
			t.Errorf("sent after the loss: %+v", after)
		}
	})
}

// A value that takes longer to make than the window lasts.
func TestNothingIsSentForALeaseLostWhileAValueWasMade(t *testing.T) {
	slow := func() ([]byte, error) {
		time.Sleep(2 * window)
		return []byte("late"), nil
	}
	t.Run("by a write", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := teststore.New()
			held := acquire(t, keep(t, p), "k")
			p.Inject(teststore.Refuse, teststore.Renew)
			if err := put(t.Context(), held, change{encode: slow}); err != held.Err() || err == nil {
				t.Errorf("write: %v, want %v", err, held.Err())
			}
			if sent := p.Sent(teststore.Update); len(sent) != 0 {
				t.Errorf("sent %+v", sent)
			}
		})
	})
	t.Run("by a heartbeat", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := teststore.New()
			held := acquire(t, keep(t, p), "k", heartbeats(func(time.Time) change { return change{encode: slow} }))
			p.Inject(teststore.Refuse, teststore.Renew)
			<-held.Done()
			ended := time.Since(p.Start)
			p.Inject(nil, teststore.Renew)
			time.Sleep(time.Hour)
			for _, r := range p.Sent(teststore.Renew) {
				if r.At >= ended || len(r.Values()) != 0 {
					t.Errorf("sent %+v", r)
				}
			}
			if err := held.Update(t.Context(), []byte("v")); err != held.Err() {
				t.Errorf("update: %v", err)
			}
		})
	})
}

func TestEachLossIsReportedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const leases = 40
		var reported atomic.Int32
		p := teststore.New()
		k := keep(t, p, func(c *lease.Config) {
			c.OnLoss = func(e *lease.LostError) {
				reported.Add(1)
				if e.Token == 0 || !errors.Is(e, lease.ErrExpired) || !errors.Is(e, store.ErrUnavailable) {
					t.Errorf("reported %v", e)
				}
			}
		})
		released := acquire(t, k, "released")
		var all []lease.Lease
		for i := range leases {
			all = append(all, acquire(t, k, fmt.Sprint(i)))
		}
		if err := released.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.Inject(teststore.Refuse, teststore.Renew)
		time.Sleep(window)
		for _, held := range all {
			go held.Valid()
			go held.Release(context.Background())
		}
		time.Sleep(time.Hour)
		if n := reported.Load(); n != leases {
			t.Errorf("%d losses reported of %d", n, leases)
		}
	})
}

// Release by whoever looked first must not run OnLoss in the caller's goroutine,
// where it may hold what OnLoss waits for.
func TestLossIsReportedByTheKeeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lock := make(chan struct{}, 1)
		reported := make(chan struct{})
		p := teststore.New()
		k := keep(t, p, func(c *lease.Config) {
			c.OnLoss = func(*lease.LostError) {
				lock <- struct{}{}
				close(reported)
			}
		})
		held := acquire(t, k, "k")
		lock <- struct{}{}
		p.Inject(teststore.Refuse, teststore.Renew)
		<-held.Done()
		if err := held.Release(t.Context()); err != nil {
			t.Error(err)
		}
		<-lock
		<-reported
	})
}

func TestSlowReportDelaysNoOtherEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		k := keep(t, p, func(c *lease.Config) {
			c.OnLoss = func(*lease.LostError) { time.Sleep(time.Second) }
		})
		start := time.Now()
		var all []lease.Lease
		for i := range 20 {
			all = append(all, acquire(t, k, fmt.Sprint(i)))
		}
		p.Inject(teststore.Silence, teststore.Renew)
		time.Sleep(window)
		synctest.Wait()
		for _, held := range all {
			if got := ended(held, start); got != window {
				t.Fatalf("done after %v, want %v", got, window)
			}
		}
	})
}

// A heartbeat that falls due while a loss is being reported comes late, not never.
func TestSlowReportSkipsNoHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const longest = ttl / 2 // so that a heartbeat left out costs the lease
		for range 20 {
			p := teststore.New()
			k := keep(t, p, func(c *lease.Config) {
				c.Heartbeat = longest
				c.OnLoss = func(*lease.LostError) { time.Sleep(longest / 8) }
			})
			var others []lease.Lease
			for i := range 40 {
				others = append(others, acquire(t, k, fmt.Sprint(i)))
			}
			p.Inject(func(context.Context, func(context.Context) error) error {
				return &store.Error{Op: "update", Key: "k", Condition: store.ErrLost}
			}, teststore.Update)
			for i := 0; i < len(others); i += 2 {
				time.Sleep(longest / 9)
				_ = others[i].Update(t.Context(), []byte("v")) // lost
			}
			for i := 1; i < len(others); i += 2 {
				if !others[i].Valid() {
					t.Fatal(others[i].Err())
				}
			}
			_ = k.Close(t.Context())
		}
	})
}

func TestLossSaysWhy(t *testing.T) {
	lost := func(cause error) error { return &lease.LostError{Key: "a b", Token: 7, Cause: cause} }
	for _, c := range []struct {
		err  error
		want string
	}{
		{lost(lease.ErrExpired), `lease on "a b" (token 7) lost: trust window ended before a renew was confirmed`},
		{
			lost(&store.Error{Op: "renew", Key: "a b", Condition: store.ErrLost}),
			`lease on "a b" (token 7) lost: renew "a b": lost`,
		},
		{
			lost(&store.ForeignError{Record: store.Record{Key: "a b", Left: time.Minute}}),
			`lease on "a b" (token 7) lost: "a b" holds a value that another program put there (1m0s left)`,
		},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
		if !errors.Is(c.err, store.ErrLost) {
			t.Errorf("%v is not a loss", c.err)
		}
	}
}

func TestLossByExpiryNamesTheLastTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		held := acquire(t, keep(t, p), "k")
		p.Inject(teststore.Refuse, teststore.Renew)
		<-held.Done()
		want := `lease on "k" (token 1) lost: trust window ended before a renew was confirmed; the last renew said: renew "k": store unavailable`
		if got := held.Err().Error(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

// A holder that is not healthy keeps its lease for its trust window, and leaves its record to its
// TTL. Writes and other leases go on meanwhile.
func TestUnhealthyHolderIsNotRenewed(t *testing.T) {
	for name, opts := range map[string][]lease.Option{
		"bare heartbeats":       nil,
		"heartbeats with value": {lease.WithHeartbeatValue(func(time.Time) ([]byte, error) { return []byte("beat"), nil }, nil)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := teststore.New()
				k := keep(t, p)
				start := time.Now()
				sick, err := k.Acquire(t.Context(), "sick", []byte("value"), opts...)
				if err != nil {
					t.Fatal(err)
				}
				other := acquire(t, k, "other")
				sick.SetHealth(errors.New("queue stuck"))
				time.AfterFunc(window/2, func() {
					if err := sick.Update(t.Context(), []byte("sick")); err != nil {
						t.Error(err)
					}
				})
				if got := ended(sick, start); got != window {
					t.Errorf("done after %v, want %v", got, window)
				}
				want := `lease on "sick" (token ` + fmt.Sprint(sick.Token()) + `) lost: its holder is not healthy, so it was not renewed: queue stuck`
				if err := sick.Err(); !errors.Is(err, lease.ErrUnhealthy) || !errors.Is(err, store.ErrLost) || err.Error() != want {
					t.Errorf("got  %v\nwant %s", err, want)
				}
				if r, err := p.Get(t.Context(), "sick"); err != nil || string(r.Value) != "sick" {
					t.Errorf("the record is %+v, %v", r, err)
				}
				time.Sleep(ttl)
				if _, err := p.Get(t.Context(), "sick"); !errors.Is(err, store.ErrNotFound) || !other.Valid() {
					t.Errorf("after the ttl: %v; the other lease: %v", err, other.Err())
				}
				sick.SetHealth(nil) // too late
				if sick.Valid() {
					t.Error("valid again")
				}
			})
		})
	}
}

// One that recovers in time is renewed at once.
func TestHolderThatRecoversIsRenewedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		held := acquire(t, keep(t, p), "k")
		for range 5 {
			held.SetHealth(errors.New("queue stuck"))
			time.Sleep(window - time.Second)
			held.SetHealth(nil)
			synctest.Wait()
			if r, err := p.Get(t.Context(), "k"); err != nil || r.Left != ttl {
				t.Errorf("%+v, %v", r, err)
			}
		}
		time.Sleep(10 * ttl)
		if !held.Valid() {
			t.Error(held.Err())
		}
	})
}

// A holder that recovers between two heartbeats has missed none: its health costs the store nothing,
// however often it changes.
func TestHealthThatChangesOftenCostsNoRenewals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		held := acquire(t, keep(t, p), "k")
		const periods = 20
		for range periods * 100 {
			held.SetHealth(errors.New("queue stuck"))
			time.Sleep(heartbeat / 200)
			held.SetHealth(nil)
			time.Sleep(heartbeat / 200)
		}
		if n := len(p.Sent(teststore.Renew)); n > 3*periods {
			t.Errorf("%d renewals in %d heartbeats", n, periods)
		}
		if !held.Valid() {
			t.Error(held.Err())
		}
	})
}
