package etcdstore

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/metadata"

	"github.com/leasehold-go/leasehold/store"
)

// keysPerStream is how many users share a gRPC stream. The client opens the watches of
// a stream one after another, and a member that hangs costs all of them.
const keysPerStream = 64

// withStream has the client open the etcd watches of the context on a new gRPC stream. Without
// it, the client would put them on any open one, although its member hangs or its
// authentication token has expired. Contexts that are made from it share the stream.
func withStream(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "leasehold-watch", store.NewNonce().String()) // the servers ignore it
}

// watchStream is a gRPC stream of etcd watches. Its context ends, with errHung, when its member
// has not answered for memberTimeout: the connection to a member that hangs stays open.
type watchStream struct {
	cluster *cluster
	ctx     context.Context // of the watches
	end     context.CancelCauseFunc
	heard   atomic.Bool // whether the member has answered since the last check
	checks  sync.WaitGroup
	users   int // guarded by the mutex of watchStreams
}

func newWatchStream(c *cluster) *watchStream {
	w := &watchStream{cluster: c}
	w.ctx, w.end = context.WithCancelCause(withStream(clientv3.WithRequireLeader(c.tasks.life)))
	w.heard.Store(true)
	w.checks.Go(w.check)
	return w
}

func (w *watchStream) close() {
	w.end(context.Canceled)
	w.checks.Wait()
}

// check asks the member for a sign of life, which arrives on every watch of the stream, and for
// the revision if no other answer had it.
func (w *watchStream) check() {
	ticker := time.NewTicker(memberTimeout)
	defer ticker.Stop()
	for {
		select {
		case <-w.ctx.Done():
			return
		case now := <-ticker.C:
			if !w.heard.Swap(false) {
				w.end(errHung)
				return
			}
			ctx, cancel := context.WithTimeout(w.ctx, memberTimeout)
			w.cluster.client.RequestProgress(ctx) // if it fails there is no sign of life
			cancel()
			if w.cluster.revision.due(now) {
				w.cluster.peek(w.ctx)
			}
		}
	}
}

// watchStreams are the streams that etcd watches share. A user is one or two of them: of a watched
// key, of a key whose requests, answers or log entries are read.
type watchStreams struct {
	mu     sync.Mutex
	shared []*watchStream
}

// join returns a shared stream with room, or else a new one. The caller has to leave it.
func (s *watchStreams) join(c *cluster) (w *watchStream, isNew bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.shared, func(w *watchStream) bool { return w.users < keysPerStream && w.ctx.Err() == nil })
	if isNew = i < 0; isNew {
		i = len(s.shared)
		s.shared = append(s.shared, newWatchStream(c))
	}
	w = s.shared[i]
	w.users++
	return w, isNew
}

// open opens etcd watches on a shared stream, by a function that gets their context. It returns that
// context, and the function that ends the watches. If they cannot be opened there, no other user
// joins the stream and they try the next: the token of a stream can have expired.
func (s *watchStreams) open(ctx context.Context, c *cluster, open func(context.Context) error) (*watchStream, context.Context, func(), error) {
	for {
		w, isNew := s.join(c)
		watching, stop, err := openOn(ctx, w.ctx, open)
		if err == nil {
			w.heard.Store(true) // an answer to the last check may have come before
			return w, watching, func() { stop(); s.leave(w) }, nil
		}
		stop()
		refused := isForbidden(err)
		if !refused {
			s.retire(w)
		}
		s.leave(w)
		if refused || isNew || ctx.Err() != nil {
			return nil, nil, nil, err
		}
	}
}

// leave ends the stream with its last user.
func (s *watchStreams) leave(w *watchStream) {
	s.mu.Lock()
	w.users--
	last := w.users == 0
	if last {
		s.drop(w)
	}
	s.mu.Unlock()
	if last {
		w.close()
	}
}

// retire lets no other user join the stream.
func (s *watchStreams) retire(w *watchStream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(w)
}

func (s *watchStreams) drop(w *watchStream) {
	s.shared = slices.DeleteFunc(s.shared, func(other *watchStream) bool { return other == w })
}
