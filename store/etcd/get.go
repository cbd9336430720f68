package etcdstore

import (
	"context"
	"maps"
	"slices"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/store"
)

// Get implements [store.Store]. The time left costs a second request.
func (s *Store) Get(ctx context.Context, key string) (store.Record, error) {
	if err := store.CheckKey(key); err != nil {
		return store.Record{}, err
	}
	live, err := s.readAll(ctx, "get", []string{key}, anything)
	if err != nil {
		return store.Record{}, err
	}
	if r, ok := live[key]; ok {
		return r, nil
	}
	return store.Record{}, &store.Error{Op: "get", Key: key, Condition: store.ErrNotFound}
}

// GetBatch implements [store.BatchGetter].
func (s *Store) GetBatch(ctx context.Context, keys []string) (map[string]store.Record, error) {
	for _, key := range keys {
		if err := store.CheckKey(key); err != nil {
			return nil, err
		}
	}
	return s.readAll(ctx, "get batch", keys, anything)
}

// readAll returns the live records of keys that include accepts. It makes a request for maxPairs
// keys, and one for each etcd lease that they are on.
func (s *Store) readAll(ctx context.Context, op string, keys []string, include func(found) bool) (live map[string]store.Record, err error) {
	if len(keys) == 0 {
		return map[string]store.Record{}, nil
	}
	ctx, leave, err := s.tasks.enter(ctx)
	if err == nil {
		defer leave()
		var all []found
		if all, err = s.readEach(ctx, keys); err == nil {
			live, err = s.live(ctx, all, include)
		}
	}
	if err != nil {
		return nil, failed(op, keys[0], reads, err)
	}
	return live, nil
}

// live returns the records that include accepts and whose etcd leases are alive.
func (s *Store) live(ctx context.Context, all []found, include func(found) bool) (map[string]store.Record, error) {
	all = slices.DeleteFunc(all, func(f found) bool { return f.value == nil || !include(f) })
	left, err := s.timesLeft(ctx, all)
	if err != nil {
		return nil, err
	}
	live := make(map[string]store.Record, len(all))
	for _, f := range all {
		r := f.record()
		if r.Left = left[f.lease()]; r.Left > 0 {
			live[f.key] = r
		}
	}
	return live, nil
}

// timesLeft asks for the time left of each etcd lease that the records are on.
func (s *Store) timesLeft(ctx context.Context, all []found) (map[clientv3.LeaseID]time.Duration, error) {
	left := make(map[clientv3.LeaseID]time.Duration)
	for _, f := range all {
		left[f.lease()] = 0
	}
	for _, lease := range slices.Collect(maps.Keys(left)) {
		var err error
		if left[lease], err = s.timeLeft(ctx, lease); err != nil {
			return nil, err
		}
	}
	return left, nil
}

// anything accepts the records of Get. listed accepts the records of List and Watch, which
// find a key by its note.
func anything(found) bool { return true }
func listed(f found) bool { return f.noteKV != nil }
