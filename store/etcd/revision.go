package etcdstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/store"
)

// seen has the cluster state that each answer carries.
type seen struct {
	revision int64
	term     uint64 // of the leader; grows with each election
}

func seenIn(h *pb.ResponseHeader) seen { return seen{h.Revision, h.RaftTerm} }

// clusterRevision is the largest revision and the latest term that the store has seen. They only
// grow, unless the cluster lost its data or was restored from a backup. An etcd watch does
// not report that: it waits in silence for a revision that may never come again.
type clusterRevision struct {
	mu     sync.Mutex
	latest seen
	told   time.Time     // when all members had been told that term; zero if they have not
	asked  time.Time     // when the latest request was sent whose answer it has seen
	seenAt time.Time     // when it was last seen
	reset  chan struct{} // closed, and replaced, when the revision has gone back
}

func newClusterRevision() *clusterRevision { return &clusterRevision{reset: make(chan struct{})} }

func (r *clusterRevision) now() seen {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.latest
}

// resets returns the channel that is closed if a later answer has a smaller revision than one before.
func (r *clusterRevision) resets() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reset
}

// askedSince reports whether an answer that needed a quorum is to a request that was sent after a time.
func (r *clusterRevision) askedSince(t time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked.After(t)
}

// allTold notes that all members have been told a term. If one has an earlier term in its answer to a
// later request, the terms have begun again.
func (r *clusterRevision) allTold(term uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.latest.term == term {
		r.told = time.Now()
	}
}

// observe notes the state in an answer that needed a quorum. When its request was sent, the
// store had seen before. An earlier term counts once all members were told: the answers of one that
// got a snapshot may have that of a leader long before.
func (r *clusterRevision) observe(asked time.Time, before, answer seen) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seenAt, r.asked = time.Now(), later(r.asked, asked)
	switch {
	case answer.term > r.latest.term:
		r.latest.term, r.told = answer.term, time.Time{}
	case answer.term < before.term && !r.told.IsZero() && asked.After(r.told):
		r.latest.term = answer.term
	}
	if answer.revision < before.revision && r.latest.revision >= before.revision {
		close(r.reset)
		r.reset = make(chan struct{})
		r.latest = answer
		return
	}
	r.latest.revision = max(r.latest.revision, answer.revision)
}

// due reports whether the revision should be asked for, because no answer came for
// memberTimeout. The caller then has to ask: due is false for the others meanwhile.
func (r *clusterRevision) due(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.seenAt) < memberTimeout {
		return false
	}
	r.seenAt = now
	return true
}

// tryContext bounds one try of a read, or the grant of an etcd lease. An etcd member that
// hangs keeps its connections, and the client would wait for it for ever; the next try goes
// to another member.
func tryContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return tryWithin(ctx, memberTimeout)
}

// tryWithin bounds a try to a random time between half the limit and all of it. The client
// sends requests to the members in turn, so that of several requests that are tried again in
// step, one could be sent to the same member each time.
func tryWithin(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, limit-rand.N(limit/2), errHung)
}

// retryHung makes up to three tries of a read, while a member hangs or may no longer lead. The client
// sends each to the next member.
func retryHung[T any](read func() (T, error)) (answer T, err error) {
	for range 3 {
		if answer, err = read(); !errors.Is(err, errHung) && !errors.Is(err, errSuperseded) {
			break
		}
	}
	return answer, err
}

var errHung = errors.New("an etcd member has not answered for long")

// memberTimeout bounds one try of a read, a grant, a keep-alive, a check or a delete. A quiet
// watch asks its member for a sign of life at this interval, and for the revision if no other
// answer had it.
const memberTimeout = 5 * time.Second

// peek asks for the revision and the term alone.
func (c *cluster) peek(ctx context.Context) error {
	_, err := c.getOnce(ctx, store.Reserved, clientv3.WithCountOnly())
	return err
}

func (c *cluster) get(ctx context.Context, key string, opts ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	return retryHung(func() (*clientv3.GetResponse, error) { return c.getOnce(ctx, key, opts...) })
}

// getOnce makes one try of a read, and observes the revision.
func (c *cluster) getOnce(ctx context.Context, key string, opts ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	ctx, cancel := tryContext(ctx)
	defer cancel()
	asked, before := time.Now(), c.revision.now()
	answer, err := c.client.Get(ctx, key, opts...)
	if err != nil {
		return nil, c.cause(ctx, err)
	}
	c.revision.observe(asked, before, seenIn(answer.Header))
	return answer, nil
}
