package etcdstore

import (
	"context"
	"errors"
	"sync"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/store"
)

// tasks are the calls and the goroutines of a store, so that Close can end and join
// them.
type tasks struct {
	life context.Context // ends, with errClosing, when the store is closed
	end  context.CancelCauseFunc

	mu      sync.Mutex // orders the first of running against close
	running sync.WaitGroup
}

// errClosing is why a call that was under way ended with the store. A write may then have
// happened, which store.ErrClosed would deny.
var errClosing = errors.New("the store was closed meanwhile")

func newTasks() *tasks {
	t := new(tasks)
	t.life, t.end = context.WithCancelCause(context.Background())
	return t
}

// enter begins a call and returns its context and how to end it. The context also
// ends with the store; and it asks for a leader, so that a server which has lost
// the others says so instead of waiting for them.
func (t *tasks) enter(ctx context.Context) (context.Context, func(), error) {
	if ctx.Err() != nil {
		return nil, nil, &unsentError{context.Cause(ctx)}
	}
	if !t.add() {
		return nil, nil, store.ErrClosed
	}
	ctx, cancel := context.WithCancelCause(clientv3.WithRequireLeader(ctx))
	stop := context.AfterFunc(t.life, func() { cancel(errClosing) })
	return ctx, func() {
		stop()
		cancel(nil)
		t.running.Done()
	}, nil
}

// start runs task in a goroutine, with a context that ends with the store, unless
// the store was closed.
func (t *tasks) start(task func(context.Context)) bool {
	if !t.add() {
		return false
	}
	go func() {
		defer t.running.Done()
		task(clientv3.WithRequireLeader(t.life))
	}()
	return true
}

func (t *tasks) add() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.life.Err() != nil {
		return false
	}
	t.running.Add(1)
	return true
}

// close lets nothing more begin, ends what is under way, and returns when all is
// over.
func (t *tasks) close() {
	t.mu.Lock()
	t.end(errClosing)
	t.mu.Unlock()
	t.running.Wait()
}
