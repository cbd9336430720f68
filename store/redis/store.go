package redisstore

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/store"
	"github.com/leasehold-go/leasehold/store/internal/feed"
)

// Store is a [store.Store] on Redis. [New] makes one; the zero Store is of no use.
type Store struct {
	connection
	instance  string // tells the store's records from those of other stores
	self      []any  // the same as an argument of scripts, boxed once
	layout    layout
	transport *transport
	index     *index
	listener  listener
	next      next
	untried   bool // see WithoutTrial

	lastExpiries atomic.Pointer[expiries]
	readOnly     atomic.Bool // whether records are read by EVALSHA_RO, as a user who may not write them must; see fetchWave
}

var (
	_ store.Store            = (*Store)(nil)
	_ store.Describer        = (*Store)(nil)
	_ store.Definer          = (*Store)(nil)
	_ store.DeleteNotifier   = (*Store)(nil)
	_ store.BatchDeleter     = (*Store)(nil)
	_ store.BatchGetter      = (*Store)(nil)
	_ store.GatheringWatcher = (*Store)(nil)
	_ store.Logger           = (*Store)(nil)
	_ store.Requester        = (*Store)(nil)
	_ store.Successor        = (*Store)(nil)
	_ feed.Source            = source{}
)

// New returns a store on the servers that client is connected to, after a check of each
// master: its version, its role, its maxmemory-policy, and the user's rights, by each verb on
// a record of the library's own. A server that does not fit is a *[ServerError]; a nil client
// or a bad option is a *[store.InvalidError].
//
// The client stays the caller's. If it has no timeouts, the store ends its commands after
// three seconds; a Cluster's client without timeouts is a *[store.InvalidError]. A
// *redis.Client and a *redis.ClusterClient will do, so redis.NewUniversalClient's will.
func New(ctx context.Context, client redis.UniversalClient, opts ...Option) (*Store, error) {
	conn, err := connect(client)
	if err != nil {
		return nil, err
	}
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	if err := o.check(conn.readTimeout()); err != nil {
		return nil, err
	}
	if conn, err = conn.bounded(); err != nil {
		return nil, err
	}
	database, clustered, evalRO, err := conn.check(ctx, o)
	if err != nil {
		return nil, err
	}
	s := newStore(conn, newLayout(store.Reserved, database, clustered), o.replicas)
	s.untried, s.listener.untried = o.untried, o.untried
	s.readOnly.Store(o.untried && evalRO)
	return s, nil
}

func newStore(conn connection, l layout, acks replicas) *Store {
	instance := store.NewNonce().String()[:16]
	s := &Store{connection: conn, instance: instance, self: []any{instance}, layout: l, transport: newTransport(conn, l, acks)}
	s.index = newIndex(l, s.transport)
	s.listener = listener{layout: l, transport: s.transport, instance: instance, next: &s.next, changes: feed.Hub{Lossy: true}}
	return s
}

// Close ends every watch, answers calls that are not sent yet with [store.ErrClosed] (but
// sends deletes), waits for those under way, and joins the store's goroutines. A call can take
// as long as the client's own timeouts, or three seconds if it has none. Afterwards every verb
// returns [store.ErrClosed]. Close may be called again. It does not close the client.
func (s *Store) Close() error {
	s.listener.close()
	s.index.close()
	s.transport.close()
	return nil
}

// Capabilities implements [store.Describer].
func (s *Store) Capabilities() store.Capabilities {
	return store.Capabilities{
		MinTTL: store.MinTTL,
		// The ttl and the moment it counts from are each rounded up to a
		// millisecond, and a key lives through the last one.
		Precision:         3 * time.Millisecond,
		TokensOutliveData: true,
	}
}

// WatchErr returns the error that keeps watches from hearing of changes at present, of one
// master of a Cluster too. It is nil while they hear, and while nobody watches. The store goes
// on trying to hear; until it does, a watch learns of changes only from its next full read. An error that stays is that the
// server's user has no right to the channel; see the package's doc.
func (s *Store) WatchErr() error { return s.listener.trouble() }
