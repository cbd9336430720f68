package main

import (
	"time"

	"github.com/leasehold-go/leasehold/fsm"
)

// State is where a connection is in its life.
type State string

const (
	Open         State = "open"         // all but closed
	Disconnected State = "disconnected" // nobody has asked for it yet
	Attempt      State = "attempt"      // from a dial to the loss of what came of it
	Connecting   State = "connecting"   // dialling
	Online       State = "online"       // there is a connection
	Handshaking  State = "handshaking"  // the server has yet to greet
	Ready        State = "ready"        // the server has greeted
	Quiet        State = "quiet"        // nothing was asked of it
	Subscribed   State = "subscribed"   // it was asked for ticks
	Resumed      State = "resumed"      // whichever of the two it was before the loss
	Waiting      State = "waiting"      // for the next attempt
	Closed       State = "closed"       // for good
)

// What the owner of a connection asks for.
var (
	Connect   = fsm.NewSignal("connect")
	Subscribe = fsm.NewSignal("subscribe")
	Close     = fsm.NewSignal("close")
)

// What becomes of an attempt.
var (
	Connected = fsm.NewEvent[*link]("connected")
	Greeted   = fsm.NewEvent[*link]("greeted")
	Lost      = fsm.NewEvent[*link]("lost")
)

const (
	dialLimit      = time.Second
	handshakeLimit = 300 * time.Millisecond
)

var lifecycle = fsm.MustDefine(Open, fsm.Table[State]{
	Open:         {Closed},
	Disconnected: {Attempt},
	Attempt:      {Waiting},
	Connecting:   {Online},
	Online:       {},
	Handshaking:  {Resumed},
	Resumed:      {},
	Ready:        {},
	Quiet:        {Subscribed},
	Subscribed:   {},
	Waiting:      {Attempt},
	Closed:       {},
},
	fsm.Substates(Open, Disconnected, Attempt, Waiting),
	fsm.Substates(Attempt, Connecting, Online),
	fsm.Substates(Online, Handshaking, Ready),
	fsm.Substates(Ready, Quiet, Subscribed),
	fsm.ShallowHistory(Resumed, Ready),
	fsm.Final(Closed),

	fsm.On(Connect, fsm.From(Disconnected), Attempt),
	fsm.On(Subscribe, fsm.From(Quiet), Subscribed),
	fsm.On(Close, fsm.From(Open), Closed),
	fsm.Timeout(Connecting, dialLimit, Waiting),
	fsm.Timeout(Handshaking, handshakeLimit, Waiting),
)

// rules are those that need the client: how an attempt is begun, heard and ended, and
// how long to wait for the next.
func (c *client) rules() []fsm.Rule[State] {
	ours := fsm.If("of this attempt", c.ours)
	return []fsm.Rule[State]{
		fsm.On(Connected, fsm.From(Connecting), Online, ours, fsm.Do(c.adopt)),
		fsm.On(Greeted, fsm.From(Handshaking), Resumed, ours),
		fsm.On(Lost, fsm.From(Attempt), Waiting, ours, fsm.Do(c.mourn)),
		fsm.TimeoutFunc(Waiting, "backoff", c.pause, Attempt),

		fsm.OnEntry(Attempt, c.begin),
		fsm.OnExit(Attempt, c.end),
		fsm.OnEntry(Ready, c.relax),
		fsm.OnEntry(Subscribed, c.subscribe),
		fsm.After(c.tell),
	}
}
