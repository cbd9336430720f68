package store

import (
	"context"
	"errors"
	"sync"
)

// Deletion is one item of a [BatchDeleter.DeleteBatch]; see [Store.Delete].
type Deletion struct {
	Key string
	Ref LeaseRef
}

// BatchDeleter is implemented by a [Store] that can send many deletes together.
type BatchDeleter interface {
	// DeleteBatch ends the lease of each item as Delete does, and returns the errors in the
	// order of the batch. An item that fails does not fail another.
	DeleteBatch(ctx context.Context, batch []Deletion) []error
}

// DeleteBatch deletes a batch through st's [BatchDeleter], or with a bounded number of
// concurrent calls of Delete if it is none.
func DeleteBatch(ctx context.Context, st Store, batch []Deletion) []error {
	if b, ok := st.(BatchDeleter); ok {
		return b.DeleteBatch(ctx, batch)
	}
	errs := make([]error, len(batch))
	inParallel(len(batch), func(i int) { errs[i] = st.Delete(ctx, batch[i].Key, batch[i].Ref) })
	return errs
}

// BatchGetter is implemented by a [Store] that can read many keys together.
type BatchGetter interface {
	// GetBatch returns the live record of each key that has one, as Get does. It fails as a whole.
	GetBatch(ctx context.Context, keys []string) (map[string]Record, error)
}

// GetBatch reads keys through st's [BatchGetter], or with a bounded number of concurrent calls of
// Get if it is none. It returns the live record of each key that has one, and fails as a whole.
func GetBatch(ctx context.Context, st Store, keys []string) (map[string]Record, error) {
	if b, ok := st.(BatchGetter); ok {
		return b.GetBatch(ctx, keys)
	}
	records, errs := make([]Record, len(keys)), make([]error, len(keys))
	inParallel(len(keys), func(i int) { records[i], errs[i] = st.Get(ctx, keys[i]) })
	live := make(map[string]Record, len(keys))
	for i, err := range errs {
		switch {
		case err == nil:
			live[keys[i]] = records[i]
		case !errors.Is(err, ErrNotFound):
			return nil, err
		}
	}
	return live, nil
}

// inParallel calls f with 0 to n-1, a bounded number of them at a time.
func inParallel(n int, f func(i int)) {
	const most = 16
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(most, n) {
		workers.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	workers.Wait()
}
