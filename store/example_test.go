package store_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// The seven verbs, in the life of one record. A keeper of package lease calls them; use them directly
// to read, to watch, or to free a key.
func ExampleStore() {
	ctx := context.Background()
	var st store.Store = memstore.New()
	claim := store.Claim{Key: "exchange:1", Value: []byte("starting"), TTL: time.Minute, Nonce: store.NewNonce()}
	grant, err := st.Create(ctx, claim)
	fmt.Println("create:", err)

	claim.Nonce = store.NewNonce() // another's
	_, err = st.Create(ctx, claim)
	if held, ok := errors.AsType[*store.HeldError](err); ok {
		fmt.Printf("create: held with %q\n", held.Record.Value)
	}

	fmt.Println("update:", st.Update(ctx, store.Update{Key: claim.Key, Token: grant.Token, Seq: 1, Value: []byte("active")}))
	for _, r := range st.Renew(ctx, []store.Renewal{{Key: claim.Key, Token: grant.Token, Seq: 2}}) {
		fmt.Println("renew:", r.Err)
	}
	for r, err := range st.List(ctx, "exchange:") {
		fmt.Printf("list: %s %s %v\n", r.Key, r.Value, err)
	}

	err = st.Delete(ctx, claim.Key, store.ByToken(grant.Token))
	fmt.Println("delete:", err)
	_, err = st.Get(ctx, claim.Key)
	fmt.Println("get:", err)
	// Output:
	// create: <nil>
	// create: held with "starting"
	// update: <nil>
	// renew: <nil>
	// list: exchange:1 active <nil>
	// delete: <nil>
	// get: get "exchange:1": not found
}

// An error says what was called, for which key, and in which condition it left the store.
func ExampleError() {
	ctx := context.Background()
	st := memstore.New()
	err := st.Update(ctx, store.Update{Key: "exchange:1", Token: 7, Seq: 1, Value: []byte("active")})
	if failure, ok := errors.AsType[*store.Error](err); ok {
		fmt.Println(failure.Op, failure.Key, errors.Is(err, store.ErrLost))
	}
	_, err = st.Get(ctx, "")
	fmt.Println(err)
	// Output:
	// update exchange:1 true
	// invalid key: must not be empty
}

// Observe tells of each call, for metrics and traces. Its outcomes are few, and fit for a label.
func ExampleObserve() {
	ctx := context.Background()
	st := store.Observe(memstore.New(), func(_ context.Context, c store.Call) { fmt.Println(c.Verb, c.Key, store.Outcome(c.Err)) })
	_, _ = st.Get(ctx, "exchange:1")
	// Output:
	// get exchange:1 not_found
}
