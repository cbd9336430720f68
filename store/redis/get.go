package redisstore

import (
	"context"
	"crypto/sha1"
	"errors"
	"iter"
	"strconv"

	"github.com/leasehold-go/leasehold/store"
)

// How much is read at once: so many keys in a call, so many calls in a round trip, and values
// of so many bytes in a call. A larger value is read by a call of its own, which has a pipeline
// to itself, so that no answer is much longer than a value can be. A value that another
// program put there is not read if it is longer than a value of ours can be.
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

// GetBatch implements [store.BatchGetter]: a round trip for some ten thousand keys, unless their
// values are large.
func (s *Store) GetBatch(ctx context.Context, keys []string) (map[string]store.Record, error) {
	wanted := make([]names, len(keys))
	for i, key := range keys {
		if err := store.CheckKey(key); err != nil {
			return nil, err
		}
		wanted[i] = s.layout.of(key)
	}
	s.layout.bySlot(wanted)
	live := make(map[string]store.Record, len(keys))
	for f, err := range s.fetch(ctx, wanted) {
		switch {
		case err != nil:
			return nil, failed("get batch", keys[0], reads, err)
		case f.live:
			live[f.key] = f.record
		}
	}
	return live, nil
}

// fetch yields the records and foreign values under names. On a Cluster a call has names of
// one slot, so names of one slot should stand together. An error is the last thing that it
// yields.
func (s *Store) fetch(ctx context.Context, wanted []names) iter.Seq2[found, error] {
	return s.fetchRuns(ctx, s.layout.runs(wanted))
}

func (s *Store) fetchRuns(ctx context.Context, all []run) iter.Seq2[found, error] {
	return func(yield func(found, error) bool) {
		for work := all; len(work) > 0; {
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

// run is names that are read by one call.
type run struct {
	names []names
	large bool // one name, whose value is longer than maxCallBytes
}

// fetchWave makes one round trip. It returns the answers, and the names that have to be asked
// for again because a call stopped at its limit, or a value is larger than that. If the user
// lacks a right, it makes another: Redis takes every key of EVALSHA for one that is written, and
// EVALSHA_RO is a command of its own. Later calls begin with the one that succeeded.
func (s *Store) fetchWave(ctx context.Context, wave []run) (all []found, rest []run, err error) {
	readOnly := s.readOnly.Load()
	all, rest, err = s.fetchWaveBy(ctx, wave, readOnly)
	if err != nil && denied(err) {
		if all, rest, err := s.fetchWaveBy(ctx, wave, !readOnly); err == nil {
			s.readOnly.Store(!readOnly)
			return all, rest, nil
		}
	}
	return all, rest, err
}

func (s *Store) fetchWaveBy(ctx context.Context, wave []run, readOnly bool) (all []found, rest []run, err error) {
	calls := make([]*call, len(wave))
	for i, r := range wave {
		keys := make([]any, 0, 2*len(r.names))
		for _, n := range r.names {
			keys = append(keys, n.key, n.fence)
		}
		most := maxCallBytes
		if r.large {
			most = store.MaxValue
		}
		calls[i] = newScriptCall(getScript, most, keys, most)
		calls[i].reads = readOnly
	}
	s.transport.do(ctx, calls...)
	for i, r := range wave {
		some, err := decodeRows(r.names, calls[i])
		if err != nil {
			return nil, nil, err
		}
		for _, f := range some {
			if f.live && f.record.Value == nil && !r.large {
				rest = append(rest, run{[]names{f.names}, true})
			} else {
				all = append(all, f)
			}
		}
		if len(some) < len(r.names) {
			rest = append(rest, run{names: r.names[len(some):]})
		}
	}
	return all, rest, nil
}

// decodeRows reads the answer to a call: of each name, or of the first few.
func decodeRows(asked []names, c *call) ([]found, error) {
	reply, err := c.reply()
	if err != nil {
		return nil, err
	}
	const columns = 4
	rows, ok := reply.([]any)
	if !ok || len(rows) == 0 || len(rows)%columns != 0 || len(rows)/columns > len(asked) {
		return nil, odd(reply)
	}
	all := make([]found, len(rows)/columns)
	for i := range all {
		if all[i], err = inspect(asked[i], rows[i*columns:][:columns]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// inspect judges the elements of an answer of get.lua about one key, as inspect in record.lua does.
// A value that has not come with it is nil, and has to be read before its record is known for ours.
func inspect(n names, row []any) (found, error) {
	text, isText := at[string](row, 0)
	own, ok1 := at[int64](row, 1)
	left, ok2 := at[int64](row, 2)
	value, there := at[string](row, 3)
	if !ok1 || !ok2 {
		return found{}, odd(row)
	}
	var f fence
	if text != "" || !isText {
		var err error
		if f, err = readFence(text); err != nil {
			return found{}, err
		}
	}
	if left == -2 || left == 0 { // a value in its last millisecond counts as gone
		return found{names: n}, nil
	}
	r := store.Record{Key: n.key, Left: timeLeft(left)}
	if there {
		r.Value = []byte(value)
	}
	if f.live && left > 0 && own > day+2*f.ttl && there && f.wrote(r.Value) {
		r.Token, r.Left = f.token, timeLeft(min(left, f.ttl))
	}
	return found{names: n, record: r, live: true}, nil
}

// fence is part of a fence; see record.lua.
type fence struct {
	live   bool // whether its lease was not deleted
	token  store.Token
	ttl    int64 // in ms
	length int
	check  string // see appendCheck
}

// readFence reads the first bytes of a fence.
func readFence(text string) (f fence, err error) {
	const whole = 122
	if len(text) < whole || text[0] != '5' {
		return f, errors.New("leasehold: the fence has a layout that this version does not know")
	}
	f.live, f.check = text[1] == 'l' || text[1] == 'w', text[38:78]
	token, err1 := strconv.ParseInt(text[2:18], 10, 64)
	ttl, err2 := strconv.ParseUint(text[18:31], 10, 63)
	length, err3 := strconv.ParseUint(text[31:38], 10, 31)
	if err2 != nil || err3 != nil || f.live && (err1 != nil || token <= 0) {
		return f, errors.New("leasehold: the fence is damaged")
	}
	f.token, f.ttl, f.length = store.Token(token), int64(ttl), int(length)
	return f, nil
}

// wrote reports whether a value is the last one of the fence's lease.
func (f fence) wrote(value []byte) bool {
	if len(value) != f.length {
		return false
	}
	if len(value) <= maxHeld {
		return string(value) == f.check[:len(value)]
	}
	var room [2 * sha1.Size]byte
	return string(appendCheck(room[:0], value)) == f.check
}

// runs splits names into runs that may share a call and are not too long.
func (l layout) runs(wanted []names) []run {
	var runs []run
	for start := 0; start < len(wanted); {
		end := start + 1
		for end < len(wanted) && end-start < maxCallKeys && l.together(wanted[end], wanted[start]) {
			end++
		}
		runs = append(runs, run{names: wanted[start:end]})
		start = end
	}
	return runs
}
