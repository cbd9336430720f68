package conformance_test

import (
	"testing"

	"github.com/leasehold-go/leasehold/e2e/backends"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store/storetest"
)

func TestStore(t *testing.T) {
	full.Only(t)
	backends.Each(t, func(t *testing.T, g *backends.Group) {
		storetest.Run(t, storetest.Harness{TTL: g.TTL, Parallel: 4, Open: func(t *testing.T) storetest.Fixture {
			return g.Place(t).Fixture()
		}})
	})
}
