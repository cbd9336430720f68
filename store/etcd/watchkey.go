package etcdstore

import (
	"context"
	"iter"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/store"
	"github.com/leasehold-go/leasehold/store/internal/feed"
)

// WatchKey implements [store.Store]. All watches of one key in a store share two etcd
// watches, one of the key's note and one of the deletes of the key, and the reads of the key.
func (s *Store) WatchKey(ctx context.Context, key string) iter.Seq2[store.Event, error] {
	return func(yield func(store.Event, error) bool) {
		if err := store.CheckKey(key); err != nil {
			yield(store.Event{}, err)
			return
		}
		k := s.joinKeyWatch(key)
		defer k.leave()
		if err := k.await(ctx); err != nil {
			yield(store.Event{}, err)
			return
		}
		k.hub.WatchKey(ctx, &keySource{watch: k}, key)(yield)
	}
}

// keyWatch is the watch of one key, shared by all calls of WatchKey for the key. It ends
// when the last of them leaves.
type keyWatch struct {
	watch
	users int // guarded by the mutex of keyWatches
	stop  context.CancelFunc
	reads keyReads
}

// keyWatches are the watched keys of a store.
type keyWatches struct {
	mu    sync.Mutex
	byKey map[string]*keyWatch
}

// joinKeyWatch returns the watch of a key. The caller has to leave it.
func (s *Store) joinKeyWatch(key string) *keyWatch {
	s.keyWatches.mu.Lock()
	defer s.keyWatches.mu.Unlock()
	k := s.keyWatches.byKey[key]
	if k == nil {
		ctx, stop := context.WithCancel(context.Background())
		k = &keyWatch{watch: watch{store: s, name: key, exact: true, settled: make(chan struct{})}, stop: stop}
		k.watch.reads = &k.reads
		s.keyWatches.byKey[key] = k
		if !k.start(ctx) {
			k.settle(store.ErrClosed)
		}
	}
	k.users++
	return k
}

// leave ends the watch if no other call uses it.
func (k *keyWatch) leave() {
	k.store.keyWatches.mu.Lock()
	defer k.store.keyWatches.mu.Unlock()
	if k.users--; k.users == 0 {
		k.stop()
		k.forget()
	}
}

// forget makes the next call of WatchKey open a watch of its own. The caller holds the
// mutex of keyWatches.
func (k *keyWatch) forget() {
	if k.store.keyWatches.byKey[k.name] == k {
		delete(k.store.keyWatches.byKey, k.name)
	}
}

// await returns once the watch is open. If it could not be opened, the waiting callers get the
// error, and later callers try again.
func (k *keyWatch) await(ctx context.Context) error {
	err := k.watch.await(ctx)
	if err == nil || ctx.Err() != nil {
		return err
	}
	k.store.keyWatches.mu.Lock()
	defer k.store.keyWatches.mu.Unlock()
	k.forget()
	return err
}

// keyReads has the latest known state of a watched key. If that is as new as a feed needs, the
// feed uses it, else it shares one read with the other feeds.
type keyReads struct {
	mu       sync.Mutex
	begun    int           // the number of the last read that was begun
	underWay chan struct{} // closed when the read under way has ended; nil while there is none
	heard    int64         // the largest revision of an event
	misses   int           // how often events may have been missed
	version  int           // grows whenever the state is set
	state    keyState

	failed int // the number of the last read that failed
	err    error
}

// keyState is the state of a key at a revision.
type keyState struct {
	read     int       // the number of the last read that succeeded
	revision int64     // of the state
	misses   int       // how often events may have been missed before
	at       time.Time // when record.Left was true
	record   store.Record
	exists   bool
}

// left returns the record with its time left at now. It returns false if that has passed; a
// state without a record does not expire.
func (k keyState) left(now time.Time) (store.Record, bool) {
	r := k.record
	if k.exists && r.Left != store.Forever {
		r.Left -= now.Sub(k.at)
	}
	return r, !k.exists || r.Left > 0
}

