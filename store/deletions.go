package store

import (
	"context"
	"iter"
)

// DeleteNotifier is implemented by a [Store] that reports deletes as they happen. If an
// operator deletes a record, its holder then learns of it before its next renew.
type DeleteNotifier interface {
	// Deletions yields the keys of the records created through this store that a Delete of
	// any client ends, until ctx ends or the store is closed: from the call on in process memory, and
	// on a server from when it has subscribed the store. A key is only a hint to read
	// its record: a hint may come late, twice, or for an earlier lease of the key. The empty
	// key is a hint to read every record: the store may have missed deletes, during a
	// reconnect or because the reader was slow.
	Deletions(ctx context.Context) iter.Seq[string]
}
