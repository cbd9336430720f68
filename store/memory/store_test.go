package memstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

func TestCreateSucceedsOnAFreeKeyOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		start := time.Now()
		grant, err := st.Create(t.Context(), claim("k"))
		if err != nil || grant.Token == 0 || !grant.Until.Equal(start.Add(ttl)) {
			t.Fatalf("%+v, %v", grant, err)
		}
		time.Sleep(time.Second)
		var held *store.HeldError
		if _, err := st.Create(t.Context(), claim("k")); !errors.As(err, &held) {
			t.Fatal(err)
		}
		if r := held.Record; r.Key != "k" || string(r.Value) != "first" || r.Token != grant.Token || r.Left != ttl-time.Second {
			t.Errorf("%+v", r)
		}
		holds(t, st, "k", "first", ttl-time.Second)
		create(t, st, claim("another"))
	})
}

func TestOneOfManyConcurrentCreatesSucceeds(t *testing.T) {
	st := memstore.New()
	for i := range 100 {
		var wins atomic.Int32
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				_, err := st.Create(t.Context(), claim(fmt.Sprint(i)))
				if err == nil {
					wins.Add(1)
				} else if !errors.Is(err, store.ErrHeld) {
					t.Error(err)
				}
			})
		}
		if wg.Wait(); wins.Load() != 1 {
			t.Fatalf("%d of 8 creates succeeded", wins.Load())
		}
	}
}

func TestRecordIsGoneAtItsTTLToTheNanosecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		token := create(t, st, claim("k"))
		time.Sleep(ttl - 1)
		holds(t, st, "k", "first", 1)
		if _, err := st.Create(t.Context(), claim("k")); !errors.Is(err, store.ErrHeld) {
			t.Error(err)
		}
		time.Sleep(time.Nanosecond)
		if _, err := st.Get(t.Context(), "k"); !errors.Is(err, store.ErrNotFound) {
			t.Error(err)
		}
		for r := range st.List(t.Context(), "") {
			t.Errorf("listed %+v", r)
		}
		if _, err := renew(st, "k", token, 0, ""); !errors.Is(err, store.ErrLost) {
			t.Error(err)
		}
		create(t, st, claim("k"))
	})
}

func TestTokensGrowAcrossExpiryAndDelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		var last store.Token
		for i := range 20 {
			token := create(t, st, claim("k"))
			if token <= last {
				t.Fatalf("%d after %d", token, last)
			}
			if last = token; i%2 == 0 {
				time.Sleep(ttl)
			} else if err := st.Delete(t.Context(), "k", store.ByToken(token)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestRepeatedCreateReturnsTheFirstAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		c := claim("k")
		token := create(t, st, c)
		if err := update(st, "k", token, 1, "second"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(ttl / 2)
		c.Value = []byte("ignored")
		again, err := st.Create(t.Context(), c)
		if err != nil || again.Token != token || !again.Until.Equal(time.Now().Add(ttl)) {
			t.Errorf("%+v, %v", again, err)
		}
		holds(t, st, "k", "second", ttl)
	})
}

func TestRepeatedCreateOfAnEndedLeaseCreatesNothing(t *testing.T) {
	for name, end := range map[string]func(*memstore.Store, store.Claim, store.Token) error{
		"expired": func(*memstore.Store, store.Claim, store.Token) error { time.Sleep(ttl); return nil },
		"deleted by token": func(st *memstore.Store, c store.Claim, token store.Token) error {
			return st.Delete(context.Background(), "k", store.ByToken(token))
		},
		"deleted by nonce": func(st *memstore.Store, c store.Claim, _ store.Token) error {
			return st.Delete(context.Background(), "k", store.ByNonce(c.Nonce))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := memstore.New()
				c := claim("k")
				if err := end(st, c, create(t, st, c)); err != nil {
					t.Fatal(err)
				}
				if _, err := st.Create(t.Context(), c); !errors.Is(err, store.ErrEnded) {
					t.Errorf("%v", err)
				}
				create(t, st, claim("k"))
				if _, err := st.Create(t.Context(), c); !errors.Is(err, store.ErrHeld) {
					t.Errorf("over a successor: %v", err)
				}
			})
		})
	}
}

func TestDeleteByNonceSettlesALaterCreate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		late := claim("k")
		if err := st.Delete(t.Context(), "k", store.ByNonce(late.Nonce)); err != nil {
			t.Fatal(err)
		}
		if _, err := st.Create(t.Context(), late); !errors.Is(err, store.ErrEnded) {
			t.Errorf("%v", err)
		}
		create(t, st, claim("k"))
	})
}

func TestRenewRestartsTheTTLOfTheCreate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		token := create(t, st, claim("k"))
		time.Sleep(ttl / 2)
		until, err := renew(st, "k", token, 0, "")
		if err != nil || !until.Equal(time.Now().Add(ttl)) {
			t.Errorf("%v, %v", until, err)
		}
		holds(t, st, "k", "first", ttl)
		time.Sleep(time.Second)
		if _, err := renew(st, "k", token, 1, "second"); err != nil {
			t.Error(err)
		}
		holds(t, st, "k", "second", ttl)
	})
}

func TestUpdateDoesNotMoveTheExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		token := create(t, st, claim("k"))
		time.Sleep(ttl / 2)
		if err := update(st, "k", token, 1, "second"); err != nil {
			t.Error(err)
		}
		holds(t, st, "k", "second", ttl/2)
	})
}

func TestWritesOfAnotherLeaseChangeNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		stale := create(t, st, claim("k"))
		_ = st.Delete(t.Context(), "k", store.ByToken(stale))
		token := create(t, st, claim("k"))
		time.Sleep(time.Second)
		for _, other := range []store.Token{stale, token + 1} {
			for _, v := range []string{"", "stale"} {
				if until, err := renew(st, "k", other, 9, v); !errors.Is(err, store.ErrLost) || !until.IsZero() {
					t.Errorf("renew: %v, %v", until, err)
				}
			}
			if err := update(st, "k", other, 9, "stale"); !errors.Is(err, store.ErrLost) {
				t.Errorf("update: %v", err)
			}
			if err := st.Delete(t.Context(), "k", store.ByToken(other)); err != nil {
				t.Errorf("delete: %v", err)
			}
		}
		if err := st.Delete(t.Context(), "k", store.ByNonce(store.NewNonce())); err != nil {
			t.Errorf("delete by nonce: %v", err)
		}
		holds(t, st, "k", "first", ttl-time.Second)
		if err := update(st, "k", token, 1, "second"); err != nil {
			t.Errorf("the sequence of a refused write counted: %v", err)
		}
	})
}

func TestWriteAfterExpiryCreatesNoRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		token := create(t, st, claim("k"))
		time.Sleep(ttl)
		if err := update(st, "k", token, 1, "ghost"); !errors.Is(err, store.ErrLost) {
			t.Error(err)
		}
		if _, err := renew(st, "k", token, 2, "ghost"); !errors.Is(err, store.ErrLost) {
			t.Error(err)
		}
		if _, err := st.Get(t.Context(), "k"); !errors.Is(err, store.ErrNotFound) {
			t.Error(err)
		}
	})
}

func TestOlderWriteIsStaleAndRepeatedWriteIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		token := create(t, st, claim("k"))
		_ = update(st, "k", token, 1, "one")
		_ = update(st, "k", token, 3, "three")
		time.Sleep(time.Second)
		if err := update(st, "k", token, 2, "two"); !errors.Is(err, store.ErrStale) {
			t.Error(err)
		}
		if _, err := renew(st, "k", token, 2, "two"); !errors.Is(err, store.ErrStale) {
			t.Error(err)
		}
		holds(t, st, "k", "three", ttl-time.Second) // not renewed either
		if err := update(st, "k", token, 3, "three"); err != nil {
			t.Error(err)
		}
		if _, err := renew(st, "k", token, 0, ""); err != nil {
			t.Errorf("a renew without a value has no sequence: %v", err)
		}
		if _, err := renew(st, "k", token, 4, "four"); err != nil {
			t.Error(err)
		}
		if err := update(st, "k", token, 3, "three"); !errors.Is(err, store.ErrStale) {
			t.Errorf("after a renew with a value: %v", err)
		}
		holds(t, st, "k", "four", ttl)
	})
}

func TestFailedItemDoesNotFailOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		a, b := create(t, st, claim("a")), create(t, st, claim("b"))
		time.Sleep(time.Second)
		answers := st.Renew(t.Context(), []store.Renewal{
			{Key: "a", Token: a},
			{Key: ""},
			{Key: "gone", Token: 99},
			{Key: "b", Token: b, Seq: 1, Value: []byte("v")},
		})
		for i, want := range []error{nil, store.ErrInvalid, store.ErrLost, nil} {
			if got := answers[i]; !errors.Is(got.Err, want) || got.Until.IsZero() != (want != nil) {
				t.Errorf("item %d: %+v, want %v", i, got, want)
			}
		}
		holds(t, st, "a", "first", ttl)
		holds(t, st, "b", "v", ttl)
		if got := st.Renew(t.Context(), nil); len(got) != 0 {
			t.Errorf("%d results of an empty batch", len(got))
		}
	})
}

func TestListYieldsTheLiveRecordsUnderALiteralPrefix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		for _, key := range []string{"a", "a*", "a*b", "ab", "b", "é"} {
			create(t, st, claim(key))
		}
		time.Sleep(time.Second)
		for prefix, want := range map[string]int{"": 6, "a": 4, "a*": 2, "ab": 1, "c": 0, "é": 1} {
			n := 0
			for r, err := range st.List(t.Context(), prefix) {
				if err != nil || r.Left != ttl-time.Second || string(r.Value) != "first" || r.Token == 0 {
					t.Errorf("%+v, %v", r, err)
				}
				n++
			}
			if n != want {
				t.Errorf("%d records under %q, want %d", n, prefix, want)
			}
		}
		for range st.List(t.Context(), "") {
			break
		}
	})
}

