package fsm_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
)

// OnTimeoutError does not hear of a timeout that Close has interrupted: it was not refused, and
// stays in the snapshot.
func TestTimeoutErrorHookDoesNotRunOnceTheMachineIsClosed(t *testing.T) {
	for name, rule := range map[string]func(hook) stateRule{
		"guard":  func(run hook) stateRule { return fsm.Guard(active, "slow", run) },
		"before": func(run hook) stateRule { return fsm.Before(run) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				heard := 0
				def, err := fsm.Define(idle, fsm.Table[state]{idle: {active}, active: {}}, fsm.Timeout(idle, time.Second, active),
					rule(func(ctx context.Context, _ transition) error { <-ctx.Done(); return ctx.Err() }),
					fsm.OnTimeoutError(func(context.Context, *fsm.TransitionError[state]) { heard++ }))
				if err != nil {
					t.Fatal(err)
				}
				m := fsm.New(def)
				time.Sleep(2 * time.Second)
				if err := m.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				if s := m.Snapshot(); heard != 0 || len(s.Timeouts) != 1 {
					t.Errorf("the hook ran %d times, %d timeouts run", heard, len(s.Timeouts))
				}
			})
		})
	}
}
