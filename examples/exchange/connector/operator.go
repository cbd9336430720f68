package connector

import (
	"context"
	"errors"

	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// requestState asks the connector that holds the key, in whatever process, to move, and writes
// the reply. The connector takes the request as it takes the command "to STATE".
func requestState(ctx context.Context, st store.Store, set settings, out output) error {
	reply, err := registry.Request(ctx, st, set.key(), registry.ForState(set.request), registry.WithSender(set.sender()))
	if reply.Outcome != "" {
		out.reply(set.request, reply)
	}
	return err
}

// showLog writes the activity log of the key.
func showLog(ctx context.Context, st store.Store, set settings, out output) error {
	for e, err := range registry.ReadLog(ctx, st, set.key(), store.LogQuery{}) {
		if err != nil {
			return err
		}
		out.entry(e)
	}
	return nil
}

// isRefused reports whether err is a request that was not done, or that nobody was there for.
func isRefused(err error) bool {
	refused := new(registry.RequestError)
	return errors.As(err, &refused) || errors.Is(err, store.ErrNotFound) || errors.Is(err, registry.ErrNoRequests)
}
