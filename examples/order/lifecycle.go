package main

import (
	"time"

	"github.com/leasehold-go/leasehold/fsm"
)

// State is where an order is in its life.
type State string

const (
	Open      State = "open"      // not at its end
	Placed    State = "placed"    // to be paid
	Paid      State = "paid"      // to be packed
	Packing   State = "packing"   // at the packing table
	Picking   State = "picking"   // from the shelves
	Boxing    State = "boxing"    // into a box
	Labelled  State = "labelled"  // to be fetched
	Shipped   State = "shipped"   // beyond recall
	Cancelled State = "cancelled" // by somebody, or because nobody paid
)

// What may happen to an order.
var (
	Pay    = fsm.NewSignal("pay")
	Pack   = fsm.NewSignal("pack")
	Box    = fsm.NewSignal("box")
	Label  = fsm.NewSignal("label")
	Ship   = fsm.NewSignal("ship")
	Cancel = fsm.NewSignal("cancel")
)

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
)
