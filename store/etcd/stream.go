package etcdstore

import (
	"cmp"
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
// has not answered for memberTimeout: the connection to a member that hangs stays open. It does
// not end with the store: each call leaves its stream.
type watchStream struct {
	cluster *cluster
	ctx     context.Context // of the watches
	end     context.CancelCauseFunc
	heard   atomic.Bool // whether the member has answered since the last check
	checks  sync.WaitGroup
	users   int         // guarded by the mutex of watchStreams
	left    atomic.Bool // whether a watch was left while the client opened it, or opened it again

	// turn has an element while a user opens its watches or ends them, which only one does at a
	// time: if the servers refuse a watch while the last other one of the stream ends, an etcd
	// client v3.7.3 never opens another one on the stream, and its Close does not return. A user
	// that opens takes openTurn first, so that a user that ends waits for one of them at most.
	turn, openTurn chan struct{}
}

func newWatchStream(c *cluster) *watchStream {
	w := &watchStream{cluster: c, turn: make(chan struct{}, 1), openTurn: make(chan struct{}, 1)}
	w.ctx, w.end = context.WithCancelCause(withStream(clientv3.WithRequireLeader(context.Background())))
	w.heard.Store(true)
	return w
}

// close ends a stream that has no users.
func (w *watchStream) close() {
	w.end(context.Canceled)
	w.checks.Wait()
	if w.left.Load() {
		w.cluster.tasks.start(w.sweep)
	}
}

// sweep has the client end the gRPC stream. An etcd client v3.7.3 ends it with its last watch, but
// neither with one that was left before it was open, nor if it is asked for a sign of life later.
func (w *watchStream) sweep(life context.Context) {
	ctx, end := context.WithCancel(context.WithoutCancel(w.ctx))
	defer end()
	defer context.AfterFunc(life, end)()
	w.cluster.client.Watch(ctx, store.Reserved) // comes back once it is open, or refused
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
				w.left.Store(true) // perhaps
				w.end(errHung)
				return
			}
			ctx, cancel := context.WithTimeout(w.ctx, memberTimeout)
			w.cluster.client.RequestProgress(ctx) // if it fails there is no sign of life
			cancel()
			if w.cluster.revision.due(now) {
				w.cluster.peek(w.ctx) // a failure has no revision
			}
		}
	}
}

// open opens etcd watches on the stream. The function open gets their context and returns the watches
// that it has opened, also if it fails. The context ends if that takes longer than watchTimeout: the client
// would wait for ever for a member that hangs. If ctx ends meanwhile, open has leaveTimeout to come
// back, so that no watch is left while the servers refuse it; see turn.
func (w *watchStream) open(ctx context.Context, open func(context.Context) ([]clientv3.WatchChan, error)) (*streamWatches, error) {
	watching, end := context.WithCancel(w.ctx)
	watches := &streamWatches{stream: w}
	watches.close = func() { w.endWatches(end, watches.events) }
	watches.reset = w.cluster.revision.resets()
	late := time.AfterFunc(watchTimeout, end)
	var err error
	if take(w.openTurn, ctx, watching) {
		if take(w.turn, ctx, watching) {
			leave := context.AfterFunc(ctx, func() { late.Reset(leaveTimeout) })
			if watches.events, err = open(watching); watching.Err() != nil {
				w.left.Store(true)
			}
			leave()
			<-w.turn
		}
		<-w.openTurn
	}
	switch ended := !late.Stop(); {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case ended:
		err = errHung
	case w.ctx.Err() != nil:
		err = context.Cause(w.ctx)
	}
	if err != nil {
		watches.close()
		return nil, err
	}
	w.heard.Store(true) // an answer to the last check may have come before
	return watches, nil
}

// take puts an element into a channel, unless one of the contexts ends first.
func take(turn chan struct{}, ctx, other context.Context) bool {
	if ctx.Err() != nil {
		return false
	}
	select {
	case turn <- struct{}{}:
		return true
	case <-ctx.Done():
	case <-other.Done():
	}
	return false
}

// endWatches ends watches of the stream and returns once the client has ended them. If the stream
// is at work for another user for longer than leaveTimeout, it ends them nevertheless.
func (w *watchStream) endWatches(end func(), watches []clientv3.WatchChan) {
	if len(watches) == 0 {
		end()
		return
	}
	late := time.NewTimer(leaveTimeout)
	defer late.Stop()
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-late.C:
	}
	end()
	late.Reset(leaveTimeout)
	for _, c := range watches {
		for open := true; open; {
			select {
			case _, open = <-c:
			case <-late.C:
				return
			}
		}
	}
}

// streamWatches are etcd watches that one user has open on a stream.
type streamWatches struct {
	stream *watchStream
	events []clientv3.WatchChan // one or two
	reset  <-chan struct{}      // closed once the cluster's revision has gone back
	close  func()
}

// next returns events, or none once late has an element. An error says that a watch has ended.
// While no user of a stream calls it, the stream can end as one that hangs.
func (w *streamWatches) next(ctx context.Context, late <-chan time.Time) ([]*clientv3.Event, error) {
	var second clientv3.WatchChan
	if len(w.events) > 1 {
		second = w.events[1]
	}
	for {
		var r clientv3.WatchResponse
		var open bool
		select {
		case r, open = <-w.events[0]:
		case r, open = <-second:
		case <-late:
			return nil, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-w.reset:
			return nil, errRevisionReset
		}
		if !open || r.Err() != nil {
			return nil, cmp.Or(context.Cause(w.stream.ctx), endOf(r), errWatchClosed)
		}
		w.stream.heard.Store(true)
		if len(r.Events) > 0 {
			return r.Events, nil
		}
	}
}

// watchStreams are the streams that etcd watches share. A user has one or two watches, for a watched
// key or for a key whose requests, answers or log entries are read.
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
		w = newWatchStream(c)
		w.checks.Go(w.check)
		s.shared = append(s.shared, w)
	}
	w = s.shared[i]
	w.users++
	return w, isNew
}

// open opens etcd watches on a shared stream, as open of watchStream does. If they cannot be opened
// there, no other user joins the stream and they try the next: the token of a stream can have
// expired. While there is no connection the client is not asked for any.
func (s *watchStreams) open(ctx context.Context, c *cluster, open func(context.Context) ([]clientv3.WatchChan, error)) (*streamWatches, error) {
	for {
		if err := c.awaitConnection(ctx); err != nil {
			return nil, err
		}
		stream, isNew := s.join(c)
		watches, err := stream.open(ctx, open)
		if err == nil {
			end := watches.close
			watches.close = func() { end(); s.leave(stream) }
			return watches, nil
		}
		refused := isForbidden(err)
		if !refused {
			s.retire(stream)
		}
		s.leave(stream)
		if refused || isNew || ctx.Err() != nil {
			return nil, err
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
