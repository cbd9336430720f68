package fsm

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/leasehold-go/leasehold/fsm/internal/graph"
)

// Machine is in one state of its definition and moves along the edges of its table. Its
// methods may be called from any number of goroutines. It comes from [New] or [Restore]; its
// zero value is of no use. A machine without a [Timeout] holds no resources and needs no
// [Machine.Close].
type Machine[S comparable] struct {
	def    *Definition[S]
	state  atomic.Uint32 // ID of the state; after construction written by commit alone
	plain  bool          // the definition is plain, without a writer and observers; false once closed
	closed bool          // changed and read with turn.mu locked, as is the queue
	start  startState    // changed and read as what follows turn
	turn   turn
	// The rest changes under both the turn and turn.mu, and may be read under either. (Close
	// changes plain under turn.mu alone.)
	since  int64 // nanoseconds since 1970
	past   history
	extras *extras[S]
}

// extras is optional run-time state of a machine. A plain machine gets it with its first
// watcher or its first turn off the shortcut. It is not nil while a call off the shortcut has
// the turn.
type extras[S comparable] struct {
	writer   Writer // nil without one, or once detached
	code     userCode
	queue    *queue[S]  // nil without WithQueue
	memory   []graph.ID // memory of history states; see graph.Route
	timers   timers
	request  request[S]  // of the change that has the turn
	watchers watchers[S] // changed and read with turn.mu locked
	// observers are the functions of WithObserver.
	observers []func(context.Context, Result[S])
}

// startState is the progress of a machine of [WithManualStart].
type startState uint8

const (
	started    startState = iota
	notEntered            // Start enters the initial state
	notResumed            // Start has the timeouts run
)

// change is one call of a machine under way. It begins as a request; perform adds the edge
// that it takes, the transition that it makes and the run-time state that it leaves.
type change[S comparable] struct {
	// The request.
	kind    changeKind
	to      S      // of a transition, a timeout and a reset
	event   *event // nil also for the zero Event
	arg     argument
	cause   string
	timeout uint16 // the place of the timeout in the definition

	// The transition. Until there is an edge it leads from the present state to itself.
	entry
	number uint64               // of the transition; 0 if it leads nowhere
	edge   *graph.Edge[hook[S]] // nil for a reset, and for a rule that is internal
	route  graph.Route
	led    bool          // the change has a target, or is known to have none
	rule   *eventRule[S] // of an event: the rule that is tried, and then the one that is taken
	taken  bool          // the rule was taken: its guards have passed
	// ignored: the rule is one of Ignore, so nothing happens.
	ignored bool

	t    Transition[S]   // as user code sees it; zero until some runs
	ctx  context.Context // of the call
	code *hookContext    // of user code; nil until the mutex was opened for some

	written   bool // the writer has returned: it commits no more
	committed bool // the machine has moved
	watched   bool // the machine had watchers then

	// The memory and the timeouts after the transition, of a stateful machine.
	memory  []graph.ID
	pending []pendingTimeout
}

type changeKind uint8

const (
	byTarget  changeKind = iota // Transition
	byTimeout                   // a timeout
	byEvent                     // Fire
	byReset                     // Reset
	byStart                     // Start of a machine that has not entered its initial state
	byNobody                    // no change, but a call that takes a turn
)

// request is the call for a change, and its source state.
type request[S comparable] struct {
	kind    changeKind
	timeout uint16
	from    graph.ID
	to      S
	event   *event
}

// isSelf reports whether the transition is one of a Self rule.
func (c *change[S]) isSelf() bool { return c.edge != nil && c.edge.Kind == graph.Self }

// moves reports whether the change has something to commit.
func (c *change[S]) moves() bool { return c.edge != nil || c.kind >= byReset }

// counts reports whether the change is a transition in the history.
func (c *change[S]) counts() bool { return c.kind != byStart || c.cause != "" }