// event notes an event of the key or its note, and reports whether it is news: the end of a
// lease deletes both in one revision. After a delete of either there is no record, so that
// feeds need not read the key.
func (r *keyReads) event(e *clientv3.Event) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Kv.ModRevision <= r.heard {
		return false
	}
	r.heard = e.Kv.ModRevision
	if e.Type == clientv3.EventTypeDelete && e.Kv.ModRevision > r.state.revision {
		r.state = keyState{read: r.state.read, revision: e.Kv.ModRevision, misses: r.misses}
		r.version++
	}
	return true
}

// missed notes that events may have been missed, or that the cluster has lost its data and
// begins again with smaller revisions.
func (r *keyReads) missed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.misses++
	r.heard, r.state.revision = 0, 0
}

// keySource reads for one feed of a watched key.
type keySource struct {
	watch *keyWatch
	used  int // the version of the state that the feed has; zero before its first read
}

// Read returns the state of the key after every event that the watch has received. The first
// read of a feed begins after the call. Later the feed may use the read of another feed if
// that is newer than its own state: it then follows an event, or the end of a record's time
// left.
func (s *keySource) Read(ctx context.Context, _ []string) (map[string]store.Record, error) {
	r := &s.watch.reads
	r.mu.Lock()
	defer r.mu.Unlock()
	need := r.begun + 1
	for {
		record, alive := r.state.left(time.Now())
		follows := s.used > 0 && r.version > s.used && r.state.revision >= r.heard && r.state.misses == r.misses
		switch {
		case alive && (r.state.read >= need || follows):
			s.used = r.version
			if !r.state.exists {
				return nil, nil
			}
			return map[string]store.Record{record.Key: record}, nil
		case r.failed >= need:
			return nil, r.err
		case r.state.read >= need: // its time left has passed meanwhile
			need = r.begun + 1
		}
		if r.underWay == nil && !s.watch.begin() {
			return nil, failed("watch", s.watch.name, reads, store.ErrClosed)
		}
		underWay := r.underWay
		r.mu.Unlock()
		err := await(ctx, underWay)
		r.mu.Lock()
		if err != nil {
			return nil, failed("watch", s.watch.name, reads, err)
		}
	}
}

// List is not called: a feed of one key only calls Read.
func (s *keySource) List(ctx context.Context, prefix string) iter.Seq2[store.Record, error] {
	return s.watch.store.List(ctx, prefix)
}

var _ feed.Source = (*keySource)(nil)

// begin has a goroutine read the key. It returns false if the store is closed. The caller
// holds the mutex of the reads.
func (k *keyWatch) begin() bool {
	r := &k.reads
	r.begun++
	number, misses := r.begun, r.misses
	underWay := make(chan struct{})
	r.underWay = underWay
	started := k.store.tasks.start(func(ctx context.Context) {
		state, err := k.read(ctx)
		r.mu.Lock()
		defer r.mu.Unlock()
		defer close(underWay)
		r.underWay = nil
		if err != nil {
			r.failed, r.err = number, failed("watch", k.name, reads, err)
			return
		}
		r.state.read = number
		if misses != r.misses {
			state.revision = 0 // the cluster may have lost its data since
		}
		if state.revision < r.state.revision {
			return // an event had a newer state
		}
		state.read, state.misses = number, misses
		r.state = state
		r.version++
	})
	if !started {
		r.underWay = nil
	}
	return started
}

// read reads the key as List would.
func (k *keyWatch) read(ctx context.Context) (keyState, error) {
	f, err := k.store.readOne(ctx, k.name)
	if err != nil {
		return keyState{}, err
	}
	state := keyState{revision: f.at, at: time.Now()}
	if f.value == nil || !listed(f) {
		return state, nil
	}
	left, err := k.store.timeLeft(ctx, f.lease())
	if err != nil {
		return keyState{}, err
	}
	state.at, state.record, state.exists = time.Now(), f.record(), left > 0
	state.record.Left = left
	return state, nil
}
