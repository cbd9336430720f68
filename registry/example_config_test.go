package registry_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// A mistake in a Config is found before anything is sent, and names the field.
func ExampleConfig() {
	ctx := context.Background()
	keeper, err := lease.NewKeeper(memstore.New(), lease.Config{})
	if err != nil {
		panic(err)
	}
	defer keeper.Close(ctx)
	cfg := registry.Config[State, Connector]{
		Key:       "exchange:1:status",
		Payload:   Connector{Exchange: "coinbase"},
		Fill:      func(c *Connector, s registry.Status[State]) { c.State = s.State }, // before each write
		LeavePath: []State{Stopping, "stoped"},
	}
	_, err = registry.Register(ctx, keeper, lifecycle, cfg)
	fmt.Println(err)

	cfg.LeavePath[1] = Stopped
	inst, err := registry.Register(ctx, keeper, lifecycle, cfg)
	if err != nil {
		panic(err)
	}
	defer inst.Deregister(ctx)
	r, err := registry.Get[Connector](ctx, keeper.Store(), "exchange:1:status")
	fmt.Println(r.Payload, err)
	// Output:
	// invalid state of LeavePath "stoped": is not in the definition
	// {coinbase idle 0} <nil>
}

// The published facts of an instance, also those that its payload does not have.
func ExampleStatus() {
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
	defer inst.Deregister(ctx)
	for _, s := range []State{Starting, Warming, Active} {
		if err := inst.Transition(ctx, s); err != nil {
			panic(err)
		}
	}
	if err := inst.RecordError(ctx, errors.New("feed is slow")); err != nil {
		panic(err)
	}
	s := inst.Status()
	fmt.Println(s.State, "on", s.Host, "after", len(s.History), "transitions; last error:", s.LastError)
	fmt.Println(s.Connected.After(s.Registered), s.Process.ID == os.Getpid(), s.Token == inst.Lease().Token())
	// Output:
	// active on host-a after 3 transitions; last error: feed is slow
	// true true true
}

// A holder that a restart on the same machine left behind need not be waited for. Policies are
// texts in files of configuration.
func ExampleReclaim() {
	ctx := context.Background()
	keeper, err := lease.NewKeeper(memstore.New(), lease.Config{})
	if err != nil {
		panic(err)
	}
	defer keeper.Close(ctx)
	cfg := coinbase
	cfg.Instance = "connector-1" // a name that one process has at a time
	before, err := registry.Register(ctx, keeper, lifecycle, cfg)
	if err != nil {
		panic(err)
	}

	if err := cfg.Reclaim.UnmarshalText([]byte("dead")); err != nil {
		panic(err)
	}
	_, err = registry.Register(ctx, keeper, lifecycle, cfg)
	fmt.Println(cfg.Reclaim, errors.Is(err, store.ErrHeld)) // this process lives

	cfg.Reclaim = registry.ReclaimName
	after, err := registry.Register(ctx, keeper, lifecycle, cfg)
	if err != nil {
		panic(err)
	}
	fmt.Println(cfg.Reclaim, after.Lease().Valid())
	fmt.Println(errors.Is(before.Transition(ctx, Starting), store.ErrLost))
	_ = after.Deregister(ctx)
	// Output:
	// dead true
	// name true
	// true
}

// The context of a serve function ends with its cause: here the lease is lost.
func ExampleServeFunc() {
	ctx := context.Background()
	st := memstore.New()
	keeper, err := lease.NewKeeper(st, lease.Config{})
	if err != nil {
		panic(err)
	}
	defer keeper.Close(ctx)
	var serve registry.ServeFunc[State, Connector] = func(ctx context.Context, i *registry.Instance[State, Connector]) error {
		if err := i.Transition(ctx, Starting); err != nil {
			return err
		}
		_ = st.Delete(ctx, "exchange:1:status", store.ByToken(i.Lease().Token())) // by an operator
		<-ctx.Done()                                                              // its work ends here
		if lost, ok := errors.AsType[*lease.LostError](context.Cause(ctx)); ok {
			fmt.Println("lost:", lost.Reason())
		}
		return ctx.Err()
	}
	err = registry.Run(ctx, keeper, lifecycle, coinbase, serve)
	fmt.Println(errors.Is(err, store.ErrLost))
	// Output:
	// lost: deleted
	// true
}

// The error of a key that is held says by whom, since when, and for how long at most.
func ExampleConflictError() {
	ctx := context.Background()
	keeper, err := lease.NewKeeper(memstore.New(), lease.Config{TTL: time.Minute})
	if err != nil {
		panic(err)
	}
	defer keeper.Close(ctx)
	inst, err := registry.Register(ctx, keeper, lifecycle, coinbase)
	if err != nil {
		panic(err)
	}
	defer inst.Deregister(ctx)
	_, err = registry.Register(ctx, keeper, lifecycle, coinbase)
	if held, ok := errors.AsType[*registry.ConflictError](err); ok {
		fmt.Println(held.Key, "on", held.Host, "for", held.Left.Round(time.Minute))
		fmt.Println(time.Since(held.Registered) < time.Hour, held.Token == inst.Lease().Token())
	}
	fmt.Println(errors.Is(err, store.ErrHeld))
	// Output:
	// exchange:1:status on host-a for 1m0s
	// true true
	// true
}
