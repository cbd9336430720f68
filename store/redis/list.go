package redisstore

import (
	"context"
	"iter"

	"github.com/leasehold-go/leasehold/store"
)

const (
	maxPage  = 1000    // names that are read from an index at once
	maxNames = 1 << 20 // and from all indices in a round trip
)

// List implements [store.Store]. It reads the index and yields what is under its
// keys, foreign values included. Entries whose record is gone it drops.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[store.Record, error] {
	return func(yield func(store.Record, error) bool) {
		if err := store.CheckPrefix(prefix); err != nil {
			yield(store.Record{}, err)
			return
		}
		var gone []names
		defer func() { s.drop(ctx, gone) }()
		for f, err := range s.entries(ctx, prefix) {
			switch {
			case err != nil:
				yield(store.Record{}, failed("list", prefix, reads, err))
				return
			case !f.live:
				gone = append(gone, f.names)
			case !yield(f.record, nil):
				return
			}
		}
	}
}

// entries yields what is under each key in the indices that begins with prefix.
func (s *Store) entries(ctx context.Context, prefix string) iter.Seq2[found, error] {
	return func(yield func(found, error) bool) {
		for keys, err := range s.pages(ctx, prefix) {
			if err != nil {
				yield(found{}, err)
				return
			}
			for f, err := range s.fetch(ctx, keys) {
				if !yield(f, err) || err != nil {
					return
				}
			}
		}
	}
}

// drop takes keys out of their indices unless they have come back. It is
// housekeeping: if it fails, the next reader tries again.
func (s *Store) drop(ctx context.Context, gone []names) {
	var cmds []*command
	for _, run := range calls(gone) {
		keys := []string{run[0].index}
		for _, n := range run {
			keys = append(keys, n.key)
		}
		cmds = append(cmds, newCommandOn(ctx, dropScript, keys))
	}
	if len(cmds) > 0 {
		s.send(ctx, cmds...)
	}
}

// cursor is a place in an index.
type cursor struct {
	index string
	from  string // lower bound as in ZRANGEBYLEX
}

// pages yields the names in the indices that begin with prefix, those of one
// index together.
func (s *Store) pages(ctx context.Context, prefix string) iter.Seq2[[]names, error] {
	return func(yield func([]names, error) bool) {
		first, end := bounds(prefix)
		indices := s.layout.indices(prefix)
		work := make([]cursor, len(indices))
		for i, index := range indices {
			work[i] = cursor{index, first}
		}
		for len(work) > 0 {
			keys, rest, err := s.pageWave(ctx, work, end)
			if !yield(keys, err) || err != nil {
				return
			}
			work = rest
		}
	}
}

// pageWave makes one round trip. It returns the names, and where to go on.
func (s *Store) pageWave(ctx context.Context, wave []cursor, end string) (all []names, rest []cursor, err error) {
	cmds := make([]*command, len(wave))
	page := min(maxPage, maxNames/len(wave))
	for i, c := range wave {
		cmds[i] = newRange(ctx, c.index, c.from, end, page)
	}
	if err := s.send(ctx, cmds...); err != nil {
		return nil, nil, err
	}
	for i, c := range wave {
		keys, err := cmds[i].StringSlice()
		if err != nil {
			return nil, nil, err
		}
		for _, key := range keys {
			all = append(all, s.layout.of(key))
		}
		if len(keys) == page {
			rest = append(rest, cursor{c.index, "(" + keys[page-1]})
		}
	}
	return all, rest, nil
}

// bounds returns the bounds of ZRANGEBYLEX for the names that begin with prefix,
// as bytes: no character in it has a meaning.
func bounds(prefix string) (first, end string) {
	if prefix == "" {
		return "-", "+"
	}
	// Adding one to the last byte never carries: no byte of UTF-8 is 0xff.
	last := len(prefix) - 1
	return "[" + prefix, "(" + prefix[:last] + string([]byte{prefix[last] + 1})
}
