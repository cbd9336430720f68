package store_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// must returns v, and panics if there is an error, which the examples do not expect.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// created has a key created for a minute.
func created(st store.Store, key, value string) (store.Claim, store.Grant) {
	c := store.Claim{Key: key, Value: []byte(value), TTL: time.Minute, Nonce: store.NewNonce()}
	return c, must(st.Create(context.Background(), c))
}

// A key that is held comes with the record of its holder, and the time that it has left at most.
func ExampleHeldError() {
	st := memstore.New()
	claim, _ := created(st, "exchange:1", "host-a")
	claim.Nonce = store.NewNonce()
	_, err := st.Create(context.Background(), claim)
	if held, ok := errors.AsType[*store.HeldError](err); ok {
		r := held.Record
		fmt.Printf("%s: %s, for less than %v: %t\n", r.Key, r.Value, claim.TTL, r.Left <= claim.TTL)
	}
	fmt.Println(errors.Is(err, store.ErrHeld), store.Outcome(err))
	// Output:
	// exchange:1: host-a, for less than 1m0s: true
	// true held
}

// A record of another program has no token. Nothing writes over it.
func ExampleForeignError() {
	err := error(&store.ForeignError{Record: store.Record{Key: "exchange:1", Value: []byte("{}"), Left: store.Forever}})
	if foreign, ok := errors.AsType[*store.ForeignError](err); ok {
		fmt.Println(foreign.Record.Key, foreign.Record.Foreign(), store.Left(foreign.Record.Left))
	}
	fmt.Println(errors.Is(err, store.ErrForeign))
	// Output:
	// exchange:1 true no expiry
	// true
}

// An argument that breaks a rule is refused before anything is sent.
func ExampleInvalidError() {
	claim := store.Claim{Key: "exchange:1", Value: []byte("host-a"), TTL: time.Millisecond, Nonce: store.NewNonce()}
	err := claim.Check(store.MinTTL)
	if invalid, ok := errors.AsType[*store.InvalidError](err); ok {
		fmt.Println(invalid.What, invalid.Got, invalid.Rule)
	}
	fmt.Println(store.CheckKey("leasehold:mine"))
	fmt.Println(store.CheckPrefix("exchange:"), store.CheckValue([]byte("host-a")))
	// Output:
	// ttl 1ms must be at least 100ms
	// invalid key "leasehold:mine": names that begin with "leasehold:" are the library's own
	// <nil> <nil>
}

// The time that a record has left, as a message shows it.
func ExampleLeft() {
	for _, d := range []time.Duration{300 * time.Millisecond, 31400 * time.Millisecond, 3 * time.Hour, store.Forever} {
		fmt.Println(store.Left(d))
	}
	// Output:
	// 300ms left
	// 31s left
	// 3h0m0s left
	// no expiry
}

// A token is larger than every earlier one of its key. A resource that compares tokens refuses a
// holder that has lost its lease without knowing it yet.
func ExampleToken() {
	ctx := context.Background()
	st := memstore.New()
	_, first := created(st, "exchange:1", "host-a")
	_ = st.Delete(ctx, "exchange:1", store.ByToken(first.Token)) // by an operator, say
	_, second := created(st, "exchange:1", "host-b")

	var largest store.Token // of the resource
	write := func(t store.Token) error {
		if t < largest {
			return fmt.Errorf("token %d is old", t-first.Token)
		}
		largest = t
		return nil
	}
	fmt.Println(first.Token < second.Token, write(second.Token), write(first.Token))
	// Output: true <nil> token 0 is old
}

// A nonce identifies one create. If its reply was lost, the same create again gets the same answer.
func ExampleNonce() {
	ctx := context.Background()
	st := memstore.New()
	claim, grant := created(st, "exchange:1", "host-a")
	again, err := st.Create(ctx, claim)
	fmt.Println(again.Token == grant.Token, err)

	_ = st.Delete(ctx, claim.Key, store.ByNonce(claim.Nonce)) // settles a create in doubt
	_, err = st.Create(ctx, claim)
	fmt.Println(errors.Is(err, store.ErrEnded), len(claim.Nonce.String()))
	// Output:
	// true <nil>
	// true 32
}

// Conditions have short names, fit for the label of a metric.
func ExampleOutcome() {
	for _, err := range []error{nil, store.ErrUnavailable, fmt.Errorf("get: %w", store.ErrInDoubt), store.Lost("update", "exchange:1", 8)} {
		fmt.Println(store.Outcome(err))
	}
	// Output:
	// ok
	// unavailable
	// in_doubt
	// lost
}

// Each store declares how exact it is. etcd, for one, counts in whole seconds.
func ExampleCapabilities() {
	c := store.CapabilitiesOf(memstore.New())
	fmt.Println("a record expires", c.Precision, "late at most")
	fmt.Println(store.CheckTTL(time.Second, c.MinTTL), store.CheckTTL(time.Millisecond, c.MinTTL))
	// Output:
	// a record expires 0s late at most
	// <nil> invalid ttl 1ms: must be at least 100ms
}
