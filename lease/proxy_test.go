package lease_test

import (
	"context"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// What most tests run with. The margin that trust gives up is then 600ms.
const (
	ttl       = 10 * time.Second
	heartbeat = 3 * time.Second
	window    = ttl - ttl/100 - 500*time.Millisecond
)

// verb names a method of a store.
type verb string

const (
	create verb = "create"
	renew  verb = "renew"
	update verb = "update"
	remove verb = "delete"
	watch  verb = "watch"
)

// fault is what happens to a request in place of call, which is the store's
// answer to it.
type fault func(ctx context.Context, call func(context.Context) error) error

// refuse is a store that is away and says so at once.
func refuse(context.Context, func(context.Context) error) error {
	return &store.Error{Op: "test", Key: "k", Condition: store.ErrUnavailable}
}

// silence is a store that does not answer.
func silence(ctx context.Context, _ func(context.Context) error) error {
	<-ctx.Done()
	return inDoubt(ctx)
}

// loseReply is a store that does what it is told, and whose answer is lost.
func loseReply(ctx context.Context, call func(context.Context) error) error {
	_ = call(ctx)
	<-ctx.Done()
	return inDoubt(ctx)
}

// dropReply is loseReply where the loss is noticed at once.
func dropReply(ctx context.Context, call func(context.Context) error) error {
	_ = call(ctx)
	return &store.Error{Op: "test", Key: "k", Condition: store.ErrInDoubt}
}

// hang is a client that does not heed its context.
func hang(d time.Duration) fault {
	return func(ctx context.Context, _ func(context.Context) error) error {
		time.Sleep(d)
		return inDoubt(ctx)
	}
}

// answerLate does at once what it is told, and answers after d whatever happens.
func answerLate(d time.Duration) fault {
	return func(ctx context.Context, call func(context.Context) error) error {
		err := call(ctx)
		time.Sleep(d)
		return err
	}
}

// once lets f happen to the first request alone.
func once(f fault) fault {
	return inTurn(f, func(ctx context.Context, call func(context.Context) error) error { return call(ctx) })
}

// inTurn lets first happen to the first request, and rest to those after it.
func inTurn(first, rest fault) fault {
	var mu sync.Mutex
	f := first
	return func(ctx context.Context, call func(context.Context) error) error {
		mu.Lock()
		now := f
		f = rest
		mu.Unlock()
		return now(ctx, call)
	}
}

func inDoubt(ctx context.Context) error {
	return &store.Error{Op: "test", Key: "k", Condition: store.ErrInDoubt, Err: context.Cause(ctx)}
}

// request is one that left a keeper.
type request struct {
	verb   verb
	at     time.Duration   // since the proxy was made
	key    string          // of all but a renew
	nonce  store.Nonce     // of a create, and of a delete by nonce
	token  store.Token     // of an update, and of a delete by token
	writes []store.Renewal // of a renew and an update
}

// proxy stands between a keeper and its store: it records every request and
// lets faults happen to them.
type proxy struct {
	store.Store
	start time.Time

	mu     sync.Mutex
	faults map[verb]fault
	log    []request
}

func newProxy() *proxy {
	return &proxy{Store: memstore.New(), start: time.Now(), faults: make(map[verb]fault)}
}

// suffer makes f happen to every request of verbs from now on; nil ends it.
func (p *proxy) suffer(f fault, verbs ...verb) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, v := range verbs {
		p.faults[v] = f
	}
}

// sent returns the requests of verbs so far.
func (p *proxy) sent(verbs ...verb) []request {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []request
	for _, r := range p.log {
		if slices.Contains(verbs, r.verb) {
			found = append(found, r)
		}
	}
	return found
}

func (p *proxy) pass(ctx context.Context, r request, call func(context.Context) error) error {
	p.mu.Lock()
	r.at = time.Since(p.start)
	p.log = append(p.log, r)
	f := p.faults[r.verb]
	p.mu.Unlock()
	if f == nil {
		return call(ctx)
	}
	return f(ctx, call)
}

func (p *proxy) Create(ctx context.Context, c store.Claim) (store.Grant, error) {
	answer := make(chan store.Grant, 1) // a straggler's is left in it
	err := p.pass(ctx, request{verb: create, key: c.Key, nonce: c.Nonce}, func(ctx context.Context) error {
		grant, err := p.Store.Create(ctx, c)
		answer <- grant
		return err
	})
	if err != nil {
		return store.Grant{}, err
	}
	return <-answer, nil
}

func (p *proxy) Renew(ctx context.Context, batch []store.Renewal) []store.RenewResult {
	answer := make(chan []store.RenewResult, 1)
	err := p.pass(ctx, request{verb: renew, writes: slices.Clone(batch)}, func(ctx context.Context) error {
		answer <- p.Store.Renew(ctx, batch)
		return nil
	})
	if err == nil {
		return <-answer
	}
	answers := make([]store.RenewResult, len(batch))
	for i := range answers {
		answers[i].Err = err
	}
	return answers
}

func (p *proxy) Update(ctx context.Context, w store.Update) error {
	r := request{verb: update, key: w.Key, token: w.Token, writes: []store.Renewal{store.Renewal(w)}}
	return p.pass(ctx, r, func(ctx context.Context) error { return p.Store.Update(ctx, w) })
}

func (p *proxy) Delete(ctx context.Context, key string, t store.LeaseRef) error {
	r := request{verb: remove, key: key, nonce: t.Nonce, token: t.Token}
	return p.pass(ctx, r, func(ctx context.Context) error { return p.Store.Delete(ctx, key, t) })
}

// Watch suffers a fault when it begins, not later.
func (p *proxy) Watch(ctx context.Context, prefix string) iter.Seq2[store.Event, error] {
	return func(yield func(store.Event, error) bool) {
		begin := func(context.Context) error { return nil }
		if err := p.pass(ctx, request{verb: watch, key: prefix}, begin); err != nil {
			yield(store.Event{}, err)
			return
		}
		p.Store.Watch(ctx, prefix)(yield)
	}
}

// tester is what testing.T and rapid.T have in common.
type tester interface {
	Helper()
	Fatal(args ...any)
	Cleanup(f func())
	Context() context.Context
}

// keep returns a keeper that is closed when the test ends.
func keep(t tester, st store.Store, change ...func(*lease.Config)) *lease.Keeper {
	t.Helper()
	cfg := lease.Config{TTL: ttl, Heartbeat: heartbeat}
	for _, c := range change {
		c(&cfg)
	}
	k, err := lease.NewKeeper(st, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close(context.Background()) })
	return k
}

func acquire(t tester, k *lease.Keeper, key string, opts ...lease.Option) lease.Lease {
	t.Helper()
	held, err := k.Acquire(t.Context(), key, []byte("first"), opts...)
	if err != nil {
		t.Fatal(err)
	}
	return held
}

// value is what a store holds under a key, or "" for no record.
func value(t tester, st store.Store, key string) string {
	t.Helper()
	r, err := st.Get(context.Background(), key)
	if err != nil {
		return ""
	}
	return string(r.Value)
}

// ended waits for the end of a term and returns how long after start it came.
func ended(held lease.Lease, start time.Time) time.Duration {
	<-held.Done()
	return time.Since(start)
}
