package fsm_test

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
)

// A table is any comparable type with the states that each may lead to. A state without a line in
// it is a mistake, so that a misspelt one is found.
func ExampleTable() {
	type level int
	def, err := fsm.Define(0, fsm.Table[level]{
		0: {1},
		1: {2, 0},
		2: {},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(def.States(), def.Next(1), def.Can(2, 0))
	// Output: [0 1 2] [2 0] false
}

// The edges of a definition, with what leads along each.
func ExampleEdge() {
	for _, e := range jobs.Edges() {
		fmt.Println(e.From, "->", e.To, e.Kind)
		for _, event := range e.Events {
			fmt.Println("  by", event.Name, event.Guards)
		}
	}
	// Output:
	// new -> running external
	//   by begin [has a worker]
	// running -> paused external
	//   by pause []
	// running -> done external
	//   by finish []
	// running -> failed external
	//   by abort []
	//   by finish []
	// paused -> running external
	//   by resume []
	// paused -> failed external
	//   by abort []
}

// Rules of events, each in every state that it is for.
func ExampleReaction() {
	for _, r := range jobs.ReactionsIn(Paused) {
		fmt.Println(r.Event, r.To, "ignored:", r.Ignored)
	}
	// Output:
	// pause [] ignored: true
	// resume [running] ignored: false
	// abort [failed] ignored: false
}

// A definition as data: it can be stored, and drawn where the program is not.
func ExampleDescription() {
	data, err := json.MarshalIndent(light.Describe().States, "", " ")
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s\n", data)

	var read fsm.Description
	data, _ = json.Marshal(light.Describe())
	if err := json.Unmarshal(data, &read); err != nil {
		panic(err)
	}
	fmt.Println(read.Check(), read.Fingerprint == light.Fingerprint())
	for _, e := range read.EdgesFrom("green") {
		fmt.Println(e.From, "->", e.To)
	}
	// Output:
	// [
	//  {
	//   "name": "red"
	//  },
	//  {
	//   "name": "green"
	//  },
	//  {
	//   "name": "yellow"
	//  }
	// ]
	// <nil> true
	// green -> yellow
}

func ExampleTimeoutSpec() {
	def, err := light.With(fsm.Timeout(Yellow, 3*time.Second, Red))
	if err != nil {
		panic(err)
	}
	for _, t := range def.Timeouts() {
		fmt.Println(t.State, "->", t.To, t.Name)
	}
	// Output: yellow -> red 3s
}
