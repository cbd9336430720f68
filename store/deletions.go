package store

import (
	"context"
	"iter"
)

// DeleteNotifier is implemented by a [Store] that reports deletes as they happen. A
// holder whose record an operator deleted then learns of it before its next renew.
type DeleteNotifier interface {
	// Deletions yields the keys of the records created through this store that Delete ends,
	// whoever calls it, until ctx ends or the store is closed. A key is only a hint to read
	// its record: a hint may come late, twice, or for an earlier lease of the key. The empty
	// key is a hint to read every record: the store may have missed deletes, during a
	// reconnect or because the reader was slow.
	Deletions(ctx context.Context) iter.Seq[string]
}
