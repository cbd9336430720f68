package etcdstore

import (
	"context"
	"errors"
	"iter"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/store"
	"github.com/leasehold-go/leasehold/store/internal/ahead"
)

const (
	maxPage    = 1000    // notes in one read
	maxPortion = 4 << 20 // bytes of values in one read
)

// portion is records whose values are read together.
type portion struct {
	keys     []string
	notes    []*mvccpb.KeyValue // beside each
	revision int64              // at which the notes were read
}

// List implements [store.Store]. It reads the notes under the prefix, a page at a time, and
// the values under their keys. It yields a foreign value only if it was put over a record of
// ours.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[store.Record, error] {
	return func(yield func(store.Record, error) bool) {
		if err := store.CheckPrefix(prefix); err != nil {
			yield(store.Record{}, err)
			return
		}
		portions := func(ctx context.Context) iter.Seq2[portion, error] { return s.portions(ctx, prefix) }
		for live, err := range ahead.Read(ctx, portions, s.fetchPortion) {
			if err != nil {
				yield(store.Record{}, failed("list", prefix, reads, err))
				return
			}
			for _, r := range live {
				if !yield(r, nil) {
					return
				}
			}
		}
	}
}

// portions yields the records under a prefix. After an error it yields no more.
func (s *Store) portions(ctx context.Context, prefix string) iter.Seq2[portion, error] {
	return func(yield func(portion, error) bool) {
		from, end := noteOf(prefix), clientv3.GetPrefixRangeEnd(noteOf(prefix))
		for more := true; more; {
			page, err := s.page(ctx, from, end)
			if err != nil {
				yield(portion{}, err)
				return
			}
			for _, p := range portionsOf(page) {
				if !yield(p, nil) {
					return
				}
			}
			if more = page.More; more {
				from = string(page.Kvs[len(page.Kvs)-1].Key) + "\x00"
			}
		}
	}
}

// page reads the first notes of a range: maxPage of them, or fewer if the client takes no answer
// with so many.
func (s *Store) page(ctx context.Context, from, end string) (*clientv3.GetResponse, error) {
	ctx, leave, err := s.tasks.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	for limit := int64(maxPage); ; limit /= 2 {
		page, err := s.get(ctx, from, clientv3.WithRange(end), clientv3.WithLimit(limit))
		if !isTooLarge(err) || limit == 1 {
			return page, err
		}
	}
}

// portionsOf splits the records of a page: at most maxPortion bytes of values if there are several.
func portionsOf(page *clientv3.GetResponse) []portion {
	var all []portion
	size := 0
	for _, kv := range page.Kvs {
		key, ok := keyOf(string(kv.Key))
		if !ok || store.CheckKey(key) != nil {
			continue // the probe of another store, or written by hand
		}
		n, _ := parseNote(string(kv.Value))
		if len(all) == 0 || size+n.size > maxPortion {
			all = append(all, portion{revision: page.Header.Revision})
			size = 0
		}
		p := &all[len(all)-1]
		p.keys, p.notes = append(p.keys, key), append(p.notes, kv)
		size += n.size
	}
	return all
}

// fetchPortion returns the live records of a portion. It is a call of its own: between two of them the
// body of the caller's loop runs, and may close the store.
func (s *Store) fetchPortion(ctx context.Context, p portion) (map[string]store.Record, error) {
	ctx, leave, err := s.tasks.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	all, err := s.readPortion(ctx, p)
	if err != nil {
		return nil, err
	}
	return s.live(ctx, all, listed)
}

// readPortion reads the values of a portion as one range. Values of other programs among them, or over
// them, could have any length, so it reads the keys first. If there are any, or the user may not read the
// range, it reads each key by itself.
func (c *cluster) readPortion(ctx context.Context, p portion) ([]found, error) {
	first, options := p.keys[0], []clientv3.OpOption{clientv3.WithRange(p.keys[len(p.keys)-1] + "\x00"), clientv3.WithRev(p.revision)}
	answer, err := c.get(ctx, first, append(options, clientv3.WithKeysOnly(), clientv3.WithLimit(int64(len(p.keys))+1))...)
	others := err == nil && !p.wrote(answer.Kvs)
	if err == nil && !others {
		answer, err = c.get(ctx, first, options...)
	}
	switch {
	case others, isForbidden(err), isTooLarge(err), errors.Is(err, rpctypes.ErrCompacted):
		return c.readEach(ctx, p.keys)
	case err != nil:
		return nil, err
	}
	all, values := make([]found, len(p.keys)), answer.Kvs
	for i, key := range p.keys {
		var value *mvccpb.KeyValue // nil if another program has deleted it
		if len(values) > 0 && string(values[0].Key) == key {
			value, values = values[0], values[1:]
		}
		all[i] = inspect(key, value, p.notes[i])
	}
	return all, nil
}

// wrote reports whether keys, in order, are all records of the portion, with the values of their notes.
func (p portion) wrote(keys []*mvccpb.KeyValue) bool {
	i := 0
	for _, kv := range keys {
		for i < len(p.keys) && p.keys[i] < string(kv.Key) {
			i++
		}
		if i == len(p.keys) || p.keys[i] != string(kv.Key) || kv.ModRevision != p.notes[i].ModRevision {
			return false
		}
	}
	return true
}
