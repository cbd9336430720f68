package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
)

// State is a state of an order.
type State string

const (
	Open      State = "open"      // every state but shipped and cancelled
	Placed    State = "placed"    // not paid yet
	Paid      State = "paid"      // to be packed
	Packing   State = "packing"   // at the packing table
	Picking   State = "picking"   // collecting the goods from the shelves
	Boxing    State = "boxing"    // putting them into a box
	Labelled  State = "labelled"  // ready for the carrier
	Shipped   State = "shipped"   // with the carrier; can no longer be cancelled
	Cancelled State = "cancelled" // on request, or because it was not paid
)

// The events of an order. Each is a command of the program.
var (
	Pay    = fsm.NewSignal("pay")
	Pack   = fsm.NewSignal("pack")
	Box    = fsm.NewSignal("box")
	Label  = fsm.NewSignal("label")
	Ship   = fsm.NewSignal("ship")
	Cancel = fsm.NewSignal("cancel")
)

// stdout is where a machine prints its transitions.
var stdout = fsm.NewData[io.Writer]("standard output")

var lifecycle = fsm.MustDefine(Open, fsm.Table[State]{
	Open:      {Cancelled},
	Placed:    {Paid},
	Paid:      {Packing},
	Packing:   {},
	Picking:   {Boxing},
	Boxing:    {Labelled},
	Labelled:  {Shipped},
	Shipped:   {},
	Cancelled: {},
},
	fsm.Substates(Open, Placed, Paid, Packing),
	fsm.Substates(Packing, Picking, Boxing, Labelled),
	fsm.Final(Shipped, Cancelled),

	fsm.Timeout(Placed, 15*time.Minute, Cancelled),
	fsm.On(Pay, fsm.From(Placed), Paid),
	fsm.On(Pack, fsm.From(Paid), Packing),
	fsm.On(Box, fsm.From(Picking), Boxing),
	fsm.On(Label, fsm.From(Boxing), Labelled),
	fsm.On(Ship, fsm.From(Labelled), Shipped),
	fsm.On(Cancel, fsm.From(Open), Cancelled),

	fsm.Requires[State](stdout),
	fsm.After(func(ctx context.Context, t fsm.Transition[State]) error {
		_, err := fmt.Fprintf(stdout.Of(ctx), "%s -> %s: %s\n", t.From, t.To, cmp.Or(t.Event, t.Cause))
		return err
	}),
)
