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
//	m := fsm.New(lifecycle, fsm.WithWriter(held))
//	err := m.Transition(ctx, Starting)
//
// The table is all that a machine needs. What else there is stands beside it, as
// rules, and costs nothing where it is not used:
//
//	var (
//		Start = fsm.NewEvent[Boot]("start") // with an argument
//		Stop  = fsm.NewSignal("stop")       // without
//	)
//
//	def, err := lifecycle.With(
//		fsm.On(Start, fsm.From(Idle), Starting, fsm.If("has a disk", bootable)),
//		fsm.On(Stop, fsm.FromAny[State](), Stopped),
//		fsm.Guard(Active, "feed is fresh", feed.fresh),
//	)
//
//	err = fsm.Fire(ctx, m, Start, Boot{Disk: "sda"})
//	err = m.Fire(ctx, Stop)
//
// States may lie within each other, and may not last. The table stays what it is:
//
//	fsm.Substates(Running, Warming, Active),      // Running is left from either
//	fsm.Timeout(Warming, 30*time.Second, Idle),   // along an edge like any
//
// # Parts
//
//   - [Table] and [Define] make a [Definition]: immutable, checked, shared by
//     any number of machines. [Definition.With] binds more rules to its table.
//     It answers questions ([Definition.Path], [Definition.Reachable],
//     [Definition.Reactions]) and draws itself ([Definition.Mermaid],
//     [Definition.DOT]).
//   - [Event] and [Signal] are what may happen. [On], [Choose], [Internal] and
//     [Ignore] say what that does in which state; [If] and [Do] add code that
//     sees the argument; [OnUnhandled] hears of the rest.
//   - [Substates] puts states into another, their parent; [ShallowHistory] and
//     [DeepHistory] go back to where that was left. [Machine.In] asks for parents.
//   - [Timeout] and [TimeoutFunc] move on by themselves; [OnTimeoutError] hears of those
//     that cannot.
//   - [Guard] and [GuardEdge] may refuse, and so may [Before]. [OnExit], [OnEdge],
//     [OnEntry] and [After] run once the machine has moved, [Finally] whatever the
//     outcome. [Self] and [Reenter] let a state lead to itself. [Final] has the
//     ends checked. [Encode] makes the value for the lease.
//   - [New] makes a [Machine]; [WithWriter], [WithHistory] and [WithQueue] are its
//     options.
//   - [Machine.Transition] and [Fire] move it. [TransitionError] and [EventError]
//     say what a refusal was about.
//   - [Machine.Snapshot] takes a machine down as JSON, [DecodeSnapshot] reads that and
//     [Restore] goes on from it, in any process.
//   - [Machine.Wait] waits for a state, [Machine.Subscribe] follows every step.
//   - The package fsmtest tests a definition of one's own.
//
// # In what order things happen
//
// The comment of [Machine.Transition] has it in full. In short: its turn; the
// lease; the table; guards, from the narrowest (of the event's rule) over the
// edge's to the widest (of what is entered); before hooks; the write through the lease;
// the commit; exit, edge, the event's own [Do], enter, after; those who watch;
// finally. At each point what was given first runs first. Of states within each other
// the inner is left first, and the outer entered first.
//
// # What is guaranteed
//
//   - A step that is not in the table is refused, whatever else goes on, and
//     leaves state, history and stored record as they were. So does every other
//     refusal. An event adds no edge: it goes along those that there are. The one
//     way around the table is [Machine.Reset], and it shows in the history.
//   - Changes happen one at a time, first come first served, and each caller
//     gets the outcome of its own, never that of another. Of any number of callers
//     that ask for the same at once, the table lets one through. Whoever waits for
//     its turn obeys its context.
//   - A change runs to completion before the next begins. One that a hook asks of
//     its own machine is refused with [ErrReentrant], or, with [WithQueue], runs
//     next; it never runs in the middle of the one in progress, nor in the turn of
//     a later caller.
//   - On a lease the store confirms a state before the machine is in it. What
//     failed to be written did not happen here.
//   - Reading never waits for a change in progress. [Machine.State] is one
//     atomic load.
//   - A hook or guard that panics, ends its goroutine, reads its own machine or
//     tries to change it leaves the machine usable.
//   - A subscriber sees every step once, in order, or is told that it does not.
//   - A mistake in a definition is found when it is made. Events are values, so
//     one that is misspelt does not compile.
//   - Nothing here starts a goroutine, but for a timeout that is due, as long as it
//     takes. Between steps a machine has one timer if timeouts run, and else none.
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
//   - [Machine.Can] and [Machine.PermittedEvents] say what is possible now. By the time
//     that the answer is used it may not be.
//   - Hooks that queue for ever keep their first caller for ever.
//   - A timeout is tried once. If it is refused the machine stays where it is.
//   - Between a snapshot and its restoration timeouts go by the wall clock.
//   - Times come from the wall clock, at most a second behind a change of it. They
//     are no order: numbers are.
package fsm
