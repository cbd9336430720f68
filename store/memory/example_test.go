package memstore_test

import (
	"context"
	"fmt"

	"github.com/leasehold-go/leasehold/lease"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// A store for one process: for tests, and to try things. Keepers that share it compete as processes do
// on a server.
func ExampleStore() {
	ctx := context.Background()
	st := memstore.New()
	defer st.Close()
	keeper, err := lease.NewKeeper(st, lease.Config{})
	if err != nil {
		panic(err)
	}
	defer keeper.Close(ctx) // before the store
	if _, err := keeper.Acquire(ctx, "leader", []byte("host-a")); err != nil {
		panic(err)
	}
	for r, err := range st.List(ctx, "") {
		fmt.Printf("%s %s %v\n", r.Key, r.Value, err)
	}
	// Output: leader host-a <nil>
}
