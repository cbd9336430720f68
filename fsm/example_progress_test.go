package fsm_test

import (
	"context"
	"fmt"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
)

// A watchdog asks from outside what a machine is doing.
func ExampleMachine_InProgress() {
	warmingUp, warm := make(chan struct{}), make(chan struct{})
	def := fsm.MustDefine("cold", fsm.Table[string]{"cold": {"warm"}, "warm": {}},
		fsm.OnEntry("warm", func(context.Context, fsm.Transition[string]) error {
			close(warmingUp)
			<-warm
			return nil
		}))
	m := fsm.New(def)
	ended := make(chan error)
	go func() { ended <- m.Transition(context.Background(), "warm") }()

	<-warmingUp
	change, since := m.InProgress()
	fmt.Println(change, time.Since(since) < time.Hour)
	close(warm)
	fmt.Println(<-ended)
	change, _ = m.InProgress()
	fmt.Printf("%q\n", change)
	// Output:
	// cold -> warm (entry) true
	// <nil>
	// ""
}
