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

const (
	recent       = 10               // transitions that a record shows
	defaultLeave = 10 * time.Second // for leaving
	addressLimit = 3 * time.Second  // for finding the address
)

// Config says what an instance is. Only Key is required.
type Config[S comparable, P any] struct {
	// Key is the resource that the instance claims; see [store.CheckKey].
	Key string

	// Payload is what the user publishes: a struct, or anything else that
	// marshals to a JSON object. The record is that object with one field,
	// "leasehold", appended.
	Payload P
	// Fill, if set, puts what the user wants of the status into the payload. It
	// is called for each value that is written, one call at a time, on a copy
	// made by assignment.
	Fill func(*P, Status[S])

	// Connected are the states whose entry sets [Status.Connected]; a parent stands for
	// what lies within it. A move from one of them to another is none.
	Connected []S
	// LeavePath are the states that [Instance.Leave] walks through, in order,
	// before it lets go of the key.
	LeavePath []S
	// LeaveTimeout bounds the walk of [Instance.Leave]; 10 s if zero.
	LeaveTimeout time.Duration

	// Instance is the name of this instance; random if empty.
	Instance string
	// Host is the machine's name as it is shown; the machine's own if empty.
	// Nothing is ever decided by it.
	Host string
	// PublicIP finds the address that is shown. It runs beside the registration,
	// for at most 3 s; an address that it does not find is not shown. It has to
	// return when its context ends: [Instance.Deregister] waits for it.
	// [OutboundIP] if nil.
	PublicIP func(context.Context) (netip.Addr, error)

	// Wait makes Register wait while another holds the key.
	Wait bool
	// Reclaim says when a record that another instance left behind is taken
	// away instead; never if zero. While Register waits it is asked again each
	// time the record's time left has passed and one is still there.
	Reclaim Reclaim

	// MachineOptions are options of the instance's machine, such as [fsm.WithQueue],
	// [fsm.WithHistory] and [fsm.WithData]. The instance is the machine's writer, so
	// [fsm.WithWriter] is refused.
	MachineOptions []fsm.Option
	// LivenessOnly makes heartbeats renew the record and leave its value alone.
	// Readers still see when the last one was, from the time left. It suits
	// large fleets, and payloads that show no heartbeat.
	LivenessOnly bool
}

// complete fills in the defaults and checks the rest; def is the instance's.
func (c Config[S, P]) complete(def *fsm.Definition[S]) (Config[S, P], error) {
	if err := store.CheckKey(c.Key); err != nil {
		return c, err
	}
	for _, s := range slices.Concat(c.Connected, c.LeavePath) {
		if !slices.Contains(def.States(), s) {
			return c, &store.InvalidError{What: "state", Got: fmt.Sprintf("%q", fmt.Sprint(s)), Rule: "is not in the definition"}
		}
	}
	if c.Reclaim > ReclaimName {
		return c, &store.InvalidError{What: "reclaim policy", Got: fmt.Sprint(uint8(c.Reclaim)), Rule: "is not one of this package's"}
	}
	if c.LeaveTimeout < 0 {
		return c, &store.InvalidError{What: "leave timeout", Got: c.LeaveTimeout.String(), Rule: "must not be negative"}
	}
	if c.Host == "" {
		c.Host, _ = os.Hostname() // a machine without a name is shown without one
	}
	if c.PublicIP == nil {
		c.PublicIP = OutboundIP
	}
	c.Instance = cmp.Or(c.Instance, store.NewNonce().String()[:12])
	c.LeaveTimeout = cmp.Or(c.LeaveTimeout, defaultLeave)
	return c, nil
}
