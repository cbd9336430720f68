package main

import (
	"time"

	"github.com/leasehold-go/leasehold/fsm"
)

// State is a state of a connection.
type State string

const (
	Open         State = "open"         // every state but closed
	Disconnected State = "disconnected" // no connection was requested yet
	Attempt      State = "attempt"      // from a dial to the loss of its connection
	Connecting   State = "connecting"   // dialling
	Online       State = "online"       // connected
	Handshaking  State = "handshaking"  // waiting for the server's greeting
	Ready        State = "ready"        // greeted
	Quiet        State = "quiet"        // not subscribed
	Subscribed   State = "subscribed"   // subscribed to ticks
	Resumed      State = "resumed"      // history state: quiet or subscribed, as before the loss
	Waiting      State = "waiting"      // waiting for the next attempt
	Closed       State = "closed"       // closed for good
)

// Requests of the client's user.
var (
	Connect   = fsm.NewSignal("connect")
	Subscribe = fsm.NewSignal("subscribe")
	Close     = fsm.NewSignal("close")
)

// Results of an attempt, with the attempt as their argument.
var (
	Connected = fsm.NewEvent[*attempt]("connected")
	Greeted   = fsm.NewEvent[*attempt]("greeted")
	Lost      = fsm.NewEvent[*attempt]("lost")
)

const (
	dialLimit      = time.Second
	handshakeLimit = 300 * time.Millisecond
)

// clientData is the client of a machine. Guards and hooks get it from their context, so one
// definition serves all clients.
var clientData = fsm.NewData[*client]("client")

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

	fsm.On(Connected, fsm.From(Connecting), Online, ofThisAttempt, fsm.Do(setConn)),
	fsm.On(Greeted, fsm.From(Handshaking), Resumed, ofThisAttempt),
	fsm.On(Lost, fsm.From(Attempt), Waiting, ofThisAttempt, fsm.Do(logLoss)),

	fsm.Timeout(Connecting, dialLimit, Waiting),
	fsm.Timeout(Handshaking, handshakeLimit, Waiting),
	fsm.TimeoutFunc(Waiting, "backoff", nextWait, Attempt),

	fsm.Requires[State](clientData),
	fsm.OnEntry(Attempt, startAttempt),
	fsm.OnExit(Attempt, stopAttempt),
	fsm.OnEntry(Ready, resetBackoff),
	fsm.OnEntry(Subscribed, sendSubscription),
	fsm.After(logTransition),
)
