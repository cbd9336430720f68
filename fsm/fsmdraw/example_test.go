package fsmdraw_test

import (
	"context"
	"fmt"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/fsm/fsmdraw"
)

type Light string

const (
	Red    Light = "red"
	Green  Light = "green"
	Yellow Light = "yellow"
)

var light = fsm.MustDefine(Red, fsm.Table[Light]{
	Red:    {Green},
	Green:  {Yellow},
	Yellow: {Red},
})

func ExampleMermaid() {
	m := fsm.New(light)
	_ = m.Transition(context.Background(), Green)
	fmt.Print(fsmdraw.Mermaid(light, fsmdraw.Current(m.State()), fsmdraw.Taken(m.History())))
	// Output:
	// stateDiagram-v2
	//     state "red" as s0
	//     state "green" as s1
	//     state "yellow" as s2
	//     [*] --> s0
	//     s0 --> s1 : taken 1
	//     s1 --> s2
	//     s2 --> s0
	//     classDef current fill:#ffd54f,stroke:#333,stroke-width:3px
	//     class s1 current
}

func ExampleDOT() {
	fmt.Print(fsmdraw.DOT(light))
	// Output:
	// digraph {
	// 	rankdir=LR
	// 	node [shape=box, style=rounded, fontname="Helvetica"]
	// 	edge [fontname="Helvetica", fontsize=11]
	// 	initial [shape=point, width=0.15]
	// 	s0 [label="red"]
	// 	s1 [label="green"]
	// 	s2 [label="yellow"]
	// 	initial -> s0
	// 	s0 -> s1
	// 	s1 -> s2
	// 	s2 -> s0
	// }
}

type Door string

const (
	Open   Door = "open"
	Shut   Door = "shut"
	Closed Door = "closed"
	Locked Door = "locked"
	Relock Door = "relock"
)

var door = fsm.MustDefine(Open, fsm.Table[Door]{
	Open:   {Shut, Relock},
	Shut:   {Open}, // from every state within it
	Closed: {Locked},
	Locked: {Closed},
	Relock: {},
},
	fsm.Substates(Shut, Closed, Locked),
	fsm.DeepHistory(Relock, Shut),
	fsm.Timeout(Closed, 10*time.Second, Locked),
)

func ExampleMermaid_nested() {
	fmt.Print(fsmdraw.Mermaid(door))
	// Output:
	// stateDiagram-v2
	//     state "open" as s0
	//     state "shut" as s1 {
	//         state "H* relock" as s2
	//         state "closed" as s3
	//         state "locked" as s4
	//         [*] --> s3
	//         s3 --> s4 : after 10s
	//         s4 --> s3
	//     }
	//     [*] --> s0
	//     s0 --> s1
	//     s0 --> s2
	//     s1 --> s0
}
