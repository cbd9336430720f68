package store

import (
	"context"
	"iter"
)

// DeleteNotifier is implemented by a [Store] that reports deletes as they happen, so
// that a holder whose record an operator deleted need not wait for its next renew to
// learn of it.
type DeleteNotifier interface {
	// Deletions yields the keys of records that Delete ends, whoever calls it, until
	// ctx ends or the store is closed. A key is only a hint to look at its record:
	// deletes during a reconnect are missed, and a hint may come late, twice, or for
	// an earlier lease of the key.
	Deletions(ctx context.Context) iter.Seq[string]
}
