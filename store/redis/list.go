package redisstore

import (
	"context"
	"iter"
	"slices"

	"github.com/leasehold-go/leasehold/store"
	"github.com/leasehold-go/leasehold/store/internal/ahead"
)

const (
	maxPage    = 1000    // names that are read from an index at once
	maxNames   = 1 << 17 // and from all indices before any is read further
	maxIndices = 1 << 9  // that are read in a round trip
)

// List implements [store.Store]. It reads the index and yields the records and foreign values
// under its keys. It drops entries without a record.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[store.Record, error] {
	return func(yield func(store.Record, error) bool) {
		if err := store.CheckPrefix(prefix); err != nil {
			yield(store.Record{}, err)
			return
		}
		gone := make(map[string]struct{})
		defer func() {
			if !s.untried {
				s.index.sweep(ctx, gone)
			}
		}()
		for f, err := range s.entries(ctx, prefix) {
			switch {
			case err != nil:
				yield(store.Record{}, failed("list", prefix, reads, err))
				return
			case !f.live:
				gone[f.key] = struct{}{}
			case !yield(f.record, nil):
				return
			}
		}
	}
}

// entries yields the record or foreign value under each indexed key that begins with prefix. It
// reads ahead, so that server and client work at the same time.
func (s *Store) entries(ctx context.Context, prefix string) iter.Seq2[found, error] {
	type answer struct {
		all  []found
		rest []run
	}
	fetch := func(ctx context.Context, wave []run) (a answer, err error) {
		a.all, a.rest, err = s.fetchWave(ctx, wave)
		return a, err
	}
	return func(yield func(found, error) bool) {
		for a, err := range ahead.Read(ctx, s.waves(prefix), fetch) {
			if err != nil {
				yield(found{}, err)
				return
			}
			for _, f := range a.all {
				if !yield(f, nil) {
					return
				}
			}
			for f, err := range s.fetchRuns(ctx, a.rest) {
				if !yield(f, err) || err != nil {
					return
				}
			}
		}
	}
}

// waves yields the indexed names that begin with prefix, as they are read.
func (s *Store) waves(prefix string) func(context.Context) iter.Seq2[[]run, error] {
	return func(ctx context.Context) iter.Seq2[[]run, error] {
		return func(yield func([]run, error) bool) {
			for keys, err := range s.pages(ctx, prefix) {
				if err != nil {
					yield(nil, err)
					return
				}
				for wave := range slices.Chunk(s.layout.runs(keys), maxWave) {
					if !yield(wave, nil) {
						return
					}
				}
			}
		}
	}
}

// cursor is a place in an index.
type cursor struct {
	index string
	from  string // lower bound as in ZRANGEBYLEX
}

// indexPage is a page of some indices, and where to go on.
type indexPage struct {
	names []names
	rest  []cursor
}

// pages yields the indexed names that begin with prefix, index by index. It reads ahead, so that
// the servers have work all the time although only some indices are read at once.
func (s *Store) pages(ctx context.Context, prefix string) iter.Seq2[[]names, error] {
	return func(yield func([]names, error) bool) {
		first, end := bounds(prefix)
		indices := s.layout.indices(prefix)
		work := make([]cursor, len(indices))
		for i, index := range indices {
			work[i] = cursor{index, first}
		}
		for len(work) > 0 {
			most := min(maxPage, maxNames/len(work))
			read := func(ctx context.Context, wave []cursor) (indexPage, error) { return s.pageWave(ctx, wave, end, most) }
			var rest []cursor
			for p, err := range ahead.Read(ctx, chunksOf(work), read) {
				if !yield(p.names, err) || err != nil {
					return
				}
				rest = append(rest, p.rest...)
			}
			work = rest
		}
	}
}

// chunksOf yields the places that are read in one round trip each.
func chunksOf(work []cursor) func(context.Context) iter.Seq2[[]cursor, error] {
	return func(context.Context) iter.Seq2[[]cursor, error] {
		return func(yield func([]cursor, error) bool) {
			for wave := range slices.Chunk(work, maxIndices) {
				if !yield(wave, nil) {
					return
				}
			}
		}
	}
}

// pageWave makes one round trip.
func (s *Store) pageWave(ctx context.Context, wave []cursor, end string, most int) (p indexPage, err error) {
	calls := make([]*call, len(wave))
	var within []any
	for i, c := range wave {
		if i == 0 || c.from != wave[i-1].from {
			within = pageWithin(c.from, end, most)
		}
		calls[i] = newCall().readyRange(c.index, within, most)
	}
	s.transport.do(ctx, calls...)
	for i, c := range wave {
		keys, err := calls[i].page()
		if err != nil {
			return indexPage{}, err
		}
		for _, key := range keys {
			p.names = append(p.names, s.layout.of(key))
		}
		if len(keys) == most {
			p.rest = append(p.rest, cursor{c.index, "(" + keys[most-1]})
		}
		calls[i].free()
	}
	return p, nil
}

// page reads the reply to a call of readyRange.
func (c *call) page() ([]string, error) {
	reply, err := c.reply()
	if err != nil {
		return nil, err
	}
	all, ok := reply.([]any)
	if !ok {
		return nil, odd(reply)
	}
	keys := make([]string, len(all))
	for i := range all {
		if keys[i], ok = at[string](all, i); !ok {
			return nil, odd(reply)
		}
	}
	return keys, nil
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
