package bench

import "github.com/leasehold-go/leasehold/fsm"

// State is a state of the one lifecycle on which everything here runs.
type State string

const (
	Idle     State = "idle"
	Starting State = "starting"
	Warming  State = "warming"
	Active   State = "active"
	Stopping State = "stopping"
	Stopped  State = "stopped"
)

var table = fsm.Table[State]{
	Idle:     {Starting},
	Starting: {Warming, Stopping, Idle},
	Warming:  {Active, Stopping, Idle},
	Active:   {Stopping},
	Stopping: {Stopped},
	Stopped:  {Idle},
}

// Running and Live are the states around others on a machine of three levels: Running holds
// Starting and Live, which holds Warming and Active. The round then crosses one level or two
// with every step but those from Stopping and Stopped.
const (
	Running State = "running"
	Live    State = "live"
)

// steps is the table once more, by event: each state is entered by one event.
// Taken one after the other they are the round that the benchmarks walk.
var steps = [...]struct {
	event string
	from  []State
	to    State
}{
	{"start", []State{Idle}, Starting},
	{"warm", []State{Starting}, Warming},
	{"activate", []State{Warming}, Active},
	{"stop", []State{Starting, Warming, Active}, Stopping},
	{"finish", []State{Stopping}, Stopped},
	{"reset", []State{Starting, Warming, Stopped}, Idle},
}

// round is where the steps lead.
var round = [len(steps)]State{Starting, Warming, Active, Stopping, Stopped, Idle}

// eventTo names the event that enters a state.
func eventTo(to State) string {
	for _, s := range steps {
		if s.to == to {
			return s.event
		}
	}
	panic("bench: no event leads to " + to)
}
