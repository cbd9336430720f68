package registry

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/store"
)

// Config configures an instance. Only Key is required.
type Config[S comparable, P any] struct {
	// Key is the key to claim; see [store.CheckKey].
	Key string

	// Payload is a struct or another value that marshals to a JSON object. The value of the
	// record is that object with the field "leasehold" appended.
	Payload P
	// Fill, if set, copies fields of the status into a shallow copy of the payload. It is called
	// once to check the payload and then for each value, never twice at the same time.
	Fill func(*P, Status[S])

	// Connected lists states. [Status.Connected] is set on entry to one of them or a substate,
	// unless the transition comes from one of them.
	Connected []S
	// LeavePath lists the states that [Instance.Leave] enters, in order, before it releases the
	// lease.
	LeavePath []S
	// LeaveTimeout limits the transitions of [Instance.Leave]; 10 s if zero.
	LeaveTimeout time.Duration

	// Instance is the name of the instance; random if empty.
	Instance string
	// Host is the published name of the machine; [os.Hostname] if empty. Nothing depends on it.
	Host string
	// PublicIP finds the published address; [OutboundIP] if nil, and package publicip has another.
	// It runs concurrently with the registration, for at most 3 s, and must return when its
	// context ends: [Instance.Deregister] waits five seconds for it and then fails.
	PublicIP func(context.Context) (netip.Addr, error)

	// Wait makes Register wait while another instance holds the key.
	Wait bool
	// Reclaim decides whether Register may delete the record of another instance; never if zero.
	// While Register waits, it decides again each time a record outlives its time left.
	Reclaim Reclaim

	// Log, if not nil, has the store keep an activity log under the key: registrations,
	// transitions, requests with their outcome, errors and leaves. See Activity log
	// in the package documentation. A log that cannot be written neither fails nor delays anything.
	Log *Log
	// Requests, if not nil, has the instance carry out requests; see [Request].
	Requests *Requests[S]

	// Observers are told of the instance: metrics, [LogTo], and notifications such as those of
	// package webhook. See [Observer].
	Observers []Observer

	// Health, if not nil, is told of the instance, and asked by probes.
	Health *Health[S]

	// MachineOptions are options of the machine: [fsm.WithQueue], [fsm.WithHistory],
	// [fsm.WithData], [fsm.WithManualStart]. [fsm.WithWriter] is refused, because the registry is the machine's writer.
	// Each run of [Supervise] gives its machine the same data: serve first sets it to its initial values.
	MachineOptions []fsm.Option
	// LivenessOnly makes heartbeats renew the record without a value, for large fleets. Readers
	// then derive [Record.Heartbeat] from the time left, and [Status.Heartbeat] does not advance.
	LivenessOnly bool

	// NoDefinition has the registry not publish the definition of the machine, which [ReadDefinition]
	// reads.
	NoDefinition bool

	last lastLease // of Supervise: its record may be deleted
}

// complete fills in defaults, copies the slices that the instance keeps, and checks the fields.
func (c Config[S, P]) complete(def *fsm.Definition[S]) (Config[S, P], error) {
	if err := store.CheckKey(c.Key); err != nil {
		return c, err
	}
	if err := cmp.Or(checkStates(def, "state of Connected", c.Connected), checkStates(def, "state of LeavePath", c.LeavePath)); err != nil {
		return c, err
	}
	if c.Reclaim > ReclaimName {
		return c, &store.InvalidError{What: "reclaim policy", Got: fmt.Sprint(uint8(c.Reclaim)), Rule: "must be ReclaimNever, ReclaimDead or ReclaimName"}
	}
	if err := c.Requests.check(def); err != nil {
		return c, err
	}
	if err := c.Health.check(def); err != nil {
		return c, err
	}
	if c.LeaveTimeout < 0 {
		return c, &store.InvalidError{What: "leave timeout", Got: c.LeaveTimeout.String(), Rule: "must not be negative"}
	}
	if c.Host == "" {
		c.Host, _ = os.Hostname() // no name is published if the machine has none
	}
	if c.PublicIP == nil {
		c.PublicIP = OutboundIP
	}
	c.Instance = cmp.Or(c.Instance, newInstanceName())
	c.LeaveTimeout = cmp.Or(c.LeaveTimeout, defaultLeaveTimeout)
	c.Connected, c.LeavePath, c.Observers = slices.Clone(c.Connected), slices.Clone(c.LeavePath), slices.Clone(c.Observers)
	if slices.Contains(c.Observers, nil) {
		return c, &store.InvalidError{Key: c.Key, What: "observer", Rule: "must not be nil"}
	}
	if c.Log != nil {
		c.Log = new(*c.Log)
	}
	if c.Requests != nil {
		r := *c.Requests
		r.States, r.Events = slices.Clone(r.States), slices.Clone(r.Events)
		c.Requests = &r
	}
	return c, nil
}

func newInstanceName() string { return store.NewNonce().String()[:12] }

// checkStates refuses states that the definition does not have.
func checkStates[S comparable](def *fsm.Definition[S], what string, states []S) error {
	for _, s := range states {
		if !slices.Contains(def.States(), s) {
			return &store.InvalidError{What: what, Got: fmt.Sprintf("%q", fmt.Sprint(s)), Rule: "is not in the definition"}
		}
	}
	return nil
}
