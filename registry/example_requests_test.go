package registry_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// An instance says which events and states others may ask for, and may look at each request.
func ExampleRequests() {
	ctx := context.Background()
	st := memstore.New()
	keeper, err := lease.NewKeeper(st, lease.Config{})
	if err != nil {
		panic(err)
	}
	defer keeper.Close(ctx)

	type options struct{ Symbols int }
	start := fsm.NewEvent[options]("start")
	def, err := lifecycle.With(fsm.On(start, fsm.From(Idle), Starting,
		fsm.Do(func(_ context.Context, _ fsm.Transition[State], o options) error {
			fmt.Println("starts with", o.Symbols)
			return nil
		})))
	if err != nil {
		panic(err)
	}
	cfg := coinbase
	cfg.Requests = &registry.Requests[State]{
		Events: []registry.RequestableEvent[State]{registry.Requestable[State](start)},
		Allow: func(_ context.Context, asked registry.AskedFor) error {
			if asked.Cause == "" {
				return errors.New("say why")
			}
			return nil
		},
	}
	inst, err := registry.Register(ctx, keeper, def, cfg)
	if err != nil {
		panic(err)
	}
	defer inst.Deregister(ctx)

	what := registry.ForEvent("start", options{Symbols: 42})
	_, err = registry.Request(ctx, st, "exchange:1:status", what)
	fmt.Println(err)
	reply, err := registry.Request(ctx, st, "exchange:1:status", what,
		registry.WithRequestCause("8 o'clock"), registry.WithRequestTimeout(10*time.Second))
	fmt.Println(reply.Outcome, reply.State, err)
	// Output:
	// request for event "start" of "exchange:1:status": rejected: say why; permitted: start
	// starts with 42
	// done starting <nil>
}

// A request that is not done comes back as an error with the reply: what was wrong, and what is possible.
func ExampleRequestError() {
	ctx := context.Background()
	st := memstore.New()
	keeper, err := lease.NewKeeper(st, lease.Config{})
	if err != nil {
		panic(err)
	}
	defer keeper.Close(ctx)
	cfg := coinbase
	cfg.Requests = &registry.Requests[State]{States: lifecycle.States()}
	inst, err := registry.Register(ctx, keeper, lifecycle, cfg)
	if err != nil {
		panic(err)
	}
	defer inst.Deregister(ctx)

	_, err = registry.Request(ctx, st, "exchange:1:status", registry.ForState("active"))
	if refused, ok := errors.AsType[*registry.RequestError](err); ok {
		fmt.Println(refused.What, refused.Reply.Outcome, "in", refused.Reply.State)
		fmt.Println("possible:", refused.Reply.Permitted)
	}
	// Output:
	// state "active" rejected in idle
	// possible: [starting]
}
