package registry_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/leasehold-go/leasehold/fsm/fsmdraw"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// One record: the identity of the holder, its state, and the payload in a type of the reader's own.
func ExampleGet() {
	ctx := context.Background()
	st := memstore.New()
	keeper, err := lease.NewKeeper(st, lease.Config{})
	if err != nil {
		panic(err)
	}
	defer keeper.Close(ctx)
	inst, err := registry.Register(ctx, keeper, lifecycle, coinbase)
	if err != nil {
		panic(err)
	}
	defer inst.Deregister(ctx)

	type fields = map[string]any // whatever its payload has
	r, err := registry.Get[fields](ctx, st, "exchange:1:status")
	if err != nil {
		panic(err)
	}
	fmt.Println(r.Payload["exchange"], r.State, r.Host, r.TTL, r.Left <= r.TTL, r.Foreign())

	_, err = registry.Get[fields](ctx, st, "exchange:2:status")
	fmt.Println(errors.Is(err, store.ErrNotFound))
	// Output:
	// coinbase idle host-a 45s true false
	// true
}

// A record that the registry did not write is decoded as far as possible.
func ExampleRecord() {
	r := registry.Decode[Connector](store.Record{
		Key:   "exchange:1:status",
		Value: []byte(`{"exchange": "kraken"}`),
		Left:  store.Forever,
	})
	fmt.Println("foreign:", r.Foreign(), "published:", r.Published, r.Payload.Exchange, r.Err)
	r = registry.Decode[Connector](store.Record{Key: "exchange:1:status", Value: []byte(`"kraken"`), Token: 7})
	fmt.Println("foreign:", r.Foreign(), "published:", r.Published, r.Err != nil)
	// Output:
	// foreign: true published: false kraken <nil>
	// foreign: false published: false true
}

// A program that has the store alone draws the machine of an instance, with its state.
func ExampleReadDefinition() {
	ctx := context.Background()
	st := memstore.New()
	keeper, err := lease.NewKeeper(st, lease.Config{})
	if err != nil {
		panic(err)
	}
	defer keeper.Close(ctx)
	inst, err := registry.Register(ctx, keeper, lifecycle, coinbase)
	if err != nil {
		panic(err)
	}
	defer inst.Deregister(ctx)

	r, err := registry.Get[Connector](ctx, st, "exchange:1:status")
	if err != nil {
		panic(err)
	}
	d, err := registry.ReadDefinition(ctx, st, r)
	for errors.Is(err, registry.ErrNoDefinition) { // a registration does not wait until it is stored
		time.Sleep(time.Millisecond)
		d, err = registry.ReadDefinition(ctx, st, r)
	}
	if err != nil {
		panic(err)
	}
	for _, e := range d.EdgesFrom(r.State) {
		fmt.Println(e.From, "->", e.To)
	}
	picture, err := fsmdraw.MermaidOf(d, fsmdraw.Current(r.State))
	fmt.Println(strings.HasPrefix(picture, "stateDiagram"), err)
	// Output:
	// idle -> starting
	// true <nil>
}

// A reader of a log goes on as it grows.
func ExampleFollowLog() {
	ctx := context.Background()
	st := memstore.New()
	keeper, err := lease.NewKeeper(st, lease.Config{})
	if err != nil {
		panic(err)
	}
	defer keeper.Close(ctx)
	cfg := coinbase
	cfg.Log = &registry.Log{Entries: 100}
	inst, err := registry.Register(ctx, keeper, lifecycle, cfg)
	if err != nil {
		panic(err)
	}
	for e, err := range registry.FollowLog(ctx, st, "exchange:1:status", store.LogPosition{}) {
		if err != nil {
			panic(err) // the end of ctx, or of the store
		}
		switch e.Kind {
		case registry.LogRegistered:
			fmt.Println("registered on", e.Identity.Host)
			_ = inst.TransitionWithCause(ctx, Starting, "8 o'clock")
		case registry.LogTransition:
			fmt.Println(e.Transition.From, "->", e.Transition.To, e.Transition.Cause)
			_ = inst.Deregister(ctx)
		case registry.LogLeft:
			fmt.Println("left")
			return
		}
	}
	// Output:
	// registered on host-a
	// idle -> starting 8 o'clock
	// left
}
