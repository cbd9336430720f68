package etcdstore

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/store"
	"github.com/leasehold-go/leasehold/store/internal/feed"
)

// Store is a [store.Store] on etcd. [New] makes one; the zero Store is of no use.
type Store struct {
	client     *clientv3.Client
	leases     pb.LeaseClient
	idleStream chan keepAliveStream // holds at most one stream, while no call uses it
	tasks      *tasks
	revision   *clusterRevision
	minTTL     atomic.Int64 // a time.Duration: the servers' minimum
	ops        atomic.Int64 // the servers' limit of operations in a transaction
	bytes      atomic.Int64 // the weight of a transaction that the servers and the client take
	group      group
	trimming   atomic.Bool // whether a task is trimming marks

	mu         sync.Mutex
	pools      map[int64]*pool         // by ttl in seconds
	held       map[string]*member      // by key
	doubts     map[store.Nonce]*member // creates in doubt
	marksLease marksLease
	unended    map[string]struct{} // names of marks for endLater; nil if there are none

	keyWatches map[string]*keyWatch

	watchErrs watchErrors
}

var (
	_ store.Store          = (*Store)(nil)
	_ store.Describer      = (*Store)(nil)
	_ store.DeleteNotifier = (*Store)(nil)
	_ store.BatchDeleter   = (*Store)(nil)
	_ feed.Source          = source{}
)

// New returns a store on the cluster that client is connected to. It asks for the
// smallest ttl that the servers grant, and tries each verb and a watch on a record of
// the library's own: a client with too few rights, or with a namespace on only some of
// its interfaces, is refused here. A fault of the servers is a *[ServerError]; an
// unusable client is a *[store.InvalidError]. New waits ten seconds at most for the first
// answer, however long ctx lasts, and then says why there is no connection.
//
// The caller owns the client, and with it the endpoints, credentials and timeouts.
func New(ctx context.Context, client *clientv3.Client) (*Store, error) {
	if client == nil {
		return nil, &store.InvalidError{What: "client", Rule: "must not be nil"}
	}
	conn := client.ActiveConnection()
	if conn == nil {
		return nil, &store.InvalidError{What: "client", Rule: "must have a connection: keep-alives are sent on it"}
	}
	s := &Store{
		client: client, leases: pb.NewLeaseClient(conn), idleStream: make(chan keepAliveStream, 1), tasks: newTasks(), revision: newClusterRevision(),
		pools: make(map[int64]*pool), held: make(map[string]*member), doubts: make(map[store.Nonce]*member),
		keyWatches: make(map[string]*keyWatch),
		group:      group{keys: make(map[string]struct{})},
	}
	s.ops.Store(maxOps)
	s.bytes.Store(maxBytes)
	if err := s.check(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close ends every call and watch, which then return [store.ErrClosed] or, for a write
// under way, [store.ErrInDoubt], and joins the store's goroutines. It revokes empty etcd
// leases; records stay for their ttl. Close may be called again. It does not close the
// client.
func (s *Store) Close() error {
	s.tasks.close()
	s.mu.Lock()
	var idle []clientv3.LeaseID
	for _, p := range s.pools {
		for _, sh := range p.leases {
			if sh.empty() && sh.endErr == nil {
				s.abandon(sh, store.ErrClosed)
				idle = append(idle, sh.lease)
			}
		}
	}
	if m := &s.marksLease; m.lease != 0 && m.marks == 0 {
		idle, m.lease = append(idle, m.lease), 0
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(clientv3.WithRequireLeader(context.Background()), closeTimeout)
	defer cancel()
	for _, lease := range idle {
		s.client.Revoke(ctx, lease) // if that fails the etcd lease expires
	}
	return nil
}

// closeTimeout bounds the revokes of Close.
const closeTimeout = time.Second

// WatchErr returns the latest error because of which a watch, or a call of
// [Store.Deletions], receives no changes at present, or nil if there is none. The store goes
// on trying to open the watch, and then resyncs it. A user's missing right to the whole of a
// prefix is no such error; see the package doc.
func (s *Store) WatchErr() error { return s.watchErrs.latest() }

// Capabilities implements [store.Describer].
func (s *Store) Capabilities() store.Capabilities {
	return store.Capabilities{
		MinTTL: time.Duration(s.minTTL.Load()),
		// The ttl is rounded up to a second, the time left is rounded down to one,
		// and the servers look for expired etcd leases twice a second.
		Precision:   3 * time.Second,
		GroupExpiry: true,
	}
}
