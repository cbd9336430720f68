package etcd_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/status"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
)

// Concurrent creates and deletes are sent together. The answer of each is true, whenever its
// context ends: a nil error means applied, unavailable means never applied.
func TestACallInAGroupWhoseContextEndsReportsItsEffect(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	p := new(interceptor)
	st := open(t, p.client(b.cluster))
	var inDoubt, unavailable, applied atomic.Int64
	type fact struct {
		claim  store.Claim
		exists bool
	}
	facts := make(chan fact, 10_000)
	tally := func(what string, err error) {
		switch {
		case err == nil:
			applied.Add(1)
		case errors.Is(err, store.ErrInDoubt):
			inDoubt.Add(1)
		case errors.Is(err, store.ErrUnavailable):
			unavailable.Add(1)
		default:
			t.Errorf("%s: %v", what, err)
		}
	}
	// A busy machine applies nothing within 4 ms, so later calls have longer.
	short := func(i int) (context.Context, context.CancelFunc) {
		return context.WithTimeout(t.Context(), rand.N(4*time.Millisecond<<(i/8)))
	}
	var all sync.WaitGroup
	for caller := range 64 {
		all.Go(func() {
			for i := range 40 {
				c := claim(fmt.Sprintf("key/%d/%d", caller, i), long)
				ctx, cancel := short(i)
				grant, err := st.Create(ctx, c)
				cancel()
				tally("create", err)
				if errors.Is(err, store.ErrUnavailable) {
					facts <- fact{c, false}
				}
				if err != nil {
					continue
				}
				ctx, cancel = short(i)
				err = st.Delete(ctx, c.Key, store.ByToken(grant.Token))
				cancel()
				tally("delete", err)
				if !errors.Is(err, store.ErrInDoubt) {
					facts <- fact{c, err != nil}
				}
			}
		})
	}
	all.Wait()
	t.Logf("%d applied, %d in doubt, %d unavailable, in %d transactions", applied.Load(), inDoubt.Load(), unavailable.Load(), p.seen("Txn"))
	if applied.Load() == 0 || inDoubt.Load() == 0 || unavailable.Load() == 0 {
		t.Error("not every case was met")
	}
	time.Sleep(time.Second) // until the requests that were sent have arrived
	close(facts)
	there := make(map[string]bool)
	for r, err := range b.List(t.Context(), "key/") {
		if err != nil {
			t.Fatal(err)
		}
		there[r.Key] = true
	}
	for f := range facts {
		if there[f.claim.Key] != f.exists {
			t.Errorf("%q exists: %v, and its caller was told that it does: %v", f.claim.Key, there[f.claim.Key], f.exists)
		}
	}
}

func TestConcurrentCreatesAndDeletesShareTransactions(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	p := new(interceptor)
	b := &bench{t, cluster, nil, otherProgram{t, cluster.Client()}, open(t, p.client(cluster))}
	before := p.seen("Txn")
	batch := b.createMany("key", 2000)
	if n := p.seen("Txn") - before; n > 1000 {
		t.Errorf("2000 creates of 64 callers took %d transactions", n)
	}
	tokens := make(map[store.Token]bool)
	for _, item := range batch {
		tokens[item.Ref.Token] = true
		if r, err := b.Get(t.Context(), item.Key); err != nil || r.Token != item.Ref.Token {
			t.Fatalf("%+v, %v; the create returned token %d", r, err, item.Ref.Token)
		}
	}
}

