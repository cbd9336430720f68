package main

import "github.com/leasehold-go/leasehold/fsm"

// State is where a connector is in its life.
type State string

const (
	Idle     State = "idle"     // registered, doing nothing
	Starting State = "starting" // opening the feed
	Warming  State = "warming"  // reading until every symbol is warm
	Active   State = "active"   // reading, and good for use
	Stopping State = "stopping" // no longer reading
	Stopped  State = "stopped"  // about to let go of the key
)

var lifecycle = fsm.MustDefine(Idle, fsm.Table[State]{
	Idle:     {Starting},
	Starting: {Warming, Stopping, Idle},
	Warming:  {Active, Stopping, Idle},
	Active:   {Stopping},
	Stopping: {Stopped},
	Stopped:  {Idle},
})
