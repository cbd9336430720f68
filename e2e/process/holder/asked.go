package main

import (
	"context"
	"fmt"
	"time"

	"github.com/leasehold-go/leasehold/e2e/internal/answered"
	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
)

type none struct{}

// serveRequests registers an instance, idle at first, that may be asked to be busy. Its guard
// and its hook say the cause of a request, and take the time of the setting after they have.
func (s settings) serveRequests(ctx context.Context, k *lease.Keeper) error {
	user := func(what string, takes time.Duration) func(context.Context, fsm.Transition[string]) error {
		return func(_ context.Context, t fsm.Transition[string]) error {
			say("%s %s", what, t.Cause)
			time.Sleep(takes)
			return nil
		}
	}
	def, err := fsm.Define("idle", fsm.Table[string]{"idle": {"busy"}, "busy": {"idle"}},
		fsm.Guard("busy", "slow", user("guard", s.guard)), fsm.OnEntry("busy", user("hook", s.hook)))
	if err != nil {
		return err
	}
	cfg := registry.Config[string, none]{Key: s.key, Wait: s.wait, Log: new(registry.Log), Requests: &registry.Requests[string]{States: []string{"busy", "idle"}}}
	if s.gate {
		cfg.Health = &registry.Health[string]{StuckAfter: time.Second, Gate: true}
	}
	i, err := answered.Acquire(ctx, func() (*registry.Instance[string, none], error) { return registry.Register(ctx, k, def, cfg) })
	if err != nil {
		return err
	}
	say("held %d", i.Lease().Token())
	select {
	case <-ctx.Done():
	case <-i.Lease().Done():
		return fmt.Errorf("%w; in %s", i.Lease().Err(), i.State())
	}
	return i.Leave(ctx)
}
