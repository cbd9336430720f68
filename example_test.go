package leasehold_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

type State string

const (
	Idle     State = "idle"
	Starting State = "starting"
	Active   State = "active"
	Stopping State = "stopping"
	Stopped  State = "stopped"
)

var lifecycle = fsm.MustDefine(Idle, fsm.Table[State]{
	Idle:     {Starting},
	Starting: {Active, Stopping, Idle},
	Active:   {Stopping},
	Stopping: {Stopped},
	Stopped:  {Idle},
})

// Record is the published value of the key.
type Record struct {
	Exchange  string    `json:"exchange"`
	State     State     `json:"state"`
	Heartbeat time.Time `json:"heartbeat"`
}

func run(ctx context.Context, keeper *lease.Keeper) error {
	cfg := registry.Config[State, Record]{
		Key:       "exchange:1:status",
		Payload:   Record{Exchange: "coinbase"},
		Fill:      func(r *Record, s registry.Status[State]) { r.State, r.Heartbeat = s.State, s.Heartbeat },
		LeavePath: []State{Stopping, Stopped},
	}
	return registry.Run(ctx, keeper, lifecycle, cfg, serve)
}

// serve runs while the instance holds the key. Its context ends when the lease may be lost.
func serve(ctx context.Context, inst *registry.Instance[State, Record]) error {
	if err := inst.Transition(ctx, Starting); err != nil {
		return err
	}
	if err := inst.Transition(ctx, Stopped); err != nil {
		fmt.Println("refused:", err)
	}
	return inst.Transition(ctx, Active)
}

