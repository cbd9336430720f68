package fsm

import (
	"context"

	"github.com/leasehold-go/leasehold/internal/ctxerr"
)

// Start starts a machine that was made with [WithManualStart].
//
// A new machine enters its initial state, in the order of [Machine.Transition]: turn; writer;
// guards of the states that are entered; before hooks; write; commit; entry hooks, the
// outermost state first, and after hooks; finally hooks. There is no edge, so there are no
// guards and hooks of one, and no exit. Guards and hooks get a [Transition] from the initial
// state to itself with Start set. [Snapshot.Since] and the timeouts of the initial state count
// from then. If Start fails before the commit, the machine has not been started, and Start may
// be called again.
//
// If the machine is from [Restore] and had entered its initial state, Start only starts the
// timeouts. Overdue timeouts fire at once.
//
// It fails with a *[TransitionError], around [ErrStarted] if the machine is started already.
func (m *Machine[S]) Start(ctx context.Context) error { return m.StartWithCause(ctx, "") }

// StartWithCause is [Machine.Start]. If the initial state is entered and cause is not empty, it
// is a transition with number 1: it is in the history, with the cause, and is told to
// subscribers.
func (m *Machine[S]) StartWithCause(ctx context.Context, cause string) error {
	c := &change[S]{kind: byStart, to: m.def.Initial(), cause: cause}
	if ctx.Err() != nil {
		return m.refusal(c, PhaseTurn, ctxerr.Of(ctx))
	}
	m.turn.mu.Lock()
	return m.call(ctx, c)
}
