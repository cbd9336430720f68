package redisstore

import (
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/leasehold-go/leasehold/store"
)

// Watch implements [store.Store]. Published messages only say which keys to read
// again; see the package's doc on what happens where there are none.
func (s *Store) Watch(ctx context.Context, prefix string) iter.Seq2[store.Event, error] {
	return func(yield func(store.Event, error) bool) {
		if err := store.CheckPrefix(prefix); err != nil {
			yield(store.Event{}, err)
			return
		}
		if err := s.join(ctx, prefix); err != nil {
			yield(store.Event{}, err)
			return
		}
		defer s.changes.leave()
		s.changes.hub.Watch(ctx, source{s}, prefix)(yield)
	}
}

// WatchKey implements [store.Store].
func (s *Store) WatchKey(ctx context.Context, key string) iter.Seq2[store.Event, error] {
	return func(yield func(store.Event, error) bool) {
		err := store.CheckKey(key)
		if err == nil {
			err = s.join(ctx, key)
		}
		if err != nil {
			yield(store.Event{}, err)
			return
		}
		defer s.changes.leave()
		s.changes.hub.WatchKey(ctx, source{s}, key)(yield)
	}
}

// Deletions implements [store.DeleteNotifier]. It is a connection that listens on a channel of deletes
// alone.
func (s *Store) Deletions(ctx context.Context) iter.Seq[string] {
	return func(yield func(string) bool) {
		if s.deletes.join(s) == nil {
			return
		}
		defer s.deletes.leave()
		s.deletes.hub.Keys(ctx)(yield)
	}
}

// join returns once changes are heard, or it is known that they will not be.
// Listening comes before the first list: what happens in between is then told
// twice and not missed.
func (s *Store) join(ctx context.Context, prefix string) error {
	e := s.changes.join(s)
	if e == nil {
		return &store.Error{Op: "watch", Key: prefix, Condition: store.ErrClosed}
	}
	err := e.wait(ctx)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	default:
		err = failed("watch", prefix, reads, err)
	}
	s.changes.leave()
	return err
}

// source is what the hub's feeds read from.
type source struct{ *Store }

// Read returns what List would of these keys: a foreign value only if the index
// has its key.
func (s source) Read(ctx context.Context, keys []string) (map[string]store.Record, error) {
	wanted := make([]names, len(keys))
	for i, key := range keys {
		wanted[i] = s.layout.of(key)
	}
	slices.SortFunc(wanted, func(a, b names) int { return strings.Compare(a.index, b.index) })
	live := make(map[string]store.Record, len(keys))
	for f, err := range s.fetch(ctx, wanted) {
		if err != nil {
			return nil, failed("watch", f.key, reads, err)
		}
		if f.live && f.listed {
			live[f.key] = f.record
		}
	}
	return live, nil
}
