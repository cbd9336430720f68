package bench

import "testing"

// library is one way to have a machine.
type library struct {
	name string
	// history is how many transitions its machines remember.
	history int
	// mute says that a refused event is dropped without an error.
	mute bool
	// create returns a machine in Idle; one with a hook calls it at each transition.
	create func(hook func()) machine
	// eventful returns a machine that tells events from targets, a firer. Where it
	// is nil a transition is an event already.
	eventful func() machine
	// nested returns a machine whose states lie in running and live (see [Running]); nil if
	// the library knows no hierarchy.
	nested func() machine
	// creations times create, without a hook.
	creations func(*testing.B)
}

// machine is one machine of a library, for the tests and for untimed work, with the
// loops that time it. The loops call the library directly: a call through this
// interface would be a tenth of the fastest figures.
type machine interface {
	move(to State) error
	present() State
	// past returns the states that it remembers to have entered, oldest first.
	past() []State

	transitions(*testing.B) // one step of the round
	rejections(*testing.B)  // from Idle to Active
	reads(*testing.B)       // the present state
}

// firer is a machine that tells events from targets.
type firer interface {
	fire(event string) error
	events(*testing.B)
}

// asker is a machine that can say whether a step would be admitted.
type asker interface {
	can(to State) bool
	questions(*testing.B)
}

var libraries = []library{
	leaseholdLibrary,
	baselineLibrary,
	looplabLibrary,
	statelessLibrary("stateless-immediate", immediate),
	statelessLibrary("stateless-queued", queued),
	statekitLibrary,
}

// walk goes the round for so many steps, from Idle.
func walk(m machine, steps int) error {
	for n := range steps {
		if err := m.move(round[n%len(round)]); err != nil {
			return err
		}
	}
	return nil
}