func Example() {
	ctx := context.Background()
	st := memstore.New() // or redisstore.New(ctx, client), etcdstore.New(ctx, client): nothing else changes
	keeper, err := lease.NewKeeper(st, lease.Config{TTL: 45 * time.Second, Heartbeat: 15 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	defer keeper.Close(ctx)
	if err := run(ctx, keeper); err != nil {
		log.Fatal(err)
	}
	_, err = registry.Get[Record](ctx, st, "exchange:1:status")
	fmt.Println("afterwards:", err)

	// Output:
	// refused: starting -> stopped is not in the table; from starting: active, stopping, idle
	// afterwards: get "exchange:1:status": not found
}

func Example_short() {
	ctx := context.Background()
	lifecycle := fsm.MustDefine("idle", fsm.Table[string]{
		"idle":    {"active"},
		"active":  {"idle", "stopped"},
		"stopped": {},
	})
	keeper, err := lease.NewKeeper(memstore.New(), lease.Config{}) // or redisstore.New(ctx, client), etcdstore.New(ctx, client)
	if err != nil {
		log.Fatal(err)
	}
	cfg := registry.Config[string, struct{}]{Key: "exchange:1", Instance: "feed-1"}
	inst, err := registry.Register(ctx, keeper, lifecycle, cfg) // nobody else has the key from here on
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(inst.Transition(ctx, "stopped"))
	fmt.Println(inst.Transition(ctx, "active"), inst.State())
	_, err = registry.Register(ctx, keeper, lifecycle, cfg)

	conflict := new(registry.ConflictError)
	fmt.Println("held:", errors.As(err, &conflict))
	fmt.Println(keeper.Close(ctx))

	// Output:
	// idle -> stopped is not in the table; from idle: active
	// <nil> active
	// held: true
	// <nil>
}

// Disk is the argument of Boot.
type Disk struct{ Path string }

var (
	Boot = fsm.NewEvent[Disk]("boot")
	Stop = fsm.NewSignal("stop")
)

func mounted(_ context.Context, _ fsm.Transition[State], d Disk) error {
	if d.Path == "" {
		return errors.New("nothing is mounted")
	}
	return nil
}

func fresh(context.Context, fsm.Transition[State]) error { return nil }

func Example_machine() {
	ctx := context.Background()
	def, err := lifecycle.With(
		fsm.On(Boot, fsm.From(Idle), Starting, fsm.If("has a disk", mounted)),
		fsm.On(Stop, fsm.FromAny[State](), Stopping),
		fsm.Guard(Active, "feed is fresh", fresh),
	)
	if err != nil {
		log.Fatal(err)
	}
	m := fsm.New(def)
	fmt.Println(m.Fire(ctx, Stop))
	fmt.Println(fsm.Fire(ctx, m, Boot, Disk{}))
	fmt.Println(fsm.Fire(ctx, m, Boot, Disk{Path: "/data"}), m.State())

	// Output:
	// event "stop" in idle: not handled; possible: boot
	// event "boot" in idle: vetoed: guard "has a disk": nothing is mounted
	// <nil> starting
}

func Example_requests() {
	ctx := context.Background()
	st := memstore.New()
	keeper, err := lease.NewKeeper(st, lease.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer keeper.Close(ctx)
	def, err := lifecycle.With(fsm.On(Boot, fsm.From(Idle), Starting, fsm.If("has a disk", mounted)))
	if err != nil {
		log.Fatal(err)
	}
	cfg := registry.Config[State, Record]{Key: "exchange:1:status"}

	cfg.Requests = &registry.Requests[State]{
		States: []State{Stopping, Idle},
		Events: []registry.RequestableEvent[State]{registry.Requestable[State](Boot)},
		Allow: func(_ context.Context, r registry.AskedFor) error {
			if r.Sender != "alice" { // a name is not proved: rights on the store are the lock
				return fmt.Errorf("%q is not on the list", r.Sender)
			}
			return nil
		},
	}
	cfg.Log = &registry.Log{Entries: 9_000, Age: 90 * 24 * time.Hour} // 100 entries a day

	inst, err := registry.Register(ctx, keeper, def, cfg)
	if err != nil {
		log.Fatal(err)
	}
	ask := func(what registry.Requested, opts ...registry.RequestOption) {
		short, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		reply, err := registry.Request(short, st, "exchange:1:status", what, opts...)
		if errors.Is(err, store.ErrInDoubt) { // the reply was lost: with the same id nothing is done twice
			reply, err = registry.Request(ctx, st, "exchange:1:status", what, append(opts, registry.WithRequestID(reply.ID))...)
		}
		refused := new(registry.RequestError)
		switch {
		case err == nil:
			fmt.Println("done:", reply.State)
		case errors.As(err, &refused): // rejected, failed, expired, or done with errors
			fmt.Println(refused.Reply.Outcome, "in", refused.Reply.State, "because", refused.Reply.Error)
		default: // nobody holds the key, or the store is unavailable
			fmt.Println(err)
		}
	}
	ask(registry.ForEvent("boot", Disk{Path: "/data"}), registry.WithSender("alice"))
	ask(registry.ForState("stopping"), registry.WithSender("eve"))
	if err := inst.Leave(ctx); err != nil {
		log.Fatal(err)
	}

	newest := store.LogQuery{Backward: true, Limit: 50}
	for e, err := range registry.ReadLog(ctx, st, "exchange:1:status", newest) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Kind)
	}

	// Output:
	// done: starting
	// rejected in starting because "eve" is not on the list
	// left
	// request
	// request
	// transition
	// registered
}

func Example_nested() {
	ctx := context.Background()
	const Running, Warming State = "running", "warming"
	def, err := fsm.Define(Idle, fsm.Table[State]{
		Idle:    {Running},
		Running: {Idle}, // from each of its substates
		Warming: {Active},
		Active:  {},
	},
		fsm.Substates(Running, Warming, Active),
		fsm.Timeout(Warming, 30*time.Second, Idle),
	)
	if err != nil {
		log.Fatal(err)
	}
	m := fsm.New(def)
	defer m.Close(ctx)
	fmt.Println(m.Transition(ctx, Running), m.State(), m.In(Running))
	fmt.Println(m.Transition(ctx, Active), m.Next())

	// Output:
	// <nil> warming true
	// <nil> [idle]
}
