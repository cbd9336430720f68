// Package fsm is a state machine on a table that anyone can read. The table
// says which states there are and where each may lead; every other step is
// refused. A machine may sit on a lease, and then nobody sees a state that the
// store has not confirmed.
//
//	var lifecycle = fsm.MustDefine(Idle, fsm.Table[State]{
//		Idle:     {Starting},
//		Starting: {Active, Idle},
//		Active:   {Stopped},
//		Stopped:  {},
//	})
//
//	m := fsm.New(lifecycle, fsm.WithLease(held))
//	err := m.Transition(ctx, Starting)
//
// # Parts
//
//   - [Table] and [Define] make a [Definition]: immutable, checked, shared by
//     any number of machines. [Definition.With] binds more rules to its table.
//   - [Guard], [Before], [Exit], [Enter], [After] and [Encode] are the rules.
//   - [New] makes a [Machine]; [WithLease] and [WithHistory] are its options.
//   - [Machine.Transition] moves it, and its comment gives the exact order of
//     what happens. [TransitionError] says what a refusal was about.
//
// # What is guaranteed
//
//   - A step that is not in the table is refused, whatever else goes on, and
//     leaves state, history and stored record as they were. So does every other
//     refusal. The one way around the table is [Machine.Reset], and it shows in
//     the history.
//   - Changes happen one at a time, first come first served, and each caller
//     gets the outcome of its own. Whoever waits for its turn obeys its context.
//   - On a lease the store confirms a state before the machine is in it. What
//     failed to be written did not happen here.
//   - Reading never waits for a change in progress. [Machine.State] is one
//     atomic load.
//   - A hook or guard that panics, ends its goroutine, or tries to change its
//     own machine leaves the machine usable.
//
// # What is not
//
//   - A lease can be lost between the check and the act. Whatever a state
//     entitles the holder to do should carry the lease's token.
//   - A write in doubt may have reached the store. The machine has not moved
//     then, and readers of the store may see the new state until the lease has
//     settled it, which it does before it writes anything else.
//   - Hooks after the commit cannot undo it. Their errors say that the machine
//     moved.
//   - Times come from the wall clock. They are no order: numbers are.
package fsm
