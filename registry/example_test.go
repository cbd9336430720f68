package registry_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

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

// A watch begins with the records that are there, and goes on with each change. A record that another
// program wrote is yielded as foreign, and hides nothing.
func ExampleWatch() {
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
	for e, err := range registry.Watch[Connector](ctx, st, "exchange:") {
		if err != nil {
			panic(err) // only a refused prefix, the end of ctx or of the store
		}
		switch e.Kind {
		case store.EventPut:
			fmt.Println(e.Record.Key, "is", e.Record.State)
		case store.EventSynced: // all that was there has been yielded
			_ = inst.Leave(ctx)
		case store.EventGone:
			fmt.Println(e.Record.Key, e.Cause)
			return
		}
	}
	// Unordered output:
	// exchange:1:status is idle
	// exchange:1:status deleted
}

// The health of an instance, as its probes tell it; see package probe.
func ExampleHealth() {
	ctx := context.Background()
	keeper, err := lease.NewKeeper(memstore.New(), lease.Config{})
	if err != nil {
		panic(err)
	}
	defer keeper.Close(ctx)
	health := &registry.Health[State]{ReadyIn: []State{Active}}
	cfg := coinbase
	cfg.Health = health
	inst, err := registry.Register(ctx, keeper, lifecycle, cfg)
	if err != nil {
		panic(err)
	}
	fmt.Println("ready:", health.Ready())
	for _, s := range []State{Starting, Warming, Active} {
		if err := inst.Transition(ctx, s); err != nil {
			panic(err)
		}
	}
	fmt.Println("ready:", health.Ready())
	health.Report(errors.New("the feed is stale")) // until Report(nil)
	fmt.Println("live:", health.Live())
	// Output:
	// ready: the service is in state idle
	// ready: <nil>
	// live: the feed is stale
}

// Notices of an instance go to observers; LogTo writes them as lines with listed attributes.
func ExampleLogTo() {
	ctx := context.Background()
	keeper, err := lease.NewKeeper(memstore.New(), lease.Config{})
	if err != nil {
		panic(err)
	}
	defer keeper.Close(ctx)
	some := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "token" || a.Key == "duration" || a.Key == "instance" {
			return slog.Attr{}
		}
		return a
	}
	cfg := coinbase
	cfg.Observers = []registry.Observer{registry.LogTo(slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: some})))}
	inst, err := registry.Register(ctx, keeper, lifecycle, cfg)
	if err != nil {
		panic(err)
	}
	_ = inst.TransitionWithCause(ctx, Starting, "told to")
	_ = inst.Transition(ctx, Idle)
	_ = inst.Deregister(ctx)
	// Output:
	// level=INFO msg="leasehold: registered" key=exchange:1:status
	// level=INFO msg="leasehold: transition" key=exchange:1:status from=idle to=starting cause="told to" number=1
	// level=INFO msg="leasehold: transition" key=exchange:1:status from=starting to=idle number=2
	// level=INFO msg="leasehold: left" key=exchange:1:status
}

// A waiter that gives up is told who held the key.
func ExampleWaitError() {
	ctx := context.Background()
	keeper, err := lease.NewKeeper(memstore.New(), lease.Config{})
	if err != nil {
		panic(err)
	}
	defer keeper.Close(ctx)
	if _, err := registry.Register(ctx, keeper, lifecycle, coinbase); err != nil {
		panic(err)
	}
	cfg := coinbase
	cfg.Wait = true
	short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	_, err = registry.Register(short, keeper, lifecycle, cfg)
	if waited, ok := errors.AsType[*registry.WaitError](err); ok {
		fmt.Println(waited.Holder.Key, "was held by", waited.Holder.Host, errors.Is(err, context.DeadlineExceeded))
	}
	// Output:
	// exchange:1:status was held by host-a true
}
