package fsm

// Phase is a point in the course of a transition; [Machine.Transition] gives
// the order. Up to PhaseWrite a failure leaves the machine where it was. (With an
// [Internal] rule it stays there in any case.)
type Phase uint8

const (
	PhaseTurn   Phase = iota + 1 // waiting for its turn, or refused as reentrant or closed
	PhaseLease                   // the term had ended
	PhaseTable                   // the step is not in the table
	PhaseGuard                   // a guard refused
	PhaseBefore                  // a before hook vetoed
	PhaseWrite                   // the value could not be made or written
	PhaseExit                    // moved; an exit hook failed
	PhaseEdge                    // moved; an edge hook or a Do failed
	PhaseEntry                   // moved; an entry hook failed
	PhaseAfter                   // moved; an after hook failed
)

var phases = [...]string{"invalid", "turn", "lease", "table", "guard", "before", "write", "exit", "edge", "entry", "after"}

// String returns the phase in lower case.
func (p Phase) String() string {
	if int(p) >= len(phases) {
		return phases[0]
	}
	return phases[p]
}
