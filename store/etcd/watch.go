package etcdstore

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/metadata"

	"github.com/leasehold-go/leasehold/store"
	"github.com/leasehold-go/leasehold/store/internal/feed"
)

const (
	firstPause = 100 * time.Millisecond // between watches that failed, doubling
	maxPause   = 5 * time.Second
)

// Watch implements [store.Store]. Two watches of etcd's own say which keys to read
// again: one of the notes under the prefix, and one of the deletes of keys under it,
// because another program deletes a key and not its note.
func (s *Store) Watch(ctx context.Context, prefix string) iter.Seq2[store.Event, error] {
	return func(yield func(store.Event, error) bool) {
		if err := store.CheckPrefix(prefix); err != nil {
			yield(store.Event{}, err)
			return
		}
		inner, stop := context.WithCancel(ctx)
		defer stop()
		w := &watch{store: s, name: prefix, settled: make(chan struct{})}
		if !w.start(inner) {
			w.settle(store.ErrClosed)
		}
		if err := w.await(ctx); err != nil {
			yield(store.Event{}, err)
			return
		}
		w.hub.Watch(ctx, source{s}, prefix)(yield)
	}
}

// Deletions implements [store.DeleteNotifier]. It is one watch of etcd's own, of deletes of notes:
// what expires is told too, and what another program deletes is not.
func (s *Store) Deletions(ctx context.Context) iter.Seq[string] {
	return func(yield func(string) bool) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		w := &watch{store: s, deletes: true, settled: make(chan struct{})}
		if w.start(ctx) {
			w.hub.Keys(ctx)(yield)
		}
	}
}

// watch listens for one Watch, for one Deletions, or for all WatchKey of a key.
type watch struct {
	store   *Store
	name    string // the prefix, or the key
	exact   bool   // whether it is of that key alone
	deletes bool   // of notes, and nothing else
	hub     feed.Hub
	reads   *keyReads // of an exact watch

	settled chan struct{} // closed once the first try to hear has succeeded or failed
	failure error         // why it failed
	tried   bool          // whether settled is closed; the listening goroutine's
}

// await returns once the watch hears, or it is known that it does not. Listening comes
// before the first list: what happens in between is then told twice and not missed.
func (w *watch) await(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case <-w.settled:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if w.failure != nil {
		return failed("watch", w.name, reads, w.failure)
	}
	return nil
}

// start has a goroutine listen until ctx ends, unless the store is closed.
func (w *watch) start(ctx context.Context) bool {
	return w.store.tasks.start(func(life context.Context) {
		life, stop := context.WithCancel(life)
		defer stop()
		defer context.AfterFunc(ctx, stop)()
		w.listen(life)
	})
}

// listen hears of changes, over one pair of watches after another, until ctx ends.
func (w *watch) listen(ctx context.Context) {
	defer w.hub.Close()
	defer w.store.watchErrs.clear(w)
	for pause := firstPause; ctx.Err() == nil; pause = min(2*pause, maxPause) {
		opened, err := w.watchOnce(ctx)
		w.missed()
		if !opened && w.settle(err) {
			return
		}
		if opened {
			pause = firstPause
		}
		if ctx.Err() == nil && !w.deletes {
			w.store.watchErrs.set(w, named(err))
		}
		sleep(ctx, pause)
	}
	w.settle(store.ErrClosed)
}

// missed tells the feeds that events may have been missed.
func (w *watch) missed() {
	if w.reads != nil {
		w.reads.missed()
	}
	w.hub.Missed()
}

// watchErrors are the watches that hear nothing at present, with the error of each.
type watchErrors struct {
	mu   sync.Mutex
	list []watchError // the latest error last
}

type watchError struct {
	watch *watch
	err   error
}

func (l *watchErrors) set(w *watch, err error) {
	l.clear(w)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, watchError{w, err})
}

func (l *watchErrors) clear(w *watch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = slices.DeleteFunc(l.list, func(e watchError) bool { return e.watch == w })
}

func (l *watchErrors) latest() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.list) == 0 {
		return nil
	}
	return l.list[len(l.list)-1].err
}

// settle takes in how the first try to hear went, and reports whether it was the first.
func (w *watch) settle(err error) bool {
	if w.tried {
		return false
	}
	w.tried, w.failure = true, err
	close(w.settled)
	return true
}

// hear opens the watches and relays what they tell. They have a stream of their own:
// the client would put them on one that it has already, though a member hangs there.
func (w *watch) watchOnce(ctx context.Context) (opened bool, err error) {
	ctx, stop := context.WithCancel(metadata.AppendToOutgoingContext(ctx, streamKey, store.NewNonce().String()))
	defer stop()
	_, reset := w.store.revision.latest()
	var noteEvents, deleteEvents clientv3.WatchChan
	err = withWatchTimeout(stop, func() (err error) {
		noteEvents, deleteEvents, err = w.open(ctx)
		return err
	})
	if err != nil {
		return false, err
	}
	w.store.watchErrs.clear(w)
	if !w.settle(nil) {
		w.missed() // whatever happened between the watches
	}
	return true, w.relay(ctx, noteEvents, deleteEvents, reset)
}