func TestInvalidArgumentIsNamed(t *testing.T) {
	st := memstore.New()
	ctx := t.Context()
	calls := map[string]error{}
	_, calls["create"] = st.Create(ctx, store.Claim{Key: "k"})
	_, calls["renew"] = renew(st, "", 1, 0, "")
	calls["update"] = update(st, "k", 1, 1, "")
	calls["delete's key"] = st.Delete(ctx, "", store.ByToken(1))
	calls["delete's reference"] = st.Delete(ctx, "k", store.LeaseRef{})
	_, calls["get"] = st.Get(ctx, "leasehold:x")
	for _, err := range st.List(ctx, "\xff") {
		calls["list"] = err
	}
	for _, err := range st.Watch(ctx, "\xff") {
		calls["watch"] = err
	}
	for name, err := range calls {
		if invalid := new(store.InvalidError); !errors.As(err, &invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(calls) != 8 {
		t.Errorf("%d answers", len(calls))
	}
}

// callEachVerb calls each verb and returns the errors by name.
func callEachVerb(ctx context.Context, st *memstore.Store) map[string]error {
	errs := map[string]error{}
	_, errs["create"] = st.Create(ctx, claim("new"))
	errs["renew"] = st.Renew(ctx, []store.Renewal{{Key: "k", Token: 1}})[0].Err
	errs["update"] = st.Update(ctx, store.Update{Key: "k", Token: 1, Seq: 1, Value: []byte("v")})
	errs["delete"] = st.Delete(ctx, "k", store.ByToken(1))
	_, errs["get"] = st.Get(ctx, "k")
	for _, err := range st.List(ctx, "") {
		errs["list"] = err
	}
	for _, err := range st.Watch(ctx, "") {
		errs["watch"] = err
	}
	return errs
}

func TestCancelledCallDoesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		create(t, st, claim("k"))
		reason := errors.New("cancelled by the test")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(reason)
		errs := callEachVerb(ctx, st)
		if errs["watch"] != reason {
			t.Errorf("watch: %v", errs["watch"])
		}
		delete(errs, "watch")
		for name, err := range errs {
			if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, reason) || errors.Is(err, store.ErrInDoubt) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if len(errs) != 6 {
			t.Errorf("%d answers", len(errs))
		}
		holds(t, st, "k", "first", ttl)
		if _, err := st.Get(t.Context(), "new"); !errors.Is(err, store.ErrNotFound) {
			t.Error(err)
		}
	})
}

func TestClosedStoreReturnsErrClosed(t *testing.T) {
	st := memstore.New()
	create(t, st, claim("k"))
	for range 2 {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}
	errs := callEachVerb(t.Context(), st)
	for name, err := range errs {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(errs) != 7 {
		t.Errorf("%d answers", len(errs))
	}
}

func TestCloseEndsWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		var last error
		done := make(chan struct{})
		go func() {
			defer close(done)
			for _, err := range st.Watch(context.Background(), "") {
				last = err
			}
		}()
		synctest.Wait()
		st.Close()
		if <-done; !errors.Is(last, store.ErrClosed) {
			t.Error(last)
		}
	})
}

func TestValuesAreCopies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		c := claim("k")
		token := create(t, st, c)
		clear(c.Value)
		holds(t, st, "k", "first", ttl)

		w := store.Renewal{Key: "k", Token: token, Seq: 1, Value: []byte("second")}
		_ = st.Update(t.Context(), store.Update(w))
		clear(w.Value)
		holds(t, st, "k", "second", ttl)

		w.Value, w.Seq = []byte("third"), 2
		st.Renew(t.Context(), []store.Renewal{w})
		clear(w.Value)

		r, _ := st.Get(t.Context(), "k")
		clear(r.Value)
		for r := range st.List(t.Context(), "") {
			clear(r.Value)
		}
		var held *store.HeldError
		_, err := st.Create(t.Context(), claim("k"))
		errors.As(err, &held)
		clear(held.Record.Value)
		for e := range st.Watch(t.Context(), "") {
			clear(e.Record.Value)
			break
		}
		holds(t, st, "k", "third", ttl)
	})
}

func TestStoreIsSafeForConcurrentUse(t *testing.T) {
	st := memstore.New()
	ctx, cancel := context.WithCancel(t.Context())
	var readers, writers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for range st.Watch(ctx, "") {
			}
		})
	}
	for i := range 8 {
		writers.Go(func() {
			for n := range 200 {
				key := fmt.Sprint((i + n) % 5)
				grant, err := st.Create(ctx, claim(key))
				if err != nil {
					continue
				}
				_ = update(st, key, grant.Token, 1, "v")
				_, _ = renew(st, key, grant.Token, 2, "w")
				_, _ = st.Get(ctx, key)
				for range st.List(ctx, "") {
				}
				_ = st.Delete(ctx, key, store.ByToken(grant.Token))
			}
		})
	}
	writers.Wait()
	cancel()
	readers.Wait()
	for r := range st.List(t.Context(), "") {
		t.Errorf("%+v is left", r)
	}
}
