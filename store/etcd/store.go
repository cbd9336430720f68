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
	idleStream chan keepAliveStream // holds the line that nobody is using, if there is one
	tasks      *tasks
	revision   *clusterRevision
	minTTL     atomic.Int64 // a time.Duration; what the servers grant at least
	ops        atomic.Int64 // how many operations the servers take in one transaction
	group      group
	trimming   atomic.Bool // whether a task trims the marks of some key

	mu         sync.Mutex
	pools      map[int64]*pool // by ttl in seconds
	held       map[string]*member
	doubts     map[store.Nonce]*member // whose creates are in doubt
	marksLease marksLease

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
// its interfaces, is refused here. What is wrong with the servers is a *[ServerError];
// a client that will not do is a *[store.InvalidError].
//
// The client stays the caller's, and with it its endpoints, credentials and timeouts.
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
	if err := s.check(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close ends every call and watch, which then return [store.ErrClosed] or, for a write
// under way, [store.ErrInDoubt], and joins what the store started. It gives back leases
// that nothing is on; records stay for their ttl. Close may be called again. It does
// not close the client.
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
		s.client.Revoke(ctx, lease) // if that fails it ends by itself
	}
	return nil
}

// closeTimeout is how long Close may take to give leases back.
const closeTimeout = time.Second

// WatchErr returns the error for which a watch hears of no changes at present, the
// latest of them if there are several. It is nil while all watches hear, and while
// nobody watches. The store goes on trying to open the watch, and resyncs it then. A
// user's missing right to the whole of a prefix is no such error; see the package's doc.
func (s *Store) WatchErr() error { return s.watchErrs.latest() }

// Capabilities implements [store.Describer].
func (s *Store) Capabilities() store.Capabilities {
	return store.Capabilities{
		MinTTL: time.Duration(s.minTTL.Load()),
		// The ttl is rounded up to a second, the time left cut off to one, and
		// the servers look for leases that have ended twice a second.
		Precision:   3 * time.Second,
		GroupExpiry: true,
	}
}
