package etcd_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
)

// post carries the calls of a client, and counts them. It can be told to be a bad one
// with those of a method.
type post struct {
	mu    sync.Mutex
	calls map[string]int // by method

	rule atomic.Pointer[rule]
}

// rule is what happens to the calls of one method.
type rule struct {
	method string
	carry  func(context.Context, func(context.Context) error) error
}

func (p *post) client(cluster *etcdtest.Cluster, more ...func(*clientv3.Config)) *clientv3.Client {
	return cluster.Client(append(more, func(cfg *clientv3.Config) {
		cfg.DialOptions = append(cfg.DialOptions, grpc.WithChainUnaryInterceptor(p.carry))
	})...)
}

func (p *post) carry(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	name := method[strings.LastIndex(method, "/")+1:]
	p.count(name)
	send := func(ctx context.Context) error { return invoke(ctx, method, req, reply, cc, opts...) }
	if r := p.rule.Load(); r != nil && r.method == name {
		return r.carry(ctx, send)
	}
	return send(ctx)
}

func (p *post) count(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls == nil {
		p.calls = make(map[string]int)
	}
	p.calls[name]++
}

// follow makes a rule, in place of that before.
func (p *post) follow(method string, carry func(ctx context.Context, send func(context.Context) error) error) {
	p.rule.Store(&rule{method, carry})
}

// behave ends the rule.
func (p *post) behave() { p.rule.Store(nil) }

// delay has the next call end with its context. The function that it returns has it
// arrive, and ends the rule.
func (p *post) delay(method string) (deliver func()) {
	var once atomic.Bool
	var sent sync.WaitGroup
	gate := make(chan struct{})
	p.follow(method, func(ctx context.Context, send func(context.Context) error) error {
		if !once.CompareAndSwap(false, true) {
			return send(ctx)
		}
		sent.Go(func() {
			<-gate
			send(context.WithoutCancel(ctx)) // nobody waits for it
		})
		<-ctx.Done()
		return status.FromContextError(ctx.Err()).Err()
	})
	return func() {
		p.behave()
		close(gate)
		sent.Wait()
	}
}

// hold has the calls answered only when the function is called that it returns, which
// ends the rule.
func (p *post) hold(method string) (answer func()) {
	gate := make(chan struct{})
	p.follow(method, func(ctx context.Context, send func(context.Context) error) error {
		defer func() { <-gate }()
		return send(ctx)
	})
	return func() {
		p.behave()
		close(gate)
	}
}

// lose has the answers lost.
func (p *post) lose(method string) {
	p.follow(method, func(ctx context.Context, send func(context.Context) error) error {
		send(ctx)
		return status.Error(codes.Unavailable, "the answer was lost")
	})
}

// ration has so many calls arrive, and no more.
func (p *post) ration(method string, n int64) {
	var left atomic.Int64
	left.Store(n)
	p.follow(method, func(ctx context.Context, send func(context.Context) error) error {
		if left.Add(-1) < 0 {
			return status.Error(codes.Unavailable, "there is no more")
		}
		return send(ctx)
	})
}

func (p *post) seen(method string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[method]
}
