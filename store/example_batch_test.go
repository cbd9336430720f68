package store_test

import (
	"context"
	"fmt"

	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// Records of many keys at once, on any store. Keys that are free are not in the result.
func ExampleGetBatch() {
	ctx := context.Background()
	st := memstore.New()
	created(st, "job:1", "host-a")
	created(st, "job:10", "host-b")
	records, err := store.GetBatch(ctx, st, []string{"job:1", "job:2", "job:10"})
	fmt.Println(len(records), err)
	fmt.Printf("%s %s\n", records["job:1"].Value, records["job:10"].Value)
	// Output:
	// 2 <nil>
	// host-a host-b
}

// Each deletion of a batch has a result of its own.
func ExampleDeleteBatch() {
	ctx := context.Background()
	st := memstore.New()
	_, one := created(st, "job:1", "host-a")
	created(st, "job:2", "host-b")
	for _, err := range store.DeleteBatch(ctx, st, []store.Deletion{
		{Key: "job:1", Ref: store.ByToken(one.Token)},
		{Key: "job:2", Ref: store.ByToken(one.Token)}, // of another lease, which stays
		{Key: "", Ref: store.ByToken(one.Token)},
	}) {
		fmt.Println(err)
	}
	for r := range st.List(ctx, "job:") {
		fmt.Println(r.Key, "is held")
	}
	// Output:
	// <nil>
	// <nil>
	// invalid key: must not be empty
	// job:2 is held
}

// A renewal extends its own lease alone, and may carry a value.
func ExampleRenewal() {
	ctx := context.Background()
	st := memstore.New()
	_, one := created(st, "job:1", "host-a")
	results := st.Renew(ctx, []store.Renewal{
		{Key: "job:1", Token: one.Token, Seq: 1, Value: []byte("host-a, 50 %")},
		{Key: "job:1", Token: one.Token + 1, Seq: 1}, // of no lease
	})
	for _, r := range results {
		fmt.Println(store.Outcome(r.Err), r.Until.After(one.Until))
	}
	r, err := st.Get(ctx, "job:1")
	fmt.Printf("%s %v\n", r.Value, err)
	// Output:
	// ok true
	// lost false
	// host-a, 50 % <nil>
}
