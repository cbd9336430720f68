package lease_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

func TestReleaseHandsTheKeyOverWithoutAnotherCreate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.Successor{Store: teststore.New()}
		first := acquire(t, keep(t, p), "k")
		done := waiter(t.Context(), keep(t, p), "k")
		time.Sleep(time.Hour)
		synctest.Wait()
		creates := len(p.Sent(teststore.Create))
		_ = first.Release(t.Context())
		got := <-done
		if got.err != nil || got.after != time.Hour || got.held.Token() <= first.Token() || value(t, p, "k") != "second" {
			t.Fatalf("%+v, %q", got, value(t, p, "k"))
		}
		if n := len(p.Sent(teststore.Create)); n != creates {
			t.Errorf("%d creates after the release", n-creates)
		}
		time.Sleep(time.Hour)
		if !got.held.Valid() {
			t.Error(got.held.Err())
		}
		_ = got.held.Release(t.Context())
		if got := value(t, p, "k"); got != "" {
			t.Errorf("%q after the last release", got)
		}
	})
}

// A lease that was handed over is trusted from when the waiter last said that it waits.
func TestHandedOverLeaseIsNotTrustedForTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.Successor{Store: teststore.New()}
		first := acquire(t, keep(t, p), "k")
		done := waiter(t.Context(), keep(t, p), "k")
		synctest.Wait()
		p.Inject(teststore.Silence, teststore.Create, teststore.Renew)
		start := time.Now()
		time.Sleep(heartbeat)
		_ = first.Release(t.Context())
		got := <-done
		if got.err != nil {
			t.Fatal(got.err)
		}
		if lasted := ended(got.held, start); lasted != window {
			t.Errorf("trusted for %v after the waiter had said that it waits, want %v", lasted, window)
		}
		time.Sleep(ttl - window)
		if got := value(t, p, "k"); got != "" {
			t.Errorf("%q a TTL after that", got)
		}
	})
}

func TestHandoverThatIsNotToldOfIsFoundWithinAHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.Successor{Store: teststore.New()}
		p.Inject(teststore.Drop, teststore.Handover)
		first := acquire(t, keep(t, p), "k")
		done := waiter(t.Context(), keep(t, p), "k")
		time.Sleep(time.Minute)
		_ = first.Release(t.Context())
		if got := <-done; got.err != nil || got.after > time.Minute+heartbeat {
			t.Errorf("%v after %v", got.err, got.after)
		}
	})
}

// The waiter that is next dies: its lease begins, and ends as that of a dead holder does.
func TestDeadNextWaiterHoldsUpOthersForATTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.Successor{Store: teststore.New()}
		first := acquire(t, keep(t, p.Store.Store), "k")
		dead := waiter(t.Context(), keep(t, p), "k")
		synctest.Wait()
		other := waiter(t.Context(), keep(t, p.Store.Store), "k")
		time.Sleep(time.Minute)
		synctest.Wait()
		beats := p.Sent(teststore.Create)
		last := beats[len(beats)-1].At
		p.Inject(teststore.Silence, teststore.Create, teststore.Renew, teststore.Delete)
		p.Inject(teststore.Drop, teststore.Handover)
		_ = first.Release(t.Context())
		got := <-other
		if got.err != nil || got.after > last+ttl {
			t.Errorf("%v after %v, want within a TTL of %v", got.err, got.after, last)
		}
		select {
		case got := <-dead:
			t.Errorf("the dead waiter: %+v", got)
		default:
		}
	})
}

func TestWaiterThatLeavesTakesItsClaimBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.Successor{Store: teststore.New()}
		first := acquire(t, keep(t, p), "k")
		ctx, cancel := context.WithCancel(t.Context())
		k := keep(t, p)
		done, next := waiter(ctx, k, "k"), waiter(t.Context(), k, "k")
		far := waiter(t.Context(), keep(t, p), "k")
		time.Sleep(time.Minute)
		cancel()
		if got := <-done; !errors.Is(got.err, context.Canceled) {
			t.Fatalf("%+v", got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		creates := len(p.Sent(teststore.Create))
		_ = first.Release(t.Context())
		synctest.Wait()
		if n := len(p.Sent(teststore.Create)); n > creates+1 { // that of the waiter who is next then
			t.Errorf("%d creates at the handover to the next", n-creates)
		}
		for range 2 {
			select {
			case got := <-next:
				_ = got.held.Release(t.Context())
			case got := <-far:
				_ = got.held.Release(t.Context())
			}
		}
		if got := value(t, p, "k"); got != "" {
			t.Errorf("%q after the last release", got)
		}
	})
}

