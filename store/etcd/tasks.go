package etcdstore

import (
	"context"
	"errors"
	"sync"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/metadata"

	"github.com/leasehold-go/leasehold/internal/ctxerr"
	"github.com/leasehold-go/leasehold/store"
)

// tasks are the calls and the goroutines of a store, so that Close can end and join
// them.
type tasks struct {
	life context.Context // ends, with errClosing, when the store is closed
	end  context.CancelCauseFunc

	mu      sync.Mutex // orders add and close, as running.Wait requires
	running sync.WaitGroup
}

// errClosing is the cause of a call's end when the store is closed meanwhile. It is not
// store.ErrClosed, because a write under way may have been applied.
var errClosing = errors.New("the store was closed meanwhile")

func newTasks() *tasks {
	t := new(tasks)
	t.life, t.end = context.WithCancelCause(context.Background())
	return t
}

// enter begins a call, and returns its context and the function that ends it. The context
// also ends with the store. It asks for a leader, so that a server without quorum returns an
// error instead of waiting.
func (t *tasks) enter(ctx context.Context) (context.Context, func(), error) {
	if ctx.Err() != nil {
		return nil, nil, &unsentError{ctxerr.Of(ctx)}
	}
	if !t.add() {
		return nil, nil, store.ErrClosed
	}
	ctx, cancel := context.WithCancelCause(withLeader(ctx))
	stop := context.AfterFunc(t.life, func() { cancel(errClosing) })
	return ctx, func() {
		stop()
		cancel(nil)
		t.running.Done()
	}, nil
}

// leader is the metadata that asks for a leader. It is shared, because a map for each call costs
// as much as the call's other contexts together.
var leader = metadata.Pairs(rpctypes.MetadataRequireLeaderKey, rpctypes.MetadataHasLeader)

// withLeader is clientv3.WithRequireLeader.
func withLeader(ctx context.Context) context.Context {
	if _, has := metadata.FromOutgoingContext(ctx); has {
		return clientv3.WithRequireLeader(ctx)
	}
	return metadata.NewOutgoingContext(ctx, leader)
}

// start runs task in a goroutine, with a context that ends with the store. It returns false
// if the store is closed.
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

// close ends the calls and goroutines, lets no others begin, and waits for them.
func (t *tasks) close() {
	t.mu.Lock()
	t.end(errClosing)
	t.mu.Unlock()
	t.running.Wait()
}
