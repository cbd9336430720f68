package etcdstore

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/store"
	"github.com/leasehold-go/leasehold/store/internal/feed"
)

const (
	firstPause = 100 * time.Millisecond // after a watch that failed; doubles up to maxPause
	maxPause   = 5 * time.Second
)

// Watch implements [store.Store]. Two etcd watches say which keys to read again: one of the
// notes under the prefix, and one of the deletes of keys under it, because another program
// deletes a key and not its note.
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

// Deletions implements [store.DeleteNotifier]. It is one etcd watch of the deletes of notes:
// it reports the key of an expired record too, and no key that another program deletes.
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

// watch receives the events for one Watch, for one Deletions, or for all WatchKey of a key.
type watch struct {
	store   *Store
	name    string // the prefix, or the key
	exact   bool   // the name is a key
	deletes bool   // watch the deletes of notes alone
	hub     feed.Hub
	reads   *keyReads // of an exact watch

	settled chan struct{} // closed once the first open has succeeded or failed
	failure error         // of the first open
	tried   bool          // whether settled is closed; used by the listening goroutine alone
}

// await returns once the watch is open, or with the error of its first open. The watch is
// opened before the first list, so that a change in between is reported twice, not missed.
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

// start has a goroutine listen until ctx ends. It returns false if the store is closed.
func (w *watch) start(ctx context.Context) bool {
	return w.store.tasks.start(func(life context.Context) {
		life, stop := context.WithCancel(life)
		defer stop()
		defer context.AfterFunc(ctx, stop)()
		w.listen(life)
	})
}

// listen opens one pair of etcd watches after another until ctx ends. A first open that fails
// ends it too, because a caller waits for its result; nobody waits for that of Deletions. The
// feeds read everything again after each watch and each try. Deletions says once, when it
// hears again, that deletes were missed: the answer of a keeper is to renew all its leases.
func (w *watch) listen(ctx context.Context) {
	defer w.hub.Close()
	defer w.store.watchErrs.clear(w)
	for pause := firstPause; ctx.Err() == nil; pause = min(2*pause, maxPause) {
		opened, err := w.watchOnce(ctx)
		if !w.deletes {
			w.missed()
		}
		if !opened && w.settle(err) && !w.deletes {
			return
		}
		if opened {
			pause = firstPause
		}
		if ctx.Err() == nil {
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

// watchErrors are the watches that receive no events at present, with the error of each.
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

// settle notes the result of the first open, and reports whether it was the first.
func (w *watch) settle(err error) bool {
	if w.tried {
		return false
	}
	w.tried, w.failure = true, err
	close(w.settled)
	return true
}

// watchOnce opens the etcd watches and relays their events until one fails. The watches of
// several keys share streams; those of a prefix have one of their own.
func (w *watch) watchOnce(ctx context.Context) (opened bool, err error) {
	streams := &w.store.streams
	if !w.exact {
		streams = new(watchStreams)
	}
	watches, err := streams.open(ctx, w.store.cluster, w.open)
	if err != nil {
		return false, err
	}
	defer watches.close()
	w.store.watchErrs.clear(w)
	if !w.settle(nil) {
		w.missed() // there may have been changes between the watches, or since the first try
	}
	for {
		events, err := watches.next(ctx, nil)
		if err != nil {
			return true, err
		}
		w.mark(events)
	}
}

// open opens both etcd watches before it waits for either. A watch of the deletes of notes has
// one only. If the user has no right to the whole range of keys, there are events of the notes
// alone.
func (w *watch) open(ctx context.Context) (opened []clientv3.WatchChan, err error) {
	opts := []clientv3.OpOption{clientv3.WithCreatedNotify()}
	if !w.exact {
		opts = append(opts, clientv3.WithPrefix())
	}
	deleteOpts := append(slices.Clone(opts), clientv3.WithFilterPut())
	if w.deletes {
		opened = []clientv3.WatchChan{w.store.client.Watch(ctx, noteOf(""), deleteOpts...)}
		return opened, awaitOpen(ctx, opened...)
	}
	opened = []clientv3.WatchChan{w.store.client.Watch(ctx, noteOf(w.name), opts...), w.store.client.Watch(ctx, w.name, deleteOpts...)}
	if err := awaitOpen(ctx, opened[0]); err != nil {
		return opened, err
	}
	if err := awaitOpen(ctx, opened[1]); isDenied(err) {
		return opened[:1], nil
	} else if err != nil {
		return opened, err
	}
	return opened, nil
}

var (
	errWatchClosed   = errors.New("the client closed the watch")
	errRevisionReset = errors.New("the cluster's revision has gone back")
)

// awaitOpen returns once etcd watches are open.
func awaitOpen(ctx context.Context, watches ...clientv3.WatchChan) error {
	for _, c := range watches {
		select {
		case r, open := <-c:
			if !open {
				return errWatchClosed
			}
			if err := endOf(r); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// endOf returns the error of an etcd watch that has ended. The client passes on the server's
// error as mere text.
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

// mark tells the feeds which keys changed.
func (w *watch) mark(events []*clientv3.Event) {
	for _, e := range events {
		name := string(e.Kv.Key)
		if key, ok := keyOf(name); ok {
			name = key
		}
		if store.CheckKey(name) != nil {
			continue
		}
		if w.deletes {
			w.store.pool.invalidateAttached(name)
		}
		if w.reads == nil || w.reads.event(e) {
			w.hub.Mark(name, store.CauseUnknown)
		}
	}
}

// source reads for the feeds of a watch.
type source struct{ *Store }

// Read returns the records that List would yield for these keys.
func (s source) Read(ctx context.Context, keys []string) (map[string]store.Record, error) {
	return s.readAll(ctx, "watch", keys, listed)
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
