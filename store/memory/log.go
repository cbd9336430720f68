package memstore

import (
	"bytes"
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"github.com/leasehold-go/leasehold/internal/ctxerr"
	"github.com/leasehold-go/leasehold/store"
)

// logged is an entry of a log, with its end.
type logged struct {
	store.LogEntry
	deadline time.Time
}

// AppendLog implements [store.Logger].
func (s *Store) AppendLog(ctx context.Context, key string, token store.Token, entries store.LogEntries) error {
	w := store.Renewal{Key: key, Token: token}
	if err := cmp.Or(w.Check(), entries.Check()); err != nil {
		return err
	}
	if err := s.enter(ctx, "append log", key); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if _, err := s.held("append log", w); err != nil {
		return err
	}
	s.appendLog(key, token, entries)
	return nil
}

// appendLog adds the entries that are not there yet, and applies the limits.
func (s *Store) appendLog(key string, token store.Token, entries store.LogEntries) {
	now := time.Now()
	log := slices.DeleteFunc(s.logs[key], func(e logged) bool { return !now.Before(e.deadline) })
	for i, v := range entries.Values {
		at := store.LogPosition{Token: token, Number: entries.First + uint64(i)}
		if n := len(log); n > 0 && at.Compare(log[n-1].LogPosition) <= 0 {
			continue
		}
		log = append(log, logged{store.LogEntry{LogPosition: at, Value: bytes.Clone(v)}, now.Add(entries.Limits.Age)})
	}
	if extra := len(log) - entries.Limits.Entries; extra > 0 {
		log = slices.Delete(log, 0, extra)
	}
	s.logs[key] = log
	s.news.Send(key, "")
}

// ReadLog implements [store.Logger]. It yields the entries as they were at one instant.
func (s *Store) ReadLog(ctx context.Context, key string, query store.LogQuery) iter.Seq2[store.LogEntry, error] {
	return func(yield func(store.LogEntry, error) bool) {
		found, err := s.readLog(ctx, key, query)
		if err != nil {
			yield(store.LogEntry{}, err)
			return
		}
		for _, e := range found {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (s *Store) readLog(ctx context.Context, key string, query store.LogQuery) (found []store.LogEntry, err error) {
	if err := store.CheckKey(key); err != nil {
		return nil, err
	}
	if err := s.enter(ctx, "read log", key); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	now, none := time.Now(), store.LogPosition{}
	for _, e := range s.logs[key] {
		after := query.After == none || e.Compare(query.After) > 0
		before := query.Before == none || e.Compare(query.Before) < 0
		if after && before && now.Before(e.deadline) {
			found = append(found, store.LogEntry{LogPosition: e.LogPosition, Value: bytes.Clone(e.Value)})
		}
	}
	if query.Backward {
		slices.Reverse(found)
	}
	if query.Limit > 0 && len(found) > query.Limit {
		found = found[:query.Limit]
	}
	return found, nil
}

// FollowLog implements [store.Logger].
func (s *Store) FollowLog(ctx context.Context, key string, after store.LogPosition) iter.Seq2[store.LogEntry, error] {
	return func(yield func(store.LogEntry, error) bool) {
		r := s.news.Join(key)
		defer s.news.Leave(r)
		for {
			found, err := s.readLog(ctx, key, store.LogQuery{After: after})
			if err != nil {
				yield(store.LogEntry{}, err)
				return
			}
			for _, e := range found {
				if !yield(e, nil) {
					return
				}
				after = e.LogPosition
			}
			select {
			case _, open := <-r.C:
				if !open {
					yield(store.LogEntry{}, fail("follow log", key, store.ErrClosed))
					return
				}
			case <-ctx.Done():
				yield(store.LogEntry{}, ctxerr.Of(ctx))
				return
			}
		}
	}
}
