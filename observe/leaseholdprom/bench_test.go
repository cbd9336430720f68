package leaseholdprom_test

import (
	"context"
	"testing"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/observe/leaseholdprom"
)

// BenchmarkMachine makes transitions of a machine with a hook, without and with metrics.
func BenchmarkMachine(b *testing.B) {
	def := fsm.MustDefine("idle", fsm.Table[string]{"idle": {"active"}, "active": {"idle"}},
		fsm.OnEntry("active", func(context.Context, fsm.Transition[string]) error { return nil }))
	m, _ := newMetrics(b)
	for name, opts := range map[string][]fsm.Option{"hook": nil, "hook and metrics": {leaseholdprom.Machine[string](m)}} {
		b.Run(name, func(b *testing.B) {
			machine, ctx := fsm.New(def, opts...), context.Background()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				to := "active"
				if i%2 == 1 {
					to = "idle"
				}
				if err := machine.Transition(ctx, to); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
