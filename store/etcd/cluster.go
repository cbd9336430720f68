package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"

	"github.com/leasehold-go/leasehold/store"
)

// cluster makes single requests to the etcd servers, and knows their limits.
type cluster struct {
	client     *clientv3.Client
	conn       *grpc.ClientConn // of the client
	leases     pb.LeaseClient
	idleStream chan keepAliveStream // holds at most one stream, while no call uses it
	tasks      *tasks
	revision   *clusterRevision
	minTTL     atomic.Int64 // a time.Duration: the servers' minimum
	ops        atomic.Int64 // the servers' limit of operations in a transaction
	bytes      atomic.Int64 // the weight of a transaction that the servers and the client take
}

func newCluster(client *clientv3.Client, conn *grpc.ClientConn) *cluster {
	c := &cluster{client: client, conn: conn, leases: pb.NewLeaseClient(conn), idleStream: make(chan keepAliveStream, 1),
		tasks: newTasks(), revision: newClusterRevision()}
	c.ops.Store(maxOps)
	c.bytes.Store(maxBytes)
	return c
}

// cause is the cause of a call's end, and says so if there is no connection: the client's
// own error does not tell.
func (c *cluster) cause(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	switch c.conn.GetState() {
	case connectivity.Connecting, connectivity.TransientFailure:
		return fmt.Errorf("%w: %w", errNoConnection, cause(ctx, err))
	}
	return cause(ctx, err)
}

var errNoConnection = errors.New("there is no connection to an etcd server")

// awaitConnection returns once the client is connected to a server, or has been closed.
func (c *cluster) awaitConnection(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, watchTimeout, errNoConnection)
	defer cancel()
	for state := c.conn.GetState(); state != connectivity.Ready && state != connectivity.Shutdown; state = c.conn.GetState() {
		c.conn.Connect() // if it is idle
		if !c.conn.WaitForStateChange(ctx, state) {
			return context.Cause(ctx)
		}
	}
	return nil
}

// commit sends a transaction once. The client sends it again only if it certainly did not
// arrive.
func (c *cluster) commit(ctx context.Context, guards []clientv3.Cmp, then, otherwise []clientv3.Op) (*clientv3.TxnResponse, []response, error) {
	if ctx.Err() != nil {
		return nil, nil, &unsentError{context.Cause(ctx)}
	}
	asked, before := time.Now(), c.revision.now()
	answer, err := c.client.Txn(ctx).If(guards...).Then(then...).Else(otherwise...).Commit()
	if err != nil {
		return nil, nil, c.cause(ctx, err)
	}
	c.revision.observe(asked, before, seenIn(answer.Header))
	return answer, wrap(answer.Responses), nil
}

// try is commit with the limit of one try.
func (c *cluster) try(ctx context.Context, guards []clientv3.Cmp, then, otherwise []clientv3.Op) (*clientv3.TxnResponse, []response, error) {
	ctx, cancel := tryContext(ctx)
	defer cancel()
	return c.commit(ctx, guards, then, otherwise)
}

// guarded returns how many guarded writes fit into one transaction: each takes one
// operation, and the longest of them three more.
func (c *cluster) guarded() int { return int(c.ops.Load()) - 3 }

// learnLimit halves the number of operations that the store puts in one transaction if err
// says that the server takes fewer (--max-txn-ops), and the bytes if err says that a message
// was too large.
func (c *cluster) learnLimit(err error) {
	if ops := c.ops.Load(); errors.Is(err, rpctypes.ErrTooManyOps) && ops > minOps {
		c.ops.CompareAndSwap(ops, max(ops/2, minOps))
	}
	if bytes := c.bytes.Load(); isTooLarge(err) {
		c.bytes.CompareAndSwap(bytes, max(bytes/2, minBytes))
	}
}

// grant asks for an etcd lease of exactly ttl seconds. If the server grants more, that is
// its minimum: grant revokes the etcd lease, and the error names the minimum.
func (c *cluster) grant(ctx context.Context, ttl int64) (clientv3.LeaseID, error) {
	ctx, cancel := tryContext(ctx)
	defer cancel()
	asked, before := time.Now(), c.revision.now()
	answer, err := c.client.Grant(ctx, ttl)
	if err != nil {
		return 0, c.cause(ctx, err)
	}
	c.revision.observe(asked, before, seenIn(answer.ResponseHeader))
	if answer.TTL <= ttl {
		return answer.ID, nil
	}
	c.minTTL.Store(int64(seconds(answer.TTL)))
	c.client.Revoke(ctx, answer.ID) // if that fails the etcd lease expires
	return 0, &store.InvalidError{What: "ttl", Got: seconds(ttl).String(),
		Rule: fmt.Sprintf("must be at least %v, the minimum of the etcd servers", seconds(answer.TTL))}
}

// listAttached lists the attached keys of an etcd lease. If that fails the list is empty and
// confirms nothing, so that each record is checked by itself. So it is if the member that answers
// may no longer lead: it does not know of later deletes.
func (c *cluster) listAttached(ctx context.Context, id clientv3.LeaseID) attachedKeys {
	asked := time.Now()
	answer, err := c.client.TimeToLive(ctx, id, clientv3.WithAttachedKeys())
	if err != nil || c.peek(ctx) != nil || c.superseded(answer.RaftTerm) {
		return attachedKeys{asked: asked}
	}
	names := make(map[string]struct{}, len(answer.Keys))
	for _, name := range answer.Keys {
		names[string(name)] = struct{}{}
	}
	return attachedKeys{asked, names}
}
