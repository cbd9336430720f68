package lease_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// waiter acquires in the background and tells when and how that ended.
func waiter(ctx context.Context, k *lease.Keeper, key string, opts ...lease.Option) <-chan outcome {
	done, start := make(chan outcome, 1), time.Now()
	go func() {
		held, err := k.Acquire(ctx, key, []byte("second"), append(opts, lease.WithWait())...)
		done <- outcome{held, err, time.Since(start)}
	}()
	return done
}

type outcome struct {
	held  lease.Lease
	err   error
	after time.Duration
}

func TestWaiterTakesOverAtOnceAfterARelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		first := acquire(t, keep(t, st), "k")
		done := waiter(t.Context(), keep(t, st), "k")
		time.Sleep(time.Hour)
		_ = first.Release(t.Context())
		if got := <-done; got.err != nil || got.after != time.Hour || got.held.Token() <= first.Token() {
			t.Errorf("%+v", got)
		}
	})
}

func TestWaiterTakesOverAtTheTTLAfterADeath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		first := acquire(t, keep(t, p), "k")
		done := waiter(t.Context(), keep(t, p.Store), "k")
		time.Sleep(time.Minute)
		synctest.Wait()
		beats := p.Sent(teststore.Renew)
		p.Inject(teststore.Silence, teststore.Renew, teststore.Delete)
		got := <-done
		if want := beats[len(beats)-1].At + ttl; got.err != nil || got.after != want {
			t.Errorf("%v after %v, want after %v", got.err, got.after, want)
		}
		if first.Valid() {
			t.Error("two at once")
		}
	})
}

func TestWaiterWhoFindsTheKeyFreeNeedNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if got := <-waiter(t.Context(), keep(t, memstore.New()), "k"); got.err != nil || got.after != 0 {
			t.Errorf("%+v", got)
		}
	})
}

// The record goes between the create that fails and the watch that begins.
func TestWaiterMissesNoReleaseBeforeItWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		first := acquire(t, keep(t, p.Store), "k")
		p.Inject(teststore.Once(func(ctx context.Context, call func(context.Context) error) error {
			err := call(ctx)
			_ = first.Release(ctx)
			return err
		}), teststore.Create)
		if got := <-waiter(t.Context(), keep(t, p), "k"); got.err != nil || got.after != 0 {
			t.Errorf("%+v", got)
		}
	})
}

func TestEachReleaseHasOneWinnerAmongTheWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const waiters = 20
		st := memstore.New()
		var holders, wins atomic.Int32
		first := acquire(t, keep(t, st), "k")
		for range waiters {
			k := keep(t, st)
			go func() {
				held, err := k.Acquire(context.Background(), "k", []byte("v"), lease.WithWait())
				if err != nil {
					t.Error(err)
					return
				}
				if n := holders.Add(1); n != 1 {
					t.Errorf("%d holders", n)
				}
				time.Sleep(time.Minute)
				wins.Add(1)
				holders.Add(-1)
				_ = held.Release(context.Background())
			}()
		}
		time.Sleep(time.Minute)
		_ = first.Release(t.Context())
		time.Sleep(waiters * time.Minute)
		synctest.Wait()
		if n := wins.Load(); n != waiters {
			t.Errorf("%d of %d waiters held in turn, each for a minute", n, waiters)
		}
	})
}

func TestWaiterDoesNotPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		acquire(t, keep(t, p.Store), "k")
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		<-waiter(ctx, keep(t, p), "k")
		// What the record had left is between a ttl and one less a heartbeat.
		if n := len(p.Sent(teststore.Create)); n > int(time.Hour/(ttl-heartbeat))+1 {
			t.Errorf("%d creates in an hour of a ttl of %v", n, ttl)
		}
	})
}