// The claim of a waiter that leaves cannot be taken back: its nonce is deleted for good.
func TestClaimThatCannotBeTakenBackIsSettled(t *testing.T) {
	for name, fault := range map[string]teststore.Fault{"refused": teststore.Once(teststore.Refuse), "in doubt": teststore.Once(teststore.Drop)} {
		synctest.Test(t, func(t *testing.T) {
			p := teststore.Successor{Store: teststore.New()}
			first := acquire(t, keep(t, p.Store.Store), "k")
			ctx, cancel := context.WithCancel(t.Context())
			done := waiter(ctx, keep(t, p), "k")
			time.Sleep(time.Minute)
			p.Inject(fault, teststore.Delete)
			cancel()
			<-done
			time.Sleep(heartbeat)
			_ = first.Release(t.Context())
			if got := value(t, p, "k"); got != "" {
				t.Errorf("%s: %q after the release, though nobody waits", name, got)
			}
		})
	}
}

func TestClosedKeeperTakesItsClaimsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.Successor{Store: teststore.New()}
		first := acquire(t, keep(t, p), "k")
		k := keep(t, p)
		done := waiter(t.Context(), k, "k")
		time.Sleep(time.Minute)
		if err := k.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if got := <-done; !errors.Is(got.err, lease.ErrClosed) {
			t.Errorf("%+v", got)
		}
		_ = first.Release(t.Context())
		if got := value(t, p, "k"); got != "" {
			t.Errorf("%q after the release, though nobody waits", got)
		}
	})
}

// A value that is to be made when the lease begins cannot be handed over.
func TestValueFuncIsNotHandedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.Successor{Store: teststore.New()}
		first := acquire(t, keep(t, p), "k")
		done := waiter(t.Context(), keep(t, p), "k", lease.WithValueFunc(func() ([]byte, error) {
			return []byte(time.Now().Format(time.TimeOnly)), nil
		}))
		time.Sleep(time.Hour)
		now := time.Now()
		_ = first.Release(t.Context())
		if got := <-done; got.err != nil || value(t, p, "k") != now.Format(time.TimeOnly) {
			t.Errorf("%+v, value %q at %v", got, value(t, p, "k"), now)
		}
	})
}

// An observed store hands keys over as the store itself does.
func TestObservedStoreHandsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.Successor{Store: teststore.New()}
		verbs := make(chan string, 1000)
		st := store.Observe(p, func(_ context.Context, c store.Call) { verbs <- c.Verb })
		first := acquire(t, keep(t, p), "k")
		ctx, cancel := context.WithCancel(t.Context())
		done := waiter(ctx, keep(t, st), "k")
		time.Sleep(time.Second)
		cancel()
		<-done
		done = waiter(t.Context(), keep(t, st), "k")
		time.Sleep(time.Second)
		_ = first.Release(t.Context())
		if got := <-done; got.err != nil || got.after != time.Second {
			t.Errorf("%+v", got)
		}
		seen := make(map[string]int)
		for len(verbs) > 0 {
			seen[<-verbs]++
		}
		if seen["create next"] == 0 || seen["withdraw"] != 1 || seen["create"] != 0 {
			t.Errorf("%v", seen)
		}
	})
}

// A lease that was handed over to a waiter and has ended before the waiter could hear of it is none
// that the waiter has asked for and got.
func TestWaiterThatMissesItsHandoverWaitsOn(t *testing.T) {
	for name, end := range map[string]func(*testing.T, store.Store){
		"expired": func(*testing.T, store.Store) { time.Sleep(2 * ttl) },
		"deleted": func(t *testing.T, st store.Store) {
			r, err := st.Get(t.Context(), "k")
			if err != nil || st.Delete(t.Context(), "k", store.ByToken(r.Token)) != nil {
				t.Fatal("no lease was handed over")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := teststore.Successor{Store: teststore.New()}
				shared := p.Store.Store
				first := acquire(t, keep(t, shared), "k")
				done := waiter(t.Context(), keep(t, p), "k")
				synctest.Wait()
				p.Inject(teststore.Refuse, teststore.Create)
				p.Inject(teststore.Drop, teststore.Handover)
				_ = first.Release(t.Context())
				end(t, shared)
				p.Inject(nil, teststore.Create, teststore.Handover)
				if got := <-done; got.err != nil || !got.held.Valid() || got.held.Token() <= first.Token()+1 {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}

// A waiter that cannot be next does not have to wait for those that came after it.
func TestWaiterWithAValueFunctionIsNotOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keep(t, memstore.New())
		held := acquire(t, k, "k")
		value := lease.WithValueFunc(func() ([]byte, error) { return []byte("v"), nil })
		var waiting []<-chan outcome
		for _, opts := range [][]lease.Option{{value}, {value}, {}, {value}, {}, {}} {
			waiting = append(waiting, waiter(t.Context(), k, "k", opts...))
			synctest.Wait()
		}
		for i, done := range waiting {
			time.Sleep(time.Second)
			_ = held.Release(t.Context())
			synctest.Wait()
			if len(done) == 0 {
				t.Fatalf("waiter %d has been overtaken", i)
			}
			held = (<-done).held
		}
	})
}

// A store that hangs keeps a keeper neither open nor busy with what it has taken for a callback.
func TestCloseGivesUpAWithdrawal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.Successor{Store: teststore.New()}
		_ = acquire(t, keep(t, p.Store.Store), "k")
		k := keep(t, p)
		done := waiter(t.Context(), k, "k")
		synctest.Wait()
		p.Inject(teststore.Silence, teststore.Delete)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		start, result := time.Now(), new(lease.CloseError)
		if err := k.Close(ctx); !errors.As(err, &result) || result.Callbacks > 0 || result.Unsettled != 1 {
			t.Errorf("close: %+v, want a claim that is not withdrawn", err)
		}
		if took := time.Since(start); took > time.Second/2 {
			t.Errorf("close took %v", took)
		}
		<-done
	})
}

