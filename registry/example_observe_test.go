package registry_test

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// counter is an observer that counts notices by their kind. Several goroutines may call it at a time.
type counter struct {
	mu   sync.Mutex
	seen map[registry.NoticeKind]int
}

func (c *counter) Observe(_ context.Context, n registry.Notice) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[n.Kind]++
}

// An observer is told of what happens to an instance.
func ExampleObserver() {
	ctx := context.Background()
	keeper, err := lease.NewKeeper(memstore.New(), lease.Config{})
	if err != nil {
		panic(err)
	}
	defer keeper.Close(ctx)
	c := &counter{seen: make(map[registry.NoticeKind]int)}
	cfg := coinbase
	cfg.Observers = []registry.Observer{c}
	inst, err := registry.Register(ctx, keeper, lifecycle, cfg)
	if err != nil {
		panic(err)
	}
	_ = inst.Transition(ctx, Starting)
	_ = inst.Transition(ctx, Active) // not in the table
	_ = inst.Leave(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Println(c.seen[registry.NoticeTransition], "transitions,", c.seen[registry.NoticeRejected], "rejected,", c.seen[registry.NoticeLeft], "left")
	// Output: 3 transitions, 1 rejected, 1 left
}

// The whole health at one moment, as a status page shows it.
func ExampleHealth_Status() {
	ctx := context.Background()
	keeper, err := lease.NewKeeper(memstore.New(), lease.Config{})
	if err != nil {
		panic(err)
	}
	defer keeper.Close(ctx)
	health := &registry.Health[State]{ReadyIn: []State{Idle}}
	fmt.Println(health.Status().Phase)
	cfg := coinbase
	cfg.Health = health
	inst, err := registry.Register(ctx, keeper, lifecycle, cfg)
	if err != nil {
		panic(err)
	}
	health.Report(errors.New("the disk is full"))
	report := health.Status()
	fmt.Println(report.Key, report.Phase, report.State, report.Live, "/", report.Ready)
	_ = inst.Deregister(ctx)
	fmt.Println(health.Status().Phase)
	// Output:
	// down
	// exchange:1:status held idle the disk is full / the disk is full
	// down
}
