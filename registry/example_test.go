package registry_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// Connector is the payload of a service: its own fields and the state.
type Connector struct {
	Exchange string `json:"exchange"`
	State    State  `json:"state"`
	Symbols  int    `json:"symbols"`
}

var coinbase = registry.Config[State, Connector]{
	Key:       "exchange:1:status",
	Payload:   Connector{Exchange: "coinbase"},
	Fill:      func(c *Connector, s registry.Status[State]) { c.State = s.State },
	Connected: []State{Active},
	LeavePath: []State{Stopping, Stopped},
	Host:      "host-a",
}

// One process of many leads: the others wait until it ends, or loses its lease.
func ExampleSupervise() {
	ctx, stop := context.WithCancel(context.Background())
	keeper, err := lease.NewKeeper(memstore.New(), lease.Config{})
	if err != nil {
		panic(err)
	}
	defer keeper.Close(ctx)

	election := registry.Config[State, Connector]{Key: "leader", Wait: true}
	lead := func(ctx context.Context, i *registry.Instance[State, Connector]) error {
		fmt.Println("leads", i.State())
		stop() // in earnest, it works until its context ends
		<-ctx.Done()
		return nil
	}
	fmt.Println(registry.Supervise(ctx, keeper, lifecycle, election, lead))
	// Output:
	// leads idle
	// <nil>
}

func ExampleRegister() {
	ctx := context.Background()
	keeper, err := lease.NewKeeper(memstore.New(), lease.Config{})
	if err != nil {
		panic(err)
	}
	defer keeper.Close(ctx)

	inst, err := registry.Register(ctx, keeper, lifecycle, coinbase)
	if err != nil {
		panic(err)
	}
	fmt.Println(inst.State())
	fmt.Println(inst.Transition(ctx, Active))
	fmt.Println(inst.Transition(ctx, Starting))
	fmt.Println(inst.Update(ctx, func(c *Connector) { c.Symbols = 42 }))

	_, err = registry.Register(ctx, keeper, lifecycle, coinbase)
	if conflict, ok := errors.AsType[*registry.ConflictError](err); ok {
		fmt.Println(conflict.Key, "is held by", conflict.Host)
	}
	fmt.Println(inst.Leave(ctx), inst.State())
	// Output:
	// idle
	// idle -> active is not in the table; from idle: starting
	// <nil>
	// <nil>
	// exchange:1:status is held by host-a
	// <nil> stopped
}

func ExampleRun() {
	ctx := context.Background()
	keeper, err := lease.NewKeeper(memstore.New(), lease.Config{})
	if err != nil {
		panic(err)
	}
	defer keeper.Close(ctx)

	var inst *registry.Instance[State, Connector]
	err = registry.Run(ctx, keeper, lifecycle, coinbase, func(ctx context.Context, i *registry.Instance[State, Connector]) error {
		inst = i
		for _, s := range []State{Starting, Warming, Active} {
			if err := i.Transition(ctx, s); err != nil {
				return err
			}
		}
		return nil // or wait for <-ctx.Done(): ctx has ended or the lease is lost
	})
	fmt.Println(err)
	for _, t := range inst.Machine().History() {
		fmt.Println(t.From, "->", t.To)
	}
	// Output:
	// <nil>
	// idle -> starting
	// starting -> warming
	// warming -> active
	// active -> stopping
	// stopping -> stopped
}

func ExampleList() {
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

	for e, err := range registry.List[Connector](ctx, st, "exchange:") {
		if err != nil {
			panic(err)
		}
		fmt.Println(e.Key, "on", e.Host, "is", e.State, "and says", e.Payload)
	}
	// Output:
	// exchange:1:status on host-a is idle and says {coinbase idle 0}
}

// An operator asks an instance to move, is refused a step that the table does not have, and
// reads what happened after the instance has left.
func ExampleRequest() {
	ctx := context.Background()
	st := memstore.New() // in a second process: another store on the same servers
	keeper, err := lease.NewKeeper(st, lease.Config{})
	if err != nil {
		panic(err)
	}
	defer keeper.Close(ctx)

	cfg := coinbase
	cfg.Log = new(registry.Log)
	cfg.Requests = &registry.Requests[State]{States: []State{Starting, Active}}
	inst, err := registry.Register(ctx, keeper, lifecycle, cfg)
	if err != nil {
		panic(err)
	}

	reply, err := registry.Request(ctx, st, "exchange:1:status", registry.ForState("starting"), registry.WithSender("ops"))
	fmt.Println(reply.Outcome, reply.State, err)
	_, err = registry.Request(ctx, st, "exchange:1:status", registry.ForState("active"), registry.WithSender("ops"))
	fmt.Println(err)
	fmt.Println(inst.Leave(ctx))

	for e, err := range registry.ReadLog(ctx, st, "exchange:1:status", store.LogQuery{}) {
		switch {
		case err != nil:
			panic(err)
		case e.Kind == registry.LogTransition:
			fmt.Println(e.Kind, e.Transition.From, "->", e.Transition.To)
		case e.Kind == registry.LogRequest:
			fmt.Println(e.Kind, "for", e.Request.What, "by", e.Request.Sender, e.Request.Outcome)
		default:
			fmt.Println(e.Kind)
		}
	}
	// Output:
	// done starting <nil>
	// request for state "active" of "exchange:1:status": rejected: starting -> active is not in the table; from starting: warming, stopping, idle
	// <nil>
	// registered
	// transition idle -> starting
	// request for state "starting" by ops done
	// request for state "active" by ops rejected
	// transition starting -> stopping
	// transition stopping -> stopped
	// left
}