// queue holds the changes that user code has called for on its own machine; see
// [WithQueue]. It is touched with the machine's mutex locked.
type queue[S comparable] struct {
	waiting []queued[S] // oldest first
	limit   int
	broken  bool // the turn is ending because user code did not return
	failed  func(context.Context, error)
}

// queued is a change and the context of its call.
type queued[S comparable] struct {
	ctx    context.Context
	change change[S]
}

// add queues a change, or says why it cannot.
func (q *queue[S]) add(ctx context.Context, c *change[S]) error {
	switch {
	case q.broken:
		return ErrAborted
	case len(q.waiting) == q.limit:
		return ErrQueueFull
	}
	q.waiting = append(q.waiting, queued[S]{ctx, *c})
	return nil
}

// take removes the oldest change.
func (q *queue[S]) take() queued[S] {
	next := q.waiting[0]
	q.waiting = q.waiting[1:]
	if len(q.waiting) == 0 {
		q.waiting = nil
	}
	return next
}

// Definition returns the machine's definition.
func (m *Machine[S]) Definition() *Definition[S] { return m.def }

// State returns the state that was committed last. It is one atomic load.
func (m *Machine[S]) State() S { return m.def.states[m.id()] }

func (m *Machine[S]) id() graph.ID { return graph.ID(m.state.Load()) }

// Can reports whether the table has an edge from the present state to another. It asks
// neither guards nor the writer, and the machine may have moved by the time the answer is
// used.
func (m *Machine[S]) Can(to S) bool {
	targets := m.def.targets[m.id()]
	return len(targets) <= few && slices.Contains(targets, to) || m.def.edge(m.id(), to) != nil
}

// Next returns the targets of the present state, in the order of the table: none if the
// state is final.
func (m *Machine[S]) Next() []S { return slices.Clone(m.def.permitted(m.id())) }

// In reports whether the machine is in a state or in one that lies within it.
func (m *Machine[S]) In(s S) bool { return m.def.In(m.State(), s) }

// leaf is where an edge leads a plain machine.
func (m *Machine[S]) leaf(edge *graph.Edge[hook[S]]) graph.ID {
	if m.def.graph.Nested {
		return m.def.graph.Route(m.id(), edge, nil).Leaf
	}
	return edge.Target
}

// commit moves the machine. It is the only place that does. stays reports a transition by a
// Self rule, which does not leave its state. It needs the turn and the mutex.
func (m *Machine[S]) commit(e entry, cause string, stays bool) {
	if !stays {
		m.since = e.at
	}
	m.past.count++
	if cause != "" || !m.past.replace(e) {
		m.past.add(e, cause)
	}
	m.state.Store(uint32(e.to))
}

// watched reports whether the machine has watchers. The mutex is locked.
func (m *Machine[S]) watched() bool { return m.extras != nil && m.extras.watchers != nil }

// writerErr says why the machine may no longer move, or nil. It needs the turn, with the
// mutex open: the writer may have locks of its own.
func (m *Machine[S]) writerErr() error {
	if w, ok := m.extras.writer.(interface{ Err() error }); ok {
		return w.Err()
	}
	return nil
}

// newExtras returns run-time state for the machine.
func (m *Machine[S]) newExtras() *extras[S] { return &extras[S]{code: userCode{turn: &m.turn}} }

// open opens the mutex for user code of a change. Calls with the context c.code are recognised
// until the turn is shut again.
func (m *Machine[S]) open(c *change[S]) {
	if c.code == nil {
		c.code = &hookContext{Context: c.ctx, code: &m.extras.code}
		m.extras.code.began = c.at
		m.extras.request = request[S]{kind: c.kind, from: c.from, to: c.to, event: c.event, timeout: c.timeout}
	}
	m.turn.open(c.code)
}

// runCode runs user code of a change, with the mutex open meanwhile.
func (m *Machine[S]) runCode(c *change[S], run func()) {
	if c.code == nil {
		m.extras.code.enter(0) // the code may be of no phase
	}
	m.open(c)
	defer m.turn.shut()
	run()
}