// A waiter that asks a policy first, and so tries before it waits, does not keep the one before it from
// saying that it still waits.
func TestWaiterThatComesLaterDoesNotEndAClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		acquire(t, keep(t, st), "k")
		time.Sleep(heartbeat - time.Second)
		k := keep(t, st)
		first := waiter(t.Context(), k, "k")
		time.Sleep(time.Second)
		synctest.Wait() // the record has just been renewed
		later := waiter(t.Context(), k, "k", lease.WithReclaim(func(store.Record) bool { return false }))
		for range 100 {
			time.Sleep(heartbeat / 10)
			other := store.Claim{Key: "k", Value: []byte("other"), TTL: time.Second, Nonce: store.NewNonce()}
			if _, next, err := st.CreateNext(t.Context(), other, func(store.Grant) {}); next {
				t.Fatalf("the claim of the waiter is not next any more: %v", err)
			}
		}
		_ = k.Close(t.Context())
		<-first
		<-later
	})
}

func TestWaiterWhoseLastTryFindsItsHandoverOverWaitsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.Successor{Store: teststore.New()}
		shared := p.Store.Store
		first := acquire(t, keep(t, shared), "k")
		k := keep(t, p)
		done := waiter(t.Context(), k, "k")
		time.Sleep(heartbeat / 2)
		synctest.Wait()
		p.Inject(teststore.DropReply, teststore.Create)
		p.Inject(teststore.Drop, teststore.Handover)
		before := len(p.Sent(teststore.Create))
		for len(p.Sent(teststore.Create)) < before+2 {
			time.Sleep(time.Millisecond)
			synctest.Wait()
		}
		_ = first.Release(t.Context())
		r, err := shared.Get(t.Context(), "k")
		if err != nil {
			t.Fatal(err)
		}
		if err := shared.Delete(t.Context(), "k", store.ByToken(r.Token)); err != nil {
			t.Fatal(err)
		}
		p.Inject(nil, teststore.Create, teststore.Handover)
		if got := <-done; got.err != nil || !got.held.Valid() {
			t.Errorf("%+v: %v", got, got.err)
		}
	})
}

// Of two waiters that find no queue, the one whose claim is next gets its answer last. It has the key by
// then, and queues behind the other without having heard of it.
func TestWaiterThatWasHandedTheKeyBeforeItQueuedFindsThat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.Successor{Store: teststore.New()}
		first := acquire(t, keep(t, p.Store.Store), "k")
		k := keep(t, p)
		p.Inject(teststore.Drop, teststore.Handover) // as nothing watches the key yet
		p.Inject(func(ctx context.Context, send func(context.Context) error) error {
			err := send(ctx)
			time.Sleep(time.Second)
			return err
		}, teststore.Create)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		done := waiter(ctx, k, "k")
		synctest.Wait()
		p.Inject(nil, teststore.Create)
		_ = first.Release(t.Context())
		other := waiter(t.Context(), k, "k")
		got := <-done
		if got.err != nil || got.after > time.Second+heartbeat {
			t.Fatalf("%v after %v", got.err, got.after)
		}
		_ = got.held.Release(t.Context())
		if got := <-other; got.err != nil || got.after > time.Second+2*heartbeat {
			t.Fatalf("the other: %v after %v", got.err, got.after)
		}
	})
}
