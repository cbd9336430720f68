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

// interceptor counts the calls of a client. By a rule it delays or fails the calls of one method.
type interceptor struct {
	mu    sync.Mutex
	calls map[string]int // by method

	rule atomic.Pointer[rule]
}

// rule is the handler of the calls of one method.
type rule struct {
	method string
	handle func(context.Context, func(context.Context) error) error
}

func (p *interceptor) client(cluster *etcdtest.Cluster, more ...func(*clientv3.Config)) *clientv3.Client {
	return cluster.Client(append(more, func(cfg *clientv3.Config) {
		cfg.DialOptions = append(cfg.DialOptions, grpc.WithChainUnaryInterceptor(p.intercept))
	})...)
}

func (p *interceptor) intercept(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	name := method[strings.LastIndex(method, "/")+1:]
	p.count(name)
	send := func(ctx context.Context) error { return invoke(ctx, method, req, reply, cc, opts...) }
	if r := p.rule.Load(); r != nil && r.method == name {
		return r.handle(ctx, send)
	}
	return send(ctx)
}

func (p *interceptor) count(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls == nil {
		p.calls = make(map[string]int)
	}
	p.calls[name]++
}

// setRule sets the rule, in place of the one before.
func (p *interceptor) setRule(method string, handle func(ctx context.Context, send func(context.Context) error) error) {
	p.rule.Store(&rule{method, handle})
}

// clearRule ends the rule.
func (p *interceptor) clearRule() { p.rule.Store(nil) }

// delay makes the next call end with its context; begun is closed once it is called. Then
// deliver sends its request, and ends the rule.
func (p *interceptor) delay(method string) (begun <-chan struct{}, deliver func()) {
	var once atomic.Bool
	var sent sync.WaitGroup
	gate, called := make(chan struct{}), make(chan struct{})
	p.setRule(method, func(ctx context.Context, send func(context.Context) error) error {
		if !once.CompareAndSwap(false, true) {
			return send(ctx)
		}
		close(called)
		sent.Go(func() {
			<-gate
			send(context.WithoutCancel(ctx)) // the call has ended
		})
		<-ctx.Done()
		return status.FromContextError(ctx.Err()).Err()
	})
	return called, func() {
		p.clearRule()
		close(gate)
		sent.Wait()
	}
}

// hold sends the calls and holds their answers back until answer is called, which also ends
// the rule.
func (p *interceptor) hold(method string) (answer func()) {
	gate := make(chan struct{})
	p.setRule(method, func(ctx context.Context, send func(context.Context) error) error {
		defer func() { <-gate }()
		return send(ctx)
	})
	return func() {
		p.clearRule()
		close(gate)
	}
}

// lose sends the calls and loses their answers.
func (p *interceptor) lose(method string) {
	p.setRule(method, func(ctx context.Context, send func(context.Context) error) error {
		send(ctx)
		return status.Error(codes.Unavailable, "the answer was lost")
	})
}

// ration sends the next n calls, and fails later ones.
func (p *interceptor) ration(method string, n int64) {
	var left atomic.Int64
	left.Store(n)
	p.setRule(method, func(ctx context.Context, send func(context.Context) error) error {
		if left.Add(-1) < 0 {
			return status.Error(codes.Unavailable, "there is no more")
		}
		return send(ctx)
	})
}

func (p *interceptor) seen(method string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[method]
}
