package teststore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/store"
)

const (
	ttl     = time.Minute
	timeout = 5 * time.Second // of the context of each request
	never   = -1
)

var claim = store.Claim{Key: "k", Value: []byte("first"), TTL: ttl, Nonce: store.Nonce{1}}

// create returns a store with a record under "k".
func create(t *testing.T) (*teststore.Store, store.Token) {
	t.Helper()
	st := teststore.New()
	grant, err := st.Create(t.Context(), claim)
	if err != nil {
		t.Fatal(err)
	}
	return st, grant.Token
}

// stored returns the value under "k", or "" without a record.
func stored(st *teststore.Store) string {
	r, _ := st.Get(context.Background(), "k")
	return string(r.Value)
}

func TestFaultDecidesWhenRequestArrivesAndWhatCallerGets(t *testing.T) {
	for name, c := range map[string]struct {
		fault    teststore.Fault
		arrives  time.Duration // after the call, or never
		answered time.Duration
		want     error
	}{
		"none":                      {nil, 0, 0, nil},
		"Refuse":                    {teststore.Refuse, never, 0, store.ErrUnavailable},
		"Drop":                      {teststore.Drop, never, 0, store.ErrInDoubt},
		"Silence":                   {teststore.Silence, never, timeout, store.ErrInDoubt},
		"Hang":                      {teststore.Hang(2 * timeout), never, 2 * timeout, store.ErrInDoubt},
		"DropReply":                 {teststore.DropReply, 0, 0, store.ErrInDoubt},
		"LoseReply":                 {teststore.LoseReply, 0, timeout, store.ErrInDoubt},
		"DeliverLate":               {teststore.DeliverLate(time.Second), time.Second, 0, store.ErrInDoubt},
		"Straggle":                  {teststore.Straggle(time.Second), time.Second, time.Second, nil},
		"Straggle past the context": {teststore.Straggle(2 * timeout), 2 * timeout, timeout, store.ErrInDoubt},
		"Delay":                     {teststore.Delay(time.Second, 2*time.Second), time.Second, 3 * time.Second, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st, token := create(t)
				st.Inject(c.fault, teststore.Update)
				ctx, cancel := context.WithTimeout(t.Context(), timeout)
				defer cancel()
				start, done := time.Now(), make(chan error, 1)
				var answered time.Duration
				go func() {
					err := st.Update(ctx, store.Update{Key: "k", Token: token, Seq: 1, Value: []byte("second")})
					answered = time.Since(start)
					done <- err
				}()
				arrived := time.Duration(never)
				for range 2 * (2*timeout + time.Second) / time.Second {
					synctest.Wait()
					if arrived == never && stored(st) == "second" {
						arrived = time.Since(start)
					}
					time.Sleep(time.Second / 2)
				}
				if err := <-done; !errors.Is(err, c.want) || answered != c.answered {
					t.Errorf("the caller got %v after %v, want %v after %v", err, answered, c.want, c.answered)
				}
				if arrived != c.arrives {
					t.Errorf("the request arrived after %v, want %v", arrived, c.arrives)
				}
			})
		})
	}
}

func TestFaultAppliesToItsVerbsUntilItIsRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, token := create(t)
		requests := map[teststore.Verb]func() error{
			teststore.Create: func() error { _, err := st.Create(t.Context(), claim); return err },
			teststore.Renew:  func() error { return st.Renew(t.Context(), []store.Renewal{{Key: "k", Token: token}})[0].Err },
			teststore.Update: func() error {
				return st.Update(t.Context(), store.Update{Key: "k", Token: token, Seq: 1, Value: []byte("v")})
			},
			teststore.Delete: func() error { return st.Delete(t.Context(), "other", store.ByToken(token)) },
			teststore.Watch: func() error {
				for _, err := range st.Watch(t.Context(), "k") {
					return err
				}
				return nil
			},
		}
		for failing, request := range requests {
			st.Inject(teststore.Refuse, failing)
			for verb, request := range requests {
				if err := request(); errors.Is(err, store.ErrUnavailable) != (verb == failing) {
					t.Errorf("%s fails: %s returns %v", failing, verb, err)
				}
			}
			key := map[teststore.Verb]string{teststore.Delete: "other"}[failing]
			if key == "" {
				key = "k"
			}
			if want := fmt.Sprintf("%s %q: store unavailable", failing, key); request().Error() != want {
				t.Errorf("got %v, want %s", request(), want)
			}
			st.Inject(nil, failing)
			if err := request(); err != nil {
				t.Errorf("%s without a fault returns %v", failing, err)
			}
		}
	})
}

func TestErrorOfACustomFaultIsReturnedAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, token := create(t)
		want := &store.ForeignError{Record: store.Record{Key: "k"}}
		st.Inject(func(context.Context, func(context.Context) error) error { return want }, teststore.Renew)
		for _, r := range st.Renew(t.Context(), []store.Renewal{{Key: "k", Token: token}, {Key: "other"}}) {
			if r.Err != error(want) {
				t.Errorf("got %v, want %v", r.Err, want)
			}
		}
	})
}

func TestSequenceAppliesFirstFaultToOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			fault teststore.Fault
			rest  error
		}{
			"once":     {teststore.Once(teststore.Refuse), nil},
			"sequence": {teststore.Sequence(teststore.Refuse, teststore.Drop), store.ErrInDoubt},
		} {
			st, token := create(t)
			st.Inject(c.fault, teststore.Renew)
			for i, want := range []error{store.ErrUnavailable, c.rest, c.rest} {
				if got := st.Renew(t.Context(), []store.Renewal{{Key: "k", Token: token}})[0].Err; !errors.Is(got, want) {
					t.Errorf("%s, request %d: got %v, want %v", name, i, got, want)
				}
			}
		}
	})
}

func TestRequestsAreRecordedAlsoIfTheyFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, token := create(t)
		var seen []string
		st.Inspect(func(value []byte) { seen = append(seen, string(value)) })
		st.Inject(teststore.Refuse, teststore.Renew, teststore.Update)
		time.Sleep(time.Second)
		st.Renew(t.Context(), []store.Renewal{{Key: "a", Token: token}, {Key: "b", Token: token, Value: []byte("second")}})
		time.Sleep(time.Second)
		_ = st.Update(t.Context(), store.Update{Key: "k", Token: token, Value: []byte("third")})
		_ = st.Delete(t.Context(), "k", store.ByNonce(claim.Nonce))
		if got := fmt.Sprint(seen); got != "[second third]" {
			t.Errorf("inspected %s", got)
		}
		created := st.Sent(teststore.Create)[0]
		if created.Key != "k" || created.Nonce != claim.Nonce || created.At != 0 || string(created.Values()[0]) != "first" {
			t.Errorf("recorded %+v", created)
		}
		rest := st.Sent(teststore.Delete, teststore.Update, teststore.Renew)
		verbs := []teststore.Verb{teststore.Renew, teststore.Update, teststore.Delete}
		for i, r := range rest {
			if r.Verb != verbs[i] || r.At != min(time.Duration(i+1), 2)*time.Second {
				t.Errorf("request %d: recorded %+v", i, r)
			}
		}
		if len(rest) != 3 || len(rest[0].Writes) != 2 || len(rest[0].Values()) != 1 ||
			rest[1].Key != "k" || rest[1].Token != token || rest[2].Nonce != claim.Nonce {
			t.Errorf("recorded %+v", rest)
		}
	})
}

func TestEvictDeletesARecordOfAnyHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, _ := create(t)
		st.Inject(teststore.Refuse, teststore.Delete)
		st.Evict("k")
		if got := stored(st); got != "" || len(st.Sent(teststore.Delete)) != 0 {
			t.Errorf("the key has %q, recorded %+v", got, st.Sent(teststore.Delete))
		}
		defer func() {
			if recover() == nil {
				t.Error("Evict without a record does not panic")
			}
		}()
		st.Evict("k")
	})
}

// A late request writes its answer while the caller may read its own.
func TestLateRequestDoesNotDisturbItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		st.Inject(teststore.DeliverLate(time.Second), teststore.Create, teststore.Renew)
		if grant, err := st.Create(t.Context(), claim); grant.Token != 0 || !errors.Is(err, store.ErrInDoubt) {
			t.Errorf("got %+v, %v", grant, err)
		}
		batch := []store.Renewal{{Key: "k", Token: 1, Value: []byte("late"), Seq: 1}}
		results := st.Renew(t.Context(), batch)
		batch[0] = store.Renewal{Key: "other"} // the caller's own
		time.Sleep(2 * time.Second)
		if !errors.Is(results[0].Err, store.ErrInDoubt) || !slices.Contains([]string{"first", "late"}, stored(st)) {
			t.Errorf("got %v, the key has %q", results[0].Err, stored(st))
		}
	})
}
