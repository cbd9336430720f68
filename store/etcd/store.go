package etcdstore

import (
	"context"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/store"
	"github.com/leasehold-go/leasehold/store/internal/feed"
)

// Store is a [store.Store] on etcd. [New] makes one; the zero Store is of no use. Its parts
// are, from the bottom: the requests to the cluster, the guarded writes, the marks of nonces,
// the records, and the pool of shared etcd leases that carry them. Each has its own lock, and
// uses those below it alone.
type Store struct {
	*writer
	marker     *marker
	records    *records
	pool       *pool
	keyWatches keyWatches
	streams    watchStreams // of keyWatches
	watchErrs  watchErrors
	mailLeases mailLeases
	shown      shown
	lateLogs   lateLogs
	logRefused atomic.Int64 // when the servers last refused an update because of its entries, ns since 1970

	answerWatches answerWatches
}

var (
	_ store.Store          = (*Store)(nil)
	_ store.Describer      = (*Store)(nil)
	_ store.Definer        = (*Store)(nil)
	_ store.DeleteNotifier = (*Store)(nil)
	_ store.BatchDeleter   = (*Store)(nil)
	_ store.BatchGetter    = (*Store)(nil)
	_ store.Logger         = (*Store)(nil)
	_ store.Requester      = (*Store)(nil)
	_ feed.Source          = source{}
)

// Option changes how [New] makes a store. Most stores need none.
type Option func(*options)

type options struct {
	untried bool
	after   func(context.Context, clientv3.LeaseID) // is called with the etcd lease of a trial that succeeds
}

// WithoutTrial is for a program that runs a moment, or for a user without the right to write. [New]
// tries no verb, and waits for no server: it fails at once if none can be reached. A verb that the
// user has no right to is [ErrDenied].
func WithoutTrial() Option { return func(o *options) { o.untried = true } }

// New returns a store on the cluster that client is connected to. It asks for the
// smallest ttl that the servers grant, and tries each verb and a watch on a record of
// the library's own: a client with too few rights, or with a namespace on only some of
// its interfaces, is refused here. A fault of the servers is a *[ServerError]; an
// unusable client is a *[store.InvalidError]. New waits ten seconds at most for the first
// answer, however long ctx lasts, and then says why there is no connection.
//
// The caller owns the client, and with it the endpoints, credentials and timeouts.
func New(ctx context.Context, client *clientv3.Client, opts ...Option) (*Store, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	s, err := newStore(client)
	if err != nil {
		return nil, err
	}
	if err := s.check(ctx, o); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// newStore returns a store that knows nothing of its servers yet.
func newStore(client *clientv3.Client) (*Store, error) {
	if client == nil {
		return nil, &store.InvalidError{What: "client", Rule: "must not be nil"}
	}
	conn := client.ActiveConnection()
	if conn == nil {
		return nil, &store.InvalidError{What: "client", Rule: "must have a connection: keep-alives are sent on it"}
	}
	w := newWriter(newCluster(client, conn))
	m, r := &marker{writer: w}, newRecords()
	return &Store{writer: w, marker: m, records: r, pool: newPool(w, m, r), keyWatches: keyWatches{byKey: make(map[string]*keyWatch)},
		mailLeases: mailLeases{granting: make(chan struct{}, 1)}, answerWatches: answerWatches{byKey: make(map[string]*answerWatch)},
		lateLogs: lateLogs{byKey: make(map[string]*lateLog)}}, nil
}

// Close ends every call and watch, which then return [store.ErrClosed] or, for a write
// under way, [store.ErrInDoubt], and joins the store's goroutines. It revokes empty etcd
// leases; records stay for their ttl. Close may be called again. It does not close the
// client.
func (s *Store) Close() error {
	s.tasks.close()
	idle := append(s.pool.close(), s.marker.close()...)
	ctx, cancel := context.WithTimeout(clientv3.WithRequireLeader(context.Background()), closeTimeout)
	defer cancel()
	for _, lease := range idle {
		s.client.Revoke(ctx, lease) // if that fails the etcd lease expires
	}
	return nil
}

// closeTimeout bounds the revokes of Close.
const closeTimeout = time.Second

// WatchErr returns the latest error that keeps changes from a watch, or a call of
// [Store.Deletions], at present, or nil if there is none. The store goes on trying to open
// the watch, and then resyncs it. A user's missing right to the whole of a prefix does not
// count; see the package doc.
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
