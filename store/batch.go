package store

import (
	"context"
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
	const most = 16
	errs := make([]error, len(batch))
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(most, len(batch)) {
		workers.Go(func() {
			for i := range next {
				errs[i] = st.Delete(ctx, batch[i].Key, batch[i].Ref)
			}
		})
	}
	for i := range batch {
		next <- i
	}
	close(next)
	workers.Wait()
	return errs
}