func TestUpdatesOfTheHolderDoNotWakeAWaiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		first := acquire(t, keep(t, p.Store), "k")
		waiter(t.Context(), keep(t, p), "k")
		synctest.Wait()
		for range 100 {
			time.Sleep(time.Millisecond)
			if err := first.Update(t.Context(), []byte(time.Now().String())); err != nil {
				t.Fatal(err)
			}
		}
		other := acquire(t, keep(t, p.Store), "k2") // a neighbour of the same prefix
		_ = other.Release(t.Context())
		synctest.Wait()
		if n := len(p.Sent(teststore.Create)); n != 1 {
			t.Errorf("%d creates", n)
		}
	})
}

func TestWaiterThatGivesUpSaysWhyAndForWhom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		first := acquire(t, keep(t, st), "k")
		reason := errors.New("no patience")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Hour, reason)
		defer cancel()
		got := <-waiter(ctx, keep(t, st), "k")
		var wait *lease.WaitError
		if !errors.Is(got.err, reason) || !errors.Is(got.err, context.DeadlineExceeded) || got.after != time.Hour ||
			!errors.As(got.err, &wait) || wait.Held.Record.Token != first.Token() {
			t.Errorf("after %v: %v", got.after, got.err)
		}
		if errors.Is(got.err, store.ErrHeld) {
			t.Errorf("%v is a conflict", got.err)
		}
		if got.held != nil {
			t.Error("and a lease")
		}
	})
}

func TestStoreThatIsAwayDoesNotEndAWait(t *testing.T) {
	for name, f := range map[string]teststore.Fault{"refused": teststore.Refuse, "silent": teststore.Silence, "replies lost": teststore.LoseReply} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := teststore.New()
				first := acquire(t, keep(t, p.Store), "k")
				done := waiter(t.Context(), keep(t, p), "k")
				synctest.Wait()
				p.Inject(f, teststore.Create, teststore.Watch)
				time.Sleep(time.Hour)
				before := len(p.Sent(teststore.Create, teststore.Watch))
				_ = first.Release(t.Context())
				time.Sleep(time.Minute)
				if len(done) > 0 {
					t.Fatalf("%+v", <-done)
				}
				tries := len(p.Sent(teststore.Create, teststore.Watch)) - before
				if tries < 10 || tries > 240 {
					t.Errorf("%d tries in a minute", tries)
				}
				p.Inject(nil, teststore.Create, teststore.Watch)
				got := <-done
				// A create that took effect without a reply has to be settled first.
				if got.err != nil || got.after > time.Hour+time.Minute+ttl {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}

func TestForeignValueEndsAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		first := acquire(t, keep(t, p.Store), "k")
		done := waiter(t.Context(), keep(t, p), "k")
		synctest.Wait()
		foreign := &store.ForeignError{Record: store.Record{Key: "k", Left: store.Forever}}
		p.Inject(func(context.Context, func(context.Context) error) error { return foreign }, teststore.Create)
		_ = first.Release(t.Context())
		if got := <-done; got.err != foreign || got.held != nil {
			t.Errorf("%+v", got)
		}
	})
}

// A member of a store's servers that hangs can have the watch and not what is written.
func TestWaiterWhoCannotWatchTakesOverAllTheSame(t *testing.T) {
	for name, f := range map[string]teststore.Fault{"refused": teststore.Refuse, "no answer": teststore.Hang(time.Second)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := teststore.New()
				first := acquire(t, keep(t, p.Store), "k")
				p.Inject(f, teststore.Watch)
				done := waiter(t.Context(), keep(t, p), "k")
				time.Sleep(ttl)
				_ = first.Release(t.Context())
				start := time.Now()
				if got := <-done; got.err != nil || time.Since(start) > 2*heartbeat {
					t.Errorf("%+v, %v after the release", got, time.Since(start))
				}
			})
		})
	}
}

func TestStoreThatIsAwayAtFirstEndsAcquireEvenIfItWouldWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		p.Inject(teststore.Refuse, teststore.Create)
		if got := <-waiter(t.Context(), keep(t, p), "k"); !errors.Is(got.err, store.ErrUnavailable) || got.after != 0 {
			t.Errorf("%+v", got)
		}
	})
}

func TestClosedStoreEndsAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		acquire(t, keep(t, st), "k")
		done := waiter(t.Context(), keep(t, st), "k")
		synctest.Wait()
		st.Close()
		if got := <-done; !errors.Is(got.err, store.ErrClosed) || got.held != nil {
			t.Errorf("%+v", got)
		}
	})
}

func TestReclaimTakesTheKeyAwayAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		first := acquire(t, keep(t, st), "k")
		var asked []store.Record
		second := acquire(t, keep(t, st), "k", lease.WithReclaim(func(r store.Record) bool {
			asked = append(asked, r)
			return true
		}))
		if len(asked) != 1 || asked[0].Token != first.Token() || string(asked[0].Value) != "first" || second.Token() <= first.Token() {
			t.Errorf("asked of %+v, token %d", asked, second.Token())
		}
		if err := first.Update(t.Context(), []byte("late")); !errors.Is(err, store.ErrLost) {
			t.Errorf("the holder was told %v", err)
		}
	})
}

// Without a wait it is one attempt: whoever comes between the delete and the create
// has the key.
func TestReclaimIsTriedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		others := keep(t, p.Store)
		acquire(t, others, "k")
		p.Inject(func(ctx context.Context, call func(context.Context) error) error {
			err := call(ctx)
			acquire(t, others, "k")
			return err
		}, teststore.Delete)
		always := lease.WithReclaim(func(store.Record) bool { return true })
		_, err := keep(t, p).Acquire(t.Context(), "k", []byte("second"), always)
		if !errors.Is(err, store.ErrHeld) || len(p.Sent(teststore.Delete)) != 1 {
			t.Errorf("%v after %d deletes", err, len(p.Sent(teststore.Delete)))
		}
		p.Inject(nil, teststore.Delete)
	})
}

// What may not be taken at first may be later: the holder died meanwhile, say.
func TestReclaimIsAskedAgainEachTimeTheWaitComesRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		first := acquire(t, keep(t, st), "k") // lives, so that nothing but a reclaim ends the wait
		var asked atomic.Int64
		var dead atomic.Bool
		reclaim := lease.WithReclaim(func(store.Record) bool { asked.Add(1); return dead.Load() })
		done := waiter(t.Context(), keep(t, st), "k", reclaim)
		time.Sleep(time.Hour)
		if n, most := asked.Load(), int64(time.Hour/(ttl-heartbeat))+1; n < int64(time.Hour/ttl) || n > most {
			t.Errorf("asked %d times in an hour of a ttl of %v", n, ttl)
		}
		dead.Store(true)
		time.Sleep(ttl)
		synctest.Wait()
		if len(done) == 0 {
			t.Fatal("it waits on")
		}
		if got := <-done; got.err != nil || got.held.Token() <= first.Token() {
			t.Errorf("%+v", got)
		}
	})
}

func TestTroubleWithAReclaimDoesNotEndAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		acquire(t, keep(t, p.Store), "k")
		p.Inject(teststore.Sequence(teststore.Delay(0, 0), teststore.Refuse), teststore.Create) // the first finds the key held
		var dead atomic.Bool
		reclaim := lease.WithReclaim(func(store.Record) bool { return dead.Load() })
		done := waiter(t.Context(), keep(t, p), "k", reclaim)
		time.Sleep(time.Minute)
		p.Inject(nil, teststore.Create)
		p.Inject(teststore.Refuse, teststore.Delete)
		dead.Store(true)
		time.Sleep(time.Minute)
		if len(done) > 0 || len(p.Sent(teststore.Delete)) == 0 {
			t.Errorf("%d ended after %d deletes", len(done), len(p.Sent(teststore.Delete)))
		}
		p.Inject(nil, teststore.Delete)
		time.Sleep(ttl)
		synctest.Wait()
		if len(done) == 0 {
			t.Fatal("it waits on")
		}
		if got := <-done; got.err != nil {
			t.Errorf("%+v", got)
		}
	})
}
