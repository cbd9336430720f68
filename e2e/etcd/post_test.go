package etcd_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
)

// post carries the calls of a client, and counts them. It can be told to be late with
// those of a method.
type post struct {
	mu    sync.Mutex
	calls map[string]int // by method

	rule atomic.Pointer[rule]
}

// rule is what happens to the calls of one method. Without answers only the first call
// is concerned: it ends with its context and is sent when the gate is opened. With them
// the calls are carried out, and answered then.
type rule struct {
	method  string
	answers bool
	gate    chan struct{}
	once    atomic.Bool
	sent    sync.WaitGroup
}

func (p *post) client(cluster *etcdtest.Cluster, more ...func(*clientv3.Config)) *clientv3.Client {
	return cluster.Client(append(more, func(cfg *clientv3.Config) {
		cfg.DialOptions = append(cfg.DialOptions, grpc.WithChainUnaryInterceptor(p.carry))
	})...)
}

func (p *post) carry(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	name := method[strings.LastIndex(method, "/")+1:]
	p.count(name)
	r := p.rule.Load()
	switch {
	case r == nil || r.method != name:
	case r.answers:
		defer func() { <-r.gate }()
	case r.once.CompareAndSwap(false, true):
		r.sent.Go(func() {
			<-r.gate
			invoke(context.WithoutCancel(ctx), method, req, reply, cc, opts...) // nobody waits for it
		})
		<-ctx.Done()
		return status.FromContextError(ctx.Err()).Err()
	}
	return invoke(ctx, method, req, reply, cc, opts...)
}

func (p *post) count(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls == nil {
		p.calls = make(map[string]int)
	}
	p.calls[name]++
}

// hold makes a rule. The function that it returns opens the gate, and returns when the
// calls that were late have been carried out.
func (p *post) hold(method string, answers bool) (deliver func()) {
	r := &rule{method: method, answers: answers, gate: make(chan struct{})}
	p.rule.Store(r)
	return func() {
		p.rule.Store(nil)
		close(r.gate)
		r.sent.Wait()
	}
}

func (p *post) seen(method string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[method]
}
