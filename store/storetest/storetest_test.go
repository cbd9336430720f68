package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
	"github.com/leasehold-go/leasehold/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// broken lists stores that break one law each, and the case that must fail on each.
var broken = map[string]struct {
	store func(store.Store) store.Store
	fails string
}{
	"deletes any record":                   {func(st store.Store) store.Store { return careless{st} }, "DeleteEndsOneLease/OfAnotherLease"},
	"does not recognise a repeated create": {func(st store.Store) store.Store { return forgetful{st} }, "RepeatedCallsHaveOneEffect/Create"},
	"expires a nanosecond early":           {func(st store.Store) store.Store { return shifted{st, -1} }, "ExpiryIsOnTime/AfterCreate"},
	"expires a nanosecond late":            {func(st store.Store) store.Store { return shifted{st, 1} }, "ExpiryIsOnTime/AfterCreate"},
	"creates a record on a lost update":    {func(st store.Store) store.Store { return ghostly{st} }, "NoRecordIsWithoutTTL/UpdateAfterExpiry"},
	"extends the ttl with an update":       {func(st store.Store) store.Store { return generous{st} }, "ExpiryIsOnTime/UpdateDoesNotMoveIt"},
	"answers a batch in reverse":           {func(st store.Store) store.Store { return backward{st} }, "BatchItemsAreIndependent/Mixed"},
	"ignores the prefix of a list":         {func(st store.Store) store.Store { return listless{st} }, "ListIsComplete/OnlyThePrefix"},
	"ends a watch without an error":        {func(st store.Store) store.Store { return silent{st} }, "ContextsAreObeyed/WatchEnds"},
	"ignores contexts":                     {func(st store.Store) store.Store { return deaf{st} }, "ContextsAreObeyed/EndedBeforeTheCall"},
	"queues an id again": {func(st store.Store) store.Store {
		n := 0
		return asker{Store: st.(*memstore.Store), ask: func(st *memstore.Store, ctx context.Context, q store.Request) (store.Answer, error) {
			n++
			q.ID = fmt.Sprint(q.ID, n)
			return st.Ask(ctx, q)
		}}
	}, "RequestsReachTheLiveLease/TheSameIDAgain"},
	"queues for a lease that has ended": {func(st store.Store) store.Store {
		return asker{Store: st.(*memstore.Store), ask: func(st *memstore.Store, ctx context.Context, q store.Request) (store.Answer, error) {
			q.Token = 0
			return st.Ask(ctx, q)
		}}
	}, "RequestsReachTheLiveLease/ForAnotherLease"},
	"writes a value without its answer": {func(st store.Store) store.Store {
		return asker{Store: st.(*memstore.Store), update: func(st *memstore.Store, ctx context.Context, u store.Update, with store.Addition) error {
			if err := st.Update(ctx, u); err != nil || with.Answer == nil {
				return err
			}
			return st.Answer(ctx, u.Key, u.Token, *with.Answer)
		}}
	}, "RequestsReachTheLiveLease/AnExpiredRequest"},
}

const which = "STORETEST_BROKEN"

// TestSuite runs the suite on the store that the environment names, or on a correct
// store.
func TestSuite(t *testing.T) {
	storetest.Run(t, storetest.Harness{Virtual: true, Programmes: 100, Open: func(t *testing.T) storetest.Fixture {
		st := memstore.New()
		t.Cleanup(func() { st.Close() })
		if b, ok := broken[os.Getenv(which)]; ok {
			return storetest.Fixture{Store: b.store(st)}
		}
		return storetest.Fixture{Store: st}
	}})
}

func TestBrokenStoresFail(t *testing.T) {
	for name, b := range broken {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			suite := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSuite$/^"+strings.ReplaceAll(b.fails, "/", "$/^")+"$", "-test.v")
			suite.Env = append(os.Environ(), which+"="+name)
			out, err := suite.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestSuite/"+b.fails+" ") || !strings.Contains(string(out), "breaks the law:") {
				t.Errorf("the case %s passed or failed for another reason (%v):\n%s", b.fails, err, out)
			}
		})
	}
}

type careless struct{ store.Store }

func (s careless) Delete(ctx context.Context, key string, t store.LeaseRef) error {
	if r, err := s.Get(ctx, key); err == nil {
		t = store.ByToken(r.Token)
	}
	return s.Store.Delete(ctx, key, t)
}

type forgetful struct{ store.Store }

func (s forgetful) Create(ctx context.Context, c store.Claim) (store.Grant, error) {
	c.Nonce = store.NewNonce()
	return s.Store.Create(ctx, c)
}

type shifted struct {
	store.Store
	by time.Duration
}

func (s shifted) Create(ctx context.Context, c store.Claim) (store.Grant, error) {
	c.TTL += s.by
	grant, err := s.Store.Create(ctx, c)
	grant.Until = grant.Until.Add(-s.by)
	return grant, err
}

type ghostly struct{ store.Store }

func (s ghostly) Update(ctx context.Context, w store.Update) error {
	err := s.Store.Update(ctx, w)
	if errors.Is(err, store.ErrLost) {
		s.Create(ctx, store.Claim{Key: w.Key, Value: w.Value, TTL: time.Hour, Nonce: store.NewNonce()})
	}
	return err
}

type generous struct{ store.Store }

func (s generous) Update(ctx context.Context, w store.Update) error {
	return s.Renew(ctx, []store.Renewal{store.Renewal(w)})[0].Err
}

type backward struct{ store.Store }

func (s backward) Renew(ctx context.Context, batch []store.Renewal) []store.RenewResult {
	answers := s.Store.Renew(ctx, batch)
	slices.Reverse(answers)
	return answers
}

type listless struct{ store.Store }

func (s listless) List(ctx context.Context, _ string) iter.Seq2[store.Record, error] {
	return s.Store.List(ctx, "")
}

type silent struct{ store.Store }

func (s silent) Watch(ctx context.Context, prefix string) iter.Seq2[store.Event, error] {
	return func(yield func(store.Event, error) bool) {
		for e, err := range s.Store.Watch(ctx, prefix) {
			if err != nil || !yield(e, err) {
				return
			}
		}
	}
}

type deaf struct{ store.Store }

func (s deaf) Update(ctx context.Context, w store.Update) error {
	return s.Store.Update(context.WithoutCancel(ctx), w)
}

// asker is a store whose requests are not those of its memory store.
type asker struct {
	*memstore.Store
	ask    func(*memstore.Store, context.Context, store.Request) (store.Answer, error)
	update func(*memstore.Store, context.Context, store.Update, store.Addition) error
}

func (s asker) Ask(ctx context.Context, q store.Request) (store.Answer, error) {
	if s.ask == nil {
		return s.Store.Ask(ctx, q)
	}
	return s.ask(s.Store, ctx, q)
}

func (s asker) UpdateWith(ctx context.Context, u store.Update, with store.Addition) error {
	if s.update == nil {
		return s.Store.UpdateWith(ctx, u, with)
	}
	return s.update(s.Store, ctx, u, with)
}
