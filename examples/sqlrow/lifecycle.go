package main

import "github.com/leasehold-go/leasehold/fsm"

// State is the state of a job.
type State string

const (
	Queued    State = "queued"    // waits for a worker
	Running   State = "running"   // a worker has it
	Failed    State = "failed"    // may be queued again
	Done      State = "done"      // final
	Cancelled State = "cancelled" // final
)

var lifecycle = fsm.MustDefine(Queued, fsm.Table[State]{
	Queued:    {Running, Cancelled},
	Running:   {Done, Failed},
	Failed:    {Queued, Cancelled},
	Done:      {},
	Cancelled: {},
},
	fsm.Final(Done, Cancelled),
	fsm.Requires[State](jobID),
)

// jobID is the id of a machine's row, for hooks: one definition serves all jobs.
var jobID = fsm.NewData[int64]("job id")
