package registry_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/registry"
)

// An instance whose machine is started by hand is published when it registers, and publishes
// its start.
func TestStartOfTheMachineIsPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst, err := registry.Register(t.Context(), newKeeper(t, st), lifecycle, configure(func(c *config) {
			c.MachineOptions = []fsm.Option{fsm.WithManualStart()}
		}))
		if err != nil {
			t.Fatal(err)
		}
		defer inst.Deregister(context.Background())
		if err := inst.Transition(t.Context(), Starting); !errors.Is(err, fsm.ErrNotStarted) || published(t, st).State != string(Idle) {
			t.Errorf("before the start: %v", err)
		}
		time.Sleep(time.Second)
		if err := inst.Machine().StartWithCause(t.Context(), "ready"); err != nil {
			t.Fatal(err)
		}
		e := published(t, st)
		if len(e.History) != 1 || e.History[0].Cause != "ready" || e.State != string(Idle) || !e.Changed.Equal(time.Now()) {
			t.Errorf("published %s since %v, %+v", e.State, e.Changed, e.History)
		}
		move(t, inst, Starting)
		wantAgreement(t, st, inst)
	})
}
