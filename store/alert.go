package store

import (
	"context"
	"iter"
)

// Alerter is implemented by a [Store] that hears at once of records that are deleted,
// so that a holder whose record an operator took away need not wait for its next renew
// to learn of it.
type Alerter interface {
	// Alerts yields the keys of records that Delete ends, whoever calls it, until ctx
	// ends or the store is closed. An alert says only that a look is worthwhile: some
	// are missed, as while a connection is made, and some come late or twice, or were
	// for the term before.
	Alerts(ctx context.Context) iter.Seq[string]
}
