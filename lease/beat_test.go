package lease_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

func TestBeatCarriesAValueInTheSameRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProxy()
		var committed []time.Time
		acquire(t, keep(t, p), "k", lease.WithBeat(func(at time.Time) lease.Write {
			return text(at.Format(time.RFC3339Nano), func() { committed = append(committed, at) })
		}))
		time.Sleep(3 * heartbeat)
		synctest.Wait()
		sent := p.sent(renew)
		if len(sent) < 3 || len(committed) != len(sent) || len(p.sent(update)) != 0 {
			t.Fatalf("%d renewals, %d committed, %d updates", len(sent), len(committed), len(p.sent(update)))
		}
		for i, r := range sent {
			if got, want := committed[i].Sub(p.start), r.at; got != want {
				t.Errorf("beat %d made for %v, sent at %v", i, got, want)
			}
		}
		if got, want := value(t, p.Store, "k"), committed[len(committed)-1].Format(time.RFC3339Nano); got != want {
			t.Errorf("holds %q, want %q", got, want)
		}
	})
}

func TestBeatWithoutAUsableValueRenewsAllTheSame(t *testing.T) {
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
				p := newProxy()
				var beats []lease.Beat
				k := keep(t, p, func(c *lease.Config) { c.OnBeat = func(b lease.Beat) { beats = append(beats, b) } })
				held := acquire(t, k, "k", lease.WithBeat(func(time.Time) lease.Write {
					return lease.Write{
						Encode: func() ([]byte, error) { return c.value, c.err },
						Commit: func() {
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

func TestBeatWithoutAValueCommitsNothingWhileItSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProxy()
		held := acquire(t, keep(t, p), "k", lease.WithBeat(func(time.Time) lease.Write {
			return lease.Write{
				Encode: func() ([]byte, error) { return nil, nil },
				Commit: func() { t.Error("committed a value that was never made") },
			}
		}))
		p.suffer(once(dropReply), update)
		_ = held.Update(t.Context(), []byte("second"))
		time.Sleep(heartbeat)
		synctest.Wait()
		if got := value(t, p.Store, "k"); got != "first" {
			t.Errorf("holds %q", got)
		}
	})
}

func TestBeatInDoubtIsSettledLikeAnyWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProxy()
		beats := 0
		held := acquire(t, keep(t, p), "k", lease.WithBeat(func(time.Time) lease.Write {
			if beats++; beats > 1 {
				return lease.Write{Encode: func() ([]byte, error) { return nil, nil }}
			}
			return text("beat", func() { t.Error("committed") })
		}))
		p.suffer(once(dropReply), renew)
		time.Sleep(heartbeat + heartbeat/2)
		synctest.Wait()
		if got := value(t, p.Store, "k"); got != "first" || !held.Valid() {
			t.Errorf("holds %q", got)
		}
	})
}

func TestBeatValueSettlesAWriteInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProxy()
		held := acquire(t, keep(t, p), "k", lease.WithBeat(func(time.Time) lease.Write { return text("beat", nil) }))
		p.suffer(once(dropReply), update)
		_ = held.Update(t.Context(), []byte("second"))
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if got := value(t, p.Store, "k"); got != "beat" {
			t.Errorf("holds %q", got)
		}
		_ = held.Update(t.Context(), []byte("third"))
		if got := values(p.sent(update)); len(got) != 2 {
			t.Errorf("sent %q: the settled one again", got)
		}
	})
}

func TestRefusedBeatValueIsNotTheHoldersValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProxy()
		held := acquire(t, keep(t, p), "k", lease.WithBeat(func(time.Time) lease.Write {
			return text("beat", func() { t.Error("committed") })
		}))
		p.suffer(refuse, renew)
		time.Sleep(heartbeat)
		synctest.Wait()
		p.suffer(func(ctx context.Context, call func(context.Context) error) error { return refuse(ctx, call) }, update)
		if err := held.Update(t.Context(), []byte("second")); !errors.Is(err, store.ErrUnavailable) {
			t.Error(err)
		}
		if got := values(p.sent(update)); len(got) != 1 || got[0] != "second" {
			t.Errorf("sent %q: a refused beat is not in doubt", got)
		}
	})
}

func TestBareBeatHoldsUpNoWriteAndKeepsTheValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProxy()
		held := acquire(t, keep(t, p), "k")
		p.suffer(answerLate(time.Second), renew)
		time.Sleep(heartbeat) // within the second
		synctest.Wait()
		start := time.Now()
		if err := held.Update(t.Context(), []byte("second")); err != nil || time.Since(start) != 0 {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		time.Sleep(2 * heartbeat)
		p.suffer(nil, renew)
		p.suffer(once(dropReply), update)
		_ = held.Update(t.Context(), []byte("third"))
		time.Sleep(heartbeat)
		synctest.Wait()
		if got := value(t, p.Store, "k"); got != "second" {
			t.Errorf("restated as %q", got)
		}
	})
}

// More terms than one batch takes, all released while the first is under way.
func TestBeatOfATermThatEndedIsNotMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const terms = 1200
		released := false
		p := newProxy()
		k := keep(t, p)
		var all []lease.Lease
		for i := range terms {
			all = append(all, acquire(t, k, fmt.Sprint(i), lease.WithBeat(func(time.Time) lease.Write {
				if released {
					t.Error("made for a released term")
				}
				return text("beat", nil)
			})))
		}
		p.suffer(answerLate(time.Second), renew)
		time.Sleep(heartbeat)
		synctest.Wait()
		for _, held := range all {
			_ = held.Release(t.Context())
		}
		released = true
		time.Sleep(time.Minute)
	})
}
