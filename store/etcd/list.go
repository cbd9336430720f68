package etcdstore

import (
	"context"
	"iter"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/store"
	"github.com/leasehold-go/leasehold/store/internal/ahead"
)

const (
	maxPage    = 1000    // notes in one read
	maxPortion = 4 << 20 // bytes of values in one read
)

// List implements [store.Store]. It reads the notes under the prefix, a page at a time, and
// the values under their keys. It yields a foreign value only if it was put over a record of
// ours.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[store.Record, error] {
	return func(yield func(store.Record, error) bool) {
		if err := store.CheckPrefix(prefix); err != nil {
			yield(store.Record{}, err)
			return
		}
		pages := func(ctx context.Context) iter.Seq2[[]string, error] { return s.pages(ctx, prefix) }
		fetch := func(ctx context.Context, keys []string) (map[string]store.Record, error) {
			return s.fetchIn(ctx, keys, listed)
		}
		for live, err := range ahead.Read(ctx, pages, fetch) {
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

// fetchIn is fetch as a call of its own: between two of them the body of the caller's loop
// runs, and may close the store.
func (s *Store) fetchIn(ctx context.Context, keys []string, include func(found) bool) (map[string]store.Record, error) {
	ctx, leave, err := s.tasks.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	return s.fetch(ctx, keys, include)
}

// pages yields the keys under a prefix that have notes, as many at a time as are fetched in
// one request. After an error it yields no more.
func (s *Store) pages(ctx context.Context, prefix string) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		from, end := noteOf(prefix), clientv3.GetPrefixRangeEnd(noteOf(prefix))
		for more := true; more; {
			page, err := s.page(ctx, from, end)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, keys := range portions(page) {
				if !yield(keys, nil) {
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

// portions splits the keys of a page into portions to be fetched in one request: at most
// maxPairs keys, and at most maxPortion bytes of values if there are several.
func portions(page *clientv3.GetResponse) [][]string {
	var all [][]string
	size := 0
	for _, kv := range page.Kvs {
		key, ok := keyOf(string(kv.Key))
		if !ok || store.CheckKey(key) != nil {
			continue // the probe of another store, or written by hand
		}
		n, _ := parseNote(string(kv.Value))
		last := len(all) - 1
		if last < 0 || len(all[last]) == maxPairs || size+n.size > maxPortion {
			all = append(all, nil)
			last, size = last+1, 0
		}
		all[last] = append(all[last], key)
		size += n.size
	}
	return all
}
