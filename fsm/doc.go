// Package fsm is a state machine on a transition table. The table lists the states and
// where each may lead; every other transition is refused. A machine may write each
// change through a lease, so that no state is visible that the store has not confirmed.
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
// The table is all that a machine needs. Everything else stands beside it, as rules, and
// costs nothing where it is not used:
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
// States may lie within each other and may be limited in time, on the same table:
//
//	fsm.Substates(Running, Warming, Active),    // Running is left from either
//	fsm.Timeout(Warming, 30*time.Second, Idle), // along an edge like any other
//
// # Parts
//
//   - [Table] and [Define] make a [Definition]: immutable, checked, and shared by any number
//     of machines. [Definition.With] adds rules. A definition describes itself:
//     [Definition.Edges], [Definition.Reactions], [Definition.Path],
//     [Definition.Reachable]. The package fsmdraw draws it.
//   - [Event] and [Signal] are occurrences. [On], [Choose], [Internal], [Ignore] and
//     [OfferToParent] are their rules. [If] and [Do] add code that gets the argument.
//     [OnUnhandled] hears of events without a rule.
//   - [Substates] puts states into a parent. A [Local] transition stays in it. [ShallowHistory] and [DeepHistory] go back to
//     the state that was active in a parent. [Machine.In] asks about parents.
//   - [Timeout] and [TimeoutFunc] limit the time in a state. [TimeoutCycle] permits them to
//     go round without end. [OnTimeoutError] hears of timeouts that were refused.
//   - [Guard] and [GuardEdge] may refuse a transition, and so may [Before]. [OnExit],
//     [OnEdge], [OnEntry] and [After] run once the machine has moved, [Finally] whatever the
//     result. [Self] and [Reenter] add edges from a state to itself. [Final] checks the ends.
//   - [New] makes a [Machine]. Its options are [WithWriter], [WithData], [WithHistory],
//     [WithQueue] and [WithManualStart], after which [Machine.Start] enters the initial state.
//   - [Writer] stores the machine's value: a lease, or anything that can save a value.
//     [Encode] makes the value. [Data] gives guards and hooks the data of one machine.
//   - [Machine.Transition] and [Fire] move the machine. [TransitionError] and [EventError]
//     tell why it was refused. [Machine.InProgress] tells what the machine is doing.
//   - [Machine.Snapshot] is a machine as JSON, [DecodeSnapshot] reads it, and [Restore] goes
//     on from it in any process. [Migrate] takes up the snapshot of an older definition.
//   - [Machine.Wait] waits for a state. [Machine.Subscribe] follows all transitions.
//   - The package fsmtest tests definitions of one's own.
//
// # Order
//
// The comment of [Machine.Transition] has the order of a change in full. In short: turn;
// writer; table; guards of the event's rule, of the edge, of the states entered; before
// hooks; write; commit; exit, edge, [Do], entry and after hooks; waits and subscriptions;
// finally hooks. At each point, rules run in the order given. Of nested states the inner is
// left first and the outer is entered first.
//
// # Guarantees
//
//   - A transition that is not in the table is refused. This and every other refusal leaves
//     state, history and stored value as they were. Events add no edges. [Machine.Reset]
//     alone goes around the table, and the history shows it.
//   - Changes are made one at a time, first come first served, and each caller gets the
//     result of its own. If many callers ask for the same transition at once, the table
//     permits one. A caller that waits for its turn obeys its context.
//   - A change runs to completion before the next begins. A change that a hook asks of its
//     own machine, with the context it was given, is refused with [ErrReentrant], or, with
//     [WithQueue], runs next: never in the middle of the change in progress, nor in the turn
//     of a later caller.
//   - With a writer, the machine moves only once its new value is stored.
//   - State, Can, Next, In, History and Snapshot never wait for a change in progress.
//     [Machine.State] is one atomic load.
//   - A guard or hook that panics, ends its goroutine, or reads or changes its own machine
//     leaves the machine usable.
//   - A subscriber gets every transition once, in order, or an error that says otherwise.
//   - Mistakes in a definition are found when it is made. Events are values, so a misspelt
//     event does not compile.
//   - The package starts no goroutine, except for a timeout that is due, for as long as it
//     takes. Between changes a machine has one timer if timeouts run, and otherwise none.
//
// # Not guaranteed
//
//   - A lease can be lost between the check and the act. Whatever a holder writes in a state
//     should carry the lease's token.
//   - A write in doubt may have reached the store. The machine has not moved then, and readers
//     of the store may see the new state until the writer has settled the doubt, which it does
//     before the next write.
//   - Hooks after the commit cannot undo it. Their errors say that the machine has moved.
//   - [Machine.Can] and [Machine.PermittedEvents] tell what is possible now, which may have
//     changed by the time the answer is used.
//   - Hooks that queue changes without end keep their first caller for ever.
//   - A timeout is tried once. If it is refused, the machine stays where it is. A refusal is
//     not written.
//   - A hook that calls its own machine with another context than its own waits for itself: up
//     to the deadline of that context, or for a minute ([ErrTurnTimeout]). Nothing ends a hook
//     that does not return; [Machine.InProgress] names it.
//   - Between a snapshot and its restoration timeouts go by the wall clock.
//   - Times come from the wall clock, up to a second behind a step of it. Order transitions
//     by their numbers.
//
// # Next
//
// The package store: where a record lies, and what a write to it promises.
package fsm
