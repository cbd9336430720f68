package connector

import "github.com/leasehold-go/leasehold/fsm"

// State is a state of a connector.
type State string

const (
	Idle     State = "idle"     // registered
	Starting State = "starting" // opening the feed
	Warming  State = "warming"  // reading until every symbol is warm
	Active   State = "active"   // reading, with every symbol warm
	Stopping State = "stopping" // no longer reading
	Stopped  State = "stopped"  // about to release the key
)

// connectorData is the connector of a machine.
var connectorData = fsm.NewData[*connector]("connector")

var lifecycle = fsm.MustDefine(Idle, fsm.Table[State]{
	Idle:     {Starting},
	Starting: {Warming, Stopping, Idle},
	Warming:  {Active, Stopping, Idle},
	Active:   {Stopping},
	Stopping: {Stopped},
	Stopped:  {Idle},
},
	fsm.Requires[State](connectorData),
	fsm.After(afterTransition),
)