// open opens the watches, both before it waits for either. There is no second for those who
// want none, or have no right to the whole range: they hear of the notes alone.
func (w *watch) open(ctx context.Context) (noteEvents, deleteEvents clientv3.WatchChan, err error) {
	opts := []clientv3.OpOption{clientv3.WithCreatedNotify()}
	if !w.exact {
		opts = append(opts, clientv3.WithPrefix())
	}
	deleteOpts := append(slices.Clone(opts), clientv3.WithFilterPut())
	if w.deletes {
		noteEvents = w.store.client.Watch(ctx, noteOf(""), deleteOpts...)
		return noteEvents, nil, awaitOpen(ctx, noteEvents)
	}
	noteEvents = w.store.client.Watch(ctx, noteOf(w.name), opts...)
	deleteEvents = w.store.client.Watch(ctx, w.name, deleteOpts...)
	if err := awaitOpen(ctx, noteEvents); err != nil {
		return nil, nil, err
	}
	if err := awaitOpen(ctx, deleteEvents); isDenied(err) {
		return noteEvents, nil, nil
	} else if err != nil {
		return nil, nil, err
	}
	return noteEvents, deleteEvents, nil
}

// streamKey tells the client's streams apart. The servers take no notice of it.
const streamKey = "leasehold-watch"

// relay marks what watches tell until one ends, the revision has gone back, or the member
// that serves them has not answered for a memberTimeout. While they are quiet it looks after that
// itself: a connection to a member that hangs stays open.
func (w *watch) relay(ctx context.Context, noteEvents, deleteEvents clientv3.WatchChan, reset <-chan struct{}) error {
	ticker := time.NewTicker(memberTimeout)
	defer ticker.Stop()
	told := true
	for {
		var r clientv3.WatchResponse
		var open bool
		select {
		case r, open = <-noteEvents:
		case r, open = <-deleteEvents:
		case <-reset:
			return errRevisionReset
		case now := <-ticker.C:
			if !told {
				return errHung
			}
			told = false
			w.requestProgress(ctx)
			if w.store.revision.due(now) {
				w.store.peek(ctx)
			}
			continue
		}
		told = true
		if !open || r.Err() != nil {
			return endOf(r)
		}
		w.mark(r)
	}
}

// ask asks for a sign of life, which both watches tell of.
func (w *watch) requestProgress(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, memberTimeout)
	defer cancel()
	w.store.client.RequestProgress(ctx) // if it is not sent, none will come
}

var (
	errWatchClosed   = errors.New("the client closed the watch")
	errRevisionReset = errors.New("the cluster's revision has gone back")
)

// inTime opens watches. The client would wait for a member that hangs for as long as the
// context of the watches allows, which stop ends.
func withWatchTimeout(stop context.CancelFunc, open func() error) error {
	late := time.AfterFunc(watchTimeout, stop)
	err := open()
	if !late.Stop() {
		return errHung
	}
	return err
}

// first waits until a watch is there.
func awaitOpen(ctx context.Context, c clientv3.WatchChan) error {
	select {
	case r, open := <-c:
		if !open {
			return errWatchClosed
		}
		return endOf(r)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// endOf is the error of a watch that has ended. The client passes on a server's word for
// it as mere text.
func endOf(r clientv3.WatchResponse) error {
	err := r.Err()
	if err == nil {
		return nil
	}
	if _, words, ok := strings.Cut(err.Error(), " desc = "); ok {
		return rpctypes.Error(errors.New(words))
	}
	return err
}

// mark tells the feed which keys something happened to.
func (w *watch) mark(r clientv3.WatchResponse) {
	for _, e := range r.Events {
		name := string(e.Kv.Key)
		if key, ok := keyOf(name); ok {
			name = key
		}
		if store.CheckKey(name) != nil {
			continue
		}
		if w.deletes {
			w.store.invalidateAttached(name)
		}
		if w.reads == nil || w.reads.event(e) {
			w.hub.Mark(name, store.CauseUnknown)
		}
	}
}

// source is what a watch reads from.
type source struct{ *Store }

// Read returns what List would of these keys.
func (s source) Read(ctx context.Context, keys []string) (map[string]store.Record, error) {
	live := make(map[string]store.Record, len(keys))
	for some := range slices.Chunk(keys, maxPairs) {
		found, err := s.fetchIn(ctx, some, listed)
		if err != nil {
			return nil, failed("watch", some[0], reads, err)
		}
		maps.Copy(live, found)
	}
	return live, nil
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
