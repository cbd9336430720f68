package registry_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// verb names a method of a store.
type verb string

const (
	create verb = "create"
	renew  verb = "renew"
	update verb = "update"
	remove verb = "delete"
)

// fault is what happens to a request in place of call, which is the store's
// answer to it.
type fault func(ctx context.Context, call func(context.Context) error) error

// refuse is a store that is away and says so at once.
func refuse(context.Context, func(context.Context) error) error { return failed(store.ErrUnavailable) }

// silence is a store that does not answer.
func silence(ctx context.Context, _ func(context.Context) error) error {
	<-ctx.Done()
	return failed(store.ErrInDoubt)
}

// drop loses a request on its way.
func drop(context.Context, func(context.Context) error) error { return failed(store.ErrInDoubt) }

// dropReply loses the answer to a request that arrived.
func dropReply(ctx context.Context, call func(context.Context) error) error {
	_ = call(ctx)
	return failed(store.ErrInDoubt)
}

// deliverLate delays a request that was given up long before it arrives.
func deliverLate(ctx context.Context, call func(context.Context) error) error {
	time.AfterFunc(heartbeat, func() { _ = call(context.WithoutCancel(ctx)) })
	return failed(store.ErrInDoubt)
}

// slow delays a request and its answer.
func slow(there, back time.Duration) fault {
	return func(ctx context.Context, call func(context.Context) error) error {
		time.Sleep(there)
		err := call(ctx)
		time.Sleep(back)
		return err
	}
}

func failed(condition error) error {
	return &store.Error{Op: "test", Key: key, Condition: condition}
}

// request is one that left a keeper.
type request struct {
	verb   verb
	values [][]byte // that it carries
}

// proxy stands before a memory store: it records every request that writes, and
// lets faults happen to them.
type proxy struct {
	store.Store

	mu     sync.Mutex
	faults map[verb]fault
	log    []request
	inform func(value []byte) // called with each value before it is sent
}

func newProxy() *proxy { return &proxy{Store: memstore.New(), faults: make(map[verb]fault)} }

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
	p.log = append(p.log, r)
	f, inform := p.faults[r.verb], p.inform
	p.mu.Unlock()
	if inform != nil {
		for _, v := range r.values {
			inform(v)
		}
	}
	if f == nil {
		return call(ctx)
	}
	return f(ctx, call)
}

func (p *proxy) Create(ctx context.Context, c store.Claim) (grant store.Grant, err error) {
	err = p.pass(ctx, request{create, [][]byte{c.Value}}, func(ctx context.Context) (err error) {
		grant, err = p.Store.Create(ctx, c)
		return err
	})
	return grant, err
}

func (p *proxy) Renew(ctx context.Context, batch []store.Renewal) []store.RenewResult {
	r := request{verb: renew}
	for _, w := range batch {
		if len(w.Value) > 0 {
			r.values = append(r.values, w.Value)
		}
	}
	var answers atomic.Pointer[[]store.RenewResult] // a request that arrives late answers beside the reader
	err := p.pass(ctx, r, func(ctx context.Context) error {
		renewed := p.Store.Renew(ctx, batch)
		answers.Store(&renewed)
		return nil
	})
	if err == nil {
		return *answers.Load()
	}
	lost := make([]store.RenewResult, len(batch))
	for i := range lost {
		lost[i].Err = err
	}
	return lost
}

func (p *proxy) Update(ctx context.Context, w store.Update) error {
	return p.pass(ctx, request{update, [][]byte{w.Value}}, func(ctx context.Context) error { return p.Store.Update(ctx, w) })
}

func (p *proxy) Delete(ctx context.Context, key string, t store.LeaseRef) error {
	return p.pass(ctx, request{verb: remove}, func(ctx context.Context) error { return p.Store.Delete(ctx, key, t) })
}

// evict deletes the record, as an operator would.
func (p *proxy) evict() {
	r, err := p.Store.Get(context.Background(), key)
	if err == nil {
		err = p.Store.Delete(context.Background(), key, store.ByToken(r.Token))
	}
	if err != nil {
		panic(err)
	}
}
