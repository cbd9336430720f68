package registry_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/registry"
)

func TestRegisterThatDoesNotReturnLeavesNoLease(t *testing.T) {
	timeoutFunc := func(after func()) fsm.Rule[State] {
		return fsm.TimeoutFunc(Idle, "a while", func(context.Context, fsm.Transition[State]) time.Duration {
			after()
			return time.Hour
		}, Starting)
	}
	for name, end := range map[string]func(){"panic": func() { panic(errBoom) }, "Goexit": runtime.Goexit} {
		for where, c := range map[string]struct {
			rules  []fsm.Rule[State]
			change func(*config)
		}{
			"timeout": {[]fsm.Rule[State]{timeoutFunc(end)}, func(*config) {}},
			"observer": {nil, func(c *config) {
				c.Observers = []registry.Observer{observerFunc(func(context.Context, registry.Notice) { end() })}
			}},
		} {
			if where == "observer" && name == "panic" {
				continue // it is logged
			}
			t.Run(where+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					st := teststore.New()
					def, err := lifecycle.With(c.rules...)
					if err != nil {
						t.Fatal(err)
					}
					k, health := newKeeper(t, st), &registry.Health[State]{}
					var panicked any
					done := make(chan struct{})
					go func() {
						defer close(done)
						defer func() { panicked = recover() }()
						_, err := registry.Register(t.Context(), k, def, configure(c.change, func(c *config) { c.Health = health }))
						t.Errorf("Register has returned, with %v", err)
					}()
					<-done
					if name == "panic" && panicked != errBoom {
						t.Errorf("the panic is %v", panicked)
					}
					wantGone(t, st)
					if held := k.Stats().Held; held != 0 {
						t.Errorf("the keeper holds %d leases", held)
					}
					if phase := health.Status().Phase; phase != registry.HealthDown {
						t.Errorf("the health is %s", phase)
					}
					again := register(t, k, func(c *config) { c.Health = health })
					if err := again.Deregister(t.Context()); err != nil {
						t.Error(err)
					}
				})
			})
		}
	}
}
