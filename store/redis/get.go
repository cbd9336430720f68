package redisstore

import (
	"context"
	"iter"

	"github.com/leasehold-go/leasehold/store"
)

// How much is read at once: so many keys in a call, so many calls in a round
// trip, and no further key in a call once its values are past so many bytes.
const (
	maxCallKeys  = 100
	maxCalls     = 128
	maxCallBytes = 256 << 10
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

// fetch yields what lies under names. Those that share a call must share a slot,
// so names of one index should stand together. An error is the last thing that
// it yields.
func (s *Store) fetch(ctx context.Context, wanted []names) iter.Seq2[found, error] {
	return func(yield func(found, error) bool) {
		for work := calls(wanted); len(work) > 0; {
			wave := work[:min(len(work), maxCalls)]
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

// fetchWave makes one round trip. It returns what was found, and what has to be
// asked for again because a call stopped at its limit.
func (s *Store) fetchWave(ctx context.Context, wave [][]names) (all []found, rest [][]names, err error) {
	cmds := make([]*command, len(wave))
	for i, call := range wave {
		keys := make([]string, 0, 3*len(call))
		for _, n := range call {
			keys = append(keys, n.key, n.fence, n.index)
		}
		cmds[i] = newCommandOn(ctx, getScript, keys, maxCallBytes)
	}
	if err := s.send(ctx, cmds...); err != nil {
		return nil, nil, err
	}
	for i, call := range wave {
		some, err := decodeRows(call, cmds[i])
		if err != nil {
			return nil, nil, err
		}
		all = append(all, some...)
		if len(some) < len(call) {
			rest = append(rest, call[len(some):])
		}
	}
	return all, rest, nil
}

// decodeRows reads the rows of a call: one for each name, or for the first few.
func decodeRows(call []names, c *command) ([]found, error) {
	reply, err := c.Result()
	if err != nil {
		return nil, err
	}
	rows, ok := reply.([]any)
	if !ok || len(rows) == 0 || len(rows) > len(call) {
		return nil, odd(reply)
	}
	all := make([]found, len(rows))
	for i, row := range rows {
		if all[i], err = decodeRow(call[i], row); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// calls splits names into runs that share an index and are not too long.
func calls(wanted []names) [][]names {
	var runs [][]names
	for start := 0; start < len(wanted); {
		end := start + 1
		for end < len(wanted) && end-start < maxCallKeys && wanted[end].index == wanted[start].index {
			end++
		}
		runs = append(runs, wanted[start:end])
		start = end
	}
	return runs
}
