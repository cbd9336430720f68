package redisstore

import (
	"context"
	"iter"
	"time"

	"github.com/leasehold-go/leasehold/internal/ctxerr"
	"github.com/leasehold-go/leasehold/store"
	"github.com/leasehold-go/leasehold/store/internal/feed"
)

// Watch implements [store.Store]. Published messages only say which keys to read again; the
// package's doc describes a watch without messages.
func (s *Store) Watch(ctx context.Context, prefix string) iter.Seq2[store.Event, error] {
	return s.watch(ctx, store.CheckPrefix(prefix), s.listener.ofAll(), prefix, s.listener.changes.Watch)
}

// WatchGathered implements [store.GatheringWatcher]. While nobody else listens, messages are gathered
// before they are read from the connection, else afterwards.
func (s *Store) WatchGathered(ctx context.Context, prefix string, gather time.Duration) iter.Seq2[store.Event, error] {
	begin := func(ctx context.Context, src feed.Source, prefix string) iter.Seq2[store.Event, error] {
		return func(yield func(store.Event, error) bool) {
			defer s.listener.relax(gather)()
			s.listener.changes.WatchGathered(ctx, src, prefix, func() time.Duration { return s.listener.gathers(gather) })(yield)
		}
	}
	return s.watch(ctx, store.CheckPrefix(prefix), s.listener.ofAll(), prefix, begin)
}

// WatchKey implements [store.Store]. It listens on the channel of the key alone, and the
// end of a record by a delete is yielded without a read.
func (s *Store) WatchKey(ctx context.Context, key string) iter.Seq2[store.Event, error] {
	return s.watch(ctx, store.CheckKey(key), s.listener.ofKey(key), key, s.listener.changes.WatchKey)
}

// watch listens to a topic while a feed runs, unless its name is invalid.
func (s *Store) watch(
	ctx context.Context, invalid error, t topic, name string,
	begin func(context.Context, feed.Source, string) iter.Seq2[store.Event, error],
) iter.Seq2[store.Event, error] {
	return func(yield func(store.Event, error) bool) {
		if invalid != nil {
			yield(store.Event{}, invalid)
			return
		}
		if err := s.listener.join(ctx, t); err != nil {
			if ctx.Err() != nil {
				err = ctxerr.Of(ctx)
			} else {
				err = failed("watch", name, reads, err)
			}
			yield(store.Event{}, err)
			return
		}
		defer s.listener.leave(t)
		begin(ctx, source{s}, name)(yield)
	}
}

// Deletions implements [store.DeleteNotifier]. It listens on the store's own channel. Another
// store that deletes a record of this one says so there.
func (s *Store) Deletions(ctx context.Context) iter.Seq[string] {
	return func(yield func(string) bool) {
		t := s.listener.ofStore()
		if session, _ := s.listener.enter(t); session != nil {
			defer s.listener.leave(t)
			s.listener.adjust(session, t)
			s.listener.deletes.Keys(ctx)(yield)
		}
	}
}

// source has the reads of the feeds.
type source struct{ *Store }

// Read returns the records of these keys as List yields them: a foreign value only if the
// index has its key.
func (s source) Read(ctx context.Context, keys []string) (map[string]store.Record, error) {
	wanted := make([]names, len(keys))
	for i, key := range keys {
		wanted[i] = s.layout.of(key)
	}
	s.layout.bySlot(wanted)
	live := make(map[string]store.Record, len(keys))
	var foreign []found
	for f, err := range s.fetch(ctx, wanted) {
		switch {
		case err != nil:
			return nil, failed("watch", keys[0], reads, err)
		case f.live && f.record.Foreign():
			foreign = append(foreign, f)
		case f.live:
			live[f.key] = f.record
		}
	}
	return live, s.addListed(ctx, live, foreign)
}

// addListed adds the foreign values with keys in the index.
func (s source) addListed(ctx context.Context, live map[string]store.Record, foreign []found) error {
	calls := make([]*call, len(foreign))
	for i, f := range foreign {
		calls[i] = newCommand(entryCost, "zscore", s.layout.index(f.slot), f.key)
	}
	s.transport.do(ctx, calls...)
	for i, c := range calls {
		_, err := c.reply()
		switch {
		case err == nil:
			live[foreign[i].key] = foreign[i].record
		case !isNil(err):
			return failed("watch", foreign[i].key, reads, err)
		}
	}
	return nil
}
