package etcdstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/store"
)

// history is what a store has seen of the cluster's revision. It only grows, unless the
// cluster lost its data or was restored from a backup. A watch does not tell of that: it
// waits, in silence, for a revision that may never come again.
type clusterRevision struct {
	mu       sync.Mutex
	revision int64
	seenAt   time.Time     // when it was last seen
	reset    chan struct{} // closed, and replaced, when the revision has gone back
}

func newClusterRevision() *clusterRevision { return &clusterRevision{reset: make(chan struct{})} }

// now returns the revision that every later answer has at least, and what is closed if
// one has not.
func (r *clusterRevision) latest() (int64, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.revision, r.reset
}

// saw takes in the revision of an answer to a request that was sent when the revision
// was at least before.
func (r *clusterRevision) observe(before, revision int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seenAt = time.Now()
	if revision < before && r.revision >= before {
		close(r.reset)
		r.reset = make(chan struct{})
		r.revision = revision
		return
	}
	r.revision = max(r.revision, revision)
}

// due reports whether nothing was seen for so long that somebody should look, and takes
// note that the caller does.
func (r *clusterRevision) due(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.seenAt) < memberTimeout {
		return false
	}
	r.seenAt = now
	return true
}

// tryContext bounds a read, or the grant of a lease that others wait for too. A member that
// hangs keeps its connections, and the client would wait for it for ever; the next try goes
// to another. How long a try takes is random: the client sends its requests to the members
// in turn, and of several that are tried again in step one could meet the same each time.
func tryContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return tryWithin(ctx, memberTimeout)
}

// tryWithin bounds a try to half of a time and up to all of it.
func tryWithin(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, limit-rand.N(limit/2), errHung)
}

// retryHung makes a read again while the members hang that it is sent to: the client sends
// each request to the next.
func retryHung[T any](read func() (T, error)) (answer T, err error) {
	for range 3 {
		if answer, err = read(); !errors.Is(err, errHung) {
			break
		}
	}
	return answer, err
}

var errHung = errors.New("an etcd member has not answered for long")

// memberTimeout is how often a store that watches looks at the revision, if nothing else shows
// it.
const memberTimeout = 5 * time.Second

// peek reads nothing but the revision.
func (s *Store) peek(ctx context.Context) {
	s.getOnce(ctx, store.Reserved, clientv3.WithCountOnly()) // a failure shows nothing
}

func (s *Store) get(ctx context.Context, key string, opts ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	return retryHung(func() (*clientv3.GetResponse, error) { return s.getOnce(ctx, key, opts...) })
}

// getOnce reads, and sees the revision.
func (s *Store) getOnce(ctx context.Context, key string, opts ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	ctx, cancel := tryContext(ctx)
	defer cancel()
	before, _ := s.revision.latest()
	answer, err := s.client.Get(ctx, key, opts...)
	if err != nil {
		return nil, cause(ctx, err)
	}
	s.revision.observe(before, answer.Header.Revision)
	return answer, nil
}
