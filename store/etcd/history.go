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
type history struct {
	mu       sync.Mutex
	revision int64
	at       time.Time     // when it was last seen
	broken   chan struct{} // closed, and replaced, when the revision has gone back
}

func newHistory() *history { return &history{broken: make(chan struct{})} }

// now returns the revision that every later answer has at least, and what is closed if
// one has not.
func (h *history) now() (int64, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.revision, h.broken
}

// saw takes in the revision of an answer to a request that was sent when the revision
// was at least before.
func (h *history) saw(before, revision int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = time.Now()
	if revision < before && h.revision >= before {
		close(h.broken)
		h.broken = make(chan struct{})
		h.revision = revision
		return
	}
	h.revision = max(h.revision, revision)
}

// due reports whether nothing was seen for so long that somebody should look, and takes
// note that the caller does.
func (h *history) due(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now.Sub(h.at) < pulse {
		return false
	}
	h.at = now
	return true
}

// patiently bounds a read, or the grant of a lease that others wait for too. A member that
// hangs keeps its connections, and the client would wait for it for ever; the next try goes
// to another. How long a try takes is random: the client sends its requests to the members
// in turn, and of several that are tried again in step one could meet the same each time.
func patiently(ctx context.Context) (context.Context, context.CancelFunc) {
	return within(ctx, pulse)
}

// within bounds a try to half of a time and up to all of it.
func within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, limit-rand.N(limit/2), errHung)
}

// insistently makes a read again while the members hang that it is sent to: the client sends
// each request to the next.
func insistently[T any](read func() (T, error)) (answer T, err error) {
	for range 3 {
		if answer, err = read(); !errors.Is(err, errHung) {
			break
		}
	}
	return answer, err
}

var errHung = errors.New("an etcd member has not answered for long")

// pulse is how often a store that watches looks at the revision, if nothing else shows
// it.
const pulse = 5 * time.Second

// peek reads nothing but the revision.
func (s *Store) peek(ctx context.Context) {
	s.getOnce(ctx, store.Reserved, clientv3.WithCountOnly()) // a failure shows nothing
}

func (s *Store) get(ctx context.Context, key string, opts ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	return insistently(func() (*clientv3.GetResponse, error) { return s.getOnce(ctx, key, opts...) })
}

// getOnce reads, and sees the revision.
func (s *Store) getOnce(ctx context.Context, key string, opts ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	ctx, cancel := patiently(ctx)
	defer cancel()
	before, _ := s.history.now()
	answer, err := s.client.Get(ctx, key, opts...)
	if err != nil {
		return nil, cause(ctx, err)
	}
	s.history.saw(before, answer.Header.Revision)
	return answer, nil
}
