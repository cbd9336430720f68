// Package candidate is leader election: of all that stand for one key, in whatever process, one
// leads at a time.
package candidate

import (
	"context"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// A candidate is published once it leads, so one state is enough.
var lifecycle = fsm.MustDefine("leading", fsm.Table[string]{"leading": {}})

// Stand waits until name leads, and calls lead. The context of lead ends when name may no longer
// lead: when ctx has ended, or when the lease is lost; after a loss, and while the store is
// unavailable, name stands again. When lead returns for another reason, name resigns, and Stand
// returns its error.
//
// The token is larger than that of every leader before. Give it to whatever lead writes to.
func Stand(ctx context.Context, k *lease.Keeper, key, name string, lead func(context.Context, store.Token) error) error {
	cfg := registry.Config[string, struct{}]{Key: key, Instance: name, Wait: true}
	return registry.Supervise(ctx, k, lifecycle, cfg, func(ctx context.Context, i *registry.Instance[string, struct{}]) error {
		return lead(ctx, i.Lease().Token())
	})
}
