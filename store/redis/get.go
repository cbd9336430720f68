package redisstore

import (
	"context"
	"iter"

	"github.com/leasehold-go/leasehold/store"
)

// How much is read at once: so many keys in a call, so many calls in a round trip, and no
// further key in a call once its values are past so many bytes. A value that another
// program put there is not shipped if it is longer than a value of ours can be.
const (
	maxCallKeys  = 100
	maxWave      = 128
	maxCallBytes = 64 << 10

	maxRefusal = 4 << 10 // bytes of a value that comes with a refusal; SMALL in record.lua
)

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, key string) (store.Record, error) {
	if err := store.CheckKey(key); err != nil {
		return store.Record{}, err
	}
	return s.get(ctx, key)
}

func (s *Store) get(ctx context.Context, key string) (store.Record, error) {
	for f, err := range s.fetch(ctx, []names{s.layout.of(key)}) {
		switch {
		case err != nil:
			return store.Record{}, failed("get", key, reads, err)
		case f.live:
			return f.record, nil
		}
	}
	return store.Record{}, &store.Error{Op: "get", Key: key, Condition: store.ErrNotFound}
}

// fetch yields the records and foreign values under names. On a Cluster a call has names of
// one slot, so names of one slot should stand together. An error is the last thing that it
// yields.
func (s *Store) fetch(ctx context.Context, wanted []names) iter.Seq2[found, error] {
	return func(yield func(found, error) bool) {
		for work := s.layout.runs(wanted); len(work) > 0; {
			wave := work[:min(len(work), maxWave)]
			all, rest, err := s.fetchWave(ctx, wave)
			if err != nil {
				yield(found{}, err)
				return
			}
			for _, f := range all {
				if !yield(f, nil) {
					return
				}
			}
			work = append(rest, work[len(wave):]...)
		}
	}
}

// fetchWave makes one round trip. It returns the answers, and the names that have to be asked
// for again because a call stopped at its limit.
func (s *Store) fetchWave(ctx context.Context, wave [][]names) (all []found, rest [][]names, err error) {
	calls := make([]*call, len(wave))
	for i, run := range wave {
		keys := make([]any, 0, 2*len(run))
		for _, n := range run {
			keys = append(keys, n.key, n.fence)
		}
		calls[i] = newScriptCall(getScript, maxCallBytes, keys, maxCallBytes, store.MaxValue)
	}
	s.transport.do(ctx, calls...)
	for i, run := range wave {
		some, err := decodeRows(run, calls[i])
		if err != nil {
			return nil, nil, err
		}
		all = append(all, some...)
		if len(some) < len(run) {
			rest = append(rest, run[len(some):])
		}
	}
	return all, rest, nil
}

// decodeRows reads the rows of a call: one for each name, or for the first few.
func decodeRows(run []names, c *call) ([]found, error) {
	reply, err := c.reply()
	if err != nil {
		return nil, err
	}
	rows, ok := reply.([]any)
	if !ok || len(rows) == 0 || len(rows) > len(run) {
		return nil, odd(reply)
	}
	all := make([]found, len(rows))
	for i, row := range rows {
		if all[i], err = decodeRow(run[i], row); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// runs splits names into runs that may share a call and are not too long.
func (l layout) runs(wanted []names) [][]names {
	var runs [][]names
	for start := 0; start < len(wanted); {
		end := start + 1
		for end < len(wanted) && end-start < maxCallKeys && l.together(wanted[end], wanted[start]) {
			end++
		}
		runs = append(runs, wanted[start:end])
		start = end
	}
	return runs
}