// Creates of one key are never sent in one transaction.
func TestOneOfTheConcurrentCreatesOfAKeySucceeds(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	for round := range 10 {
		var all sync.WaitGroup
		var won, held atomic.Int64
		for caller := range 64 {
			key := fmt.Sprintf("key/%d/%d", round, caller/4)
			all.Go(func() {
				_, err := b.Create(t.Context(), claim(key, long))
				switch {
				case err == nil:
					won.Add(1)
				case errors.Is(err, store.ErrHeld):
					held.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if won.Load() != 16 || held.Load() != 48 {
			t.Errorf("%d of 16 keys were created, %d creates were refused as held", won.Load(), held.Load())
		}
	}
}

// A refusal in a transaction of many calls says as much as one of a single call.
func TestARefusedCallInAGroupLearnsWhatIsThere(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	st := open(t, b.cluster.Client())
	b.other.put("foreign", []byte("foreign"), long)
	var all sync.WaitGroup
	for caller := range 64 {
		key := fmt.Sprint("key/", caller)
		if caller == 0 {
			key = "foreign"
		}
		all.Go(func() {
			for range 10 {
				c := claim(key, long)
				grant, err := b.Create(t.Context(), c)
				if caller == 0 {
					want(t, "create", err, store.ErrForeign)
					continue
				}
				want(t, "create", err)
				_, err = st.Create(t.Context(), claim(key, long))
				var held *store.HeldError
				if !errors.As(err, &held) || held.Record.Token != grant.Token || string(held.Record.Value) != string(c.Value) {
					t.Errorf("create of a held key: %v", err)
				}
				want(t, "delete", b.Delete(t.Context(), key, store.ByToken(grant.Token)))
				next, err := st.Create(t.Context(), claim(key, long))
				want(t, "create", err)
				want(t, "late delete", b.Delete(t.Context(), key, store.ByToken(grant.Token)))
				want(t, "delete", st.Delete(t.Context(), key, store.ByToken(next.Token)))
				_, err = st.Create(t.Context(), c)
				want(t, "late create", err, store.ErrEnded)
			}
		})
	}
	all.Wait()
}

// The servers refuse the whole transaction because of one create. The others still succeed.
func TestACreateThatIsDeniedFailsAlone(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	secure(t, cluster.Client(), "app/", "leasehold:")
	st := open(t, cluster.Client(asUser("app", "secret")))
	var all sync.WaitGroup
	for caller := range 64 {
		prefix := "app/"
		if caller%8 == 0 {
			prefix = "other/"
		}
		all.Go(func() {
			for i := range 5 {
				_, err := st.Create(t.Context(), claim(fmt.Sprintf("%s%d/%d", prefix, caller, i), long))
				if denied := prefix == "other/"; denied != errors.Is(err, store.ErrUnavailable) || !denied && err != nil {
					t.Errorf("create under %q: %v", prefix, err)
				}
			}
		})
	}
	all.Wait()
}

// A transaction that hangs delays its own calls and no others.
func TestATransactionThatHangsDoesNotDelayTheNext(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	p := new(interceptor)
	st := open(t, p.client(cluster))
	if _, err := st.Create(t.Context(), claim("first", long)); err != nil {
		t.Fatal(err)
	}
	_, deliver := p.delay("Txn")
	defer deliver()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	hung, before := make(chan error), p.seen("Txn")
	go func() {
		_, err := st.Create(ctx, claim("hung", long))
		hung <- err
	}()
	for p.seen("Txn") == before {
		time.Sleep(time.Millisecond)
	}
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			limited, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			if _, err := st.Create(limited, claim(fmt.Sprint("key ", i), long)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	cancel()
	want(t, "the create that hung", <-hung, store.ErrInDoubt)
}

// A refused call of a group is sent once more. If it hangs then, it is given up once its caller has left.
func TestARefusedCallInAGroupIsGivenUpWhenItsCallerLeaves(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	p := new(interceptor)
	st := open(t, p.client(cluster))
	if _, err := st.Create(t.Context(), claim("held", long)); err != nil {
		t.Fatal(err)
	}
	create := func(ctx context.Context, key string) <-chan error {
		answer := make(chan error, 1)
		go func() {
			_, err := st.Create(ctx, claim(key, long))
			answer <- err
		}()
		return answer
	}
	var calls atomic.Int64
	gate, hung, givenUp := make(chan struct{}), make(chan struct{}), make(chan struct{})
	p.setRule("Txn", func(ctx context.Context, send func(context.Context) error) error {
		switch calls.Add(1) {
		case 1:
			close(hung)
			<-gate
		case 3:
			<-ctx.Done()
			close(givenUp)
			return status.FromContextError(ctx.Err()).Err()
		}
		return send(ctx)
	})
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	first := create(t.Context(), "first")
	<-hung
	refused, free := create(ctx, "held"), create(ctx, "free")
	time.Sleep(50 * time.Millisecond) // so that both wait for the first, as a rule
	close(gate)
	want(t, "create", <-first)
	for calls.Load() < 3 {
		time.Sleep(time.Millisecond)
	}
	leave()
	<-refused
	<-free
	select {
	case <-givenUp:
	case <-time.After(20 * time.Second):
		t.Error("the transaction goes on without a caller")
	}
}

// hang makes the n-th call of a method from now on end with its context, unsent.
func (p *interceptor) hang(method string, n int64) {
	var calls atomic.Int64
	p.setRule(method, func(ctx context.Context, send func(context.Context) error) error {
		if calls.Add(1) != n {
			return send(ctx)
		}
		<-ctx.Done()
		return status.FromContextError(ctx.Err()).Err()
	})
}

// renewals returns renewals of the records of a batch of deletes.
func renewals(batch []store.Deletion, value string, seq uint64) (all []store.Renewal) {
	for _, item := range batch {
		r := store.Renewal{Key: item.Key, Token: item.Ref.Token}
		if value != "" {
			r.Value, r.Seq = []byte(value), seq
		}
		all = append(all, r)
	}
	return all
}

// Law 11: only the items without an answer are in doubt.
func TestARenewLeavesOnlyTheItemsOfAHungTransactionInDoubt(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	p := new(interceptor)
	b := &bench{t, cluster, nil, otherProgram{t, cluster.Client()}, open(t, p.client(cluster))}
	batch := b.createMany("key", 600)
	for n := range int64(5) {
		var calls atomic.Int64
		answered := make(chan struct{}, 100)
		p.setRule("Txn", func(ctx context.Context, send func(context.Context) error) error {
			if calls.Add(1) == n+1 {
				<-ctx.Done()
				return status.FromContextError(ctx.Err()).Err()
			}
			defer func() { answered <- struct{}{} }()
			return send(ctx)
		})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		go func() {
			for range 4 {
				<-answered
			}
			time.Sleep(500 * time.Millisecond) // for the store to read the answers
			cancel()
		}()
		inDoubt := 0
		for i, r := range b.Renew(ctx, renewals(batch, "next", uint64(n)+1)) {
			switch {
			case r.Err == nil && !r.Until.After(time.Now()):
				t.Errorf("%q: until %v", batch[i].Key, r.Until)
			case errors.Is(r.Err, store.ErrInDoubt):
				inDoubt++
			case r.Err != nil:
				t.Errorf("%q: %v", batch[i].Key, r.Err)
			}
		}
		cancel()
		if inDoubt == 0 || inDoubt > 125 {
			t.Errorf("one transaction of five hung, and %d of 600 items are in doubt", inDoubt)
		}
	}
	p.hang("Txn", 2)
	for i, r := range b.Renew(t.Context(), renewals(batch[:100], "", 0)) {
		if r.Err != nil {
			t.Errorf("%q: a check that hung was not sent again: %v", batch[i].Key, r.Err)
		}
	}
}

// One etcd member hangs. The renews are batches of several transactions, with values and
// without.
func TestEveryItemIsRenewedWhileAMemberHangs(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{Members: 3})
	b := &bench{t, cluster, nil, otherProgram{t, cluster.Client()}, open(t, cluster.Client())}
	batch := b.createMany("key", 1000)
	b.pauseFollower(3)
	answered := make([]bool, len(batch))
	for round := range uint64(10) {
		value := ""
		if round%2 == 0 {
			value = fmt.Sprint("value ", round)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		began := time.Now()
		n := 0
		for i, r := range b.Renew(ctx, renewals(batch, value, round+1)) {
			switch {
			case r.Err == nil:
				answered[i] = true
				n++
			case !errors.Is(r.Err, store.ErrInDoubt) && !errors.Is(r.Err, store.ErrUnavailable):
				t.Errorf("%q: %v", batch[i].Key, r.Err)
			}
		}
		cancel()
		t.Logf("round %d: %d of %d answered in %v", round, n, len(batch), time.Since(began))
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("a renew with a context of 3 s took %v", took)
		}
	}
	for i, ok := range answered {
		if !ok {
			t.Errorf("%q was never answered", batch[i].Key)
		}
	}
}
