package fsm

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"
	"time"
)

// Writer stores the value of a machine before the machine moves. A lease is a Writer, and so
// is anything that can save a value. A machine makes one call at a time.
//
// A Writer may also have the method Err() error. It returns nil while the machine may move,
// and the reason once it may not, for good: the writer has ended. The machine calls it at the
// beginning of every change. A lease returns why it was lost or that it was released.
//
// A Writer may also be a [SnapshotEncoder] or a [TimeoutErrorHandler].
type Writer interface {
	// Write stores the value from encode. It calls encode once, or not at all if it fails
	// before, and commit once after the value has been stored and before it returns nil. It
	// does not call commit if it returns an error. The error of encode is returned as it is.
	//
	// If it is in doubt whether a value has been stored, Write fails, and settles the doubt
	// before it calls the next encode. If another process has stored a value since, it fails
	// with an error that wraps [ErrConflict].
	Write(ctx context.Context, encode func() ([]byte, error), commit func()) error
}

// SnapshotEncoder is an optional interface of a [Writer] that makes the value itself, in place
// of an [Encode] rule.
type SnapshotEncoder[S comparable] interface {
	// EncodeSnapshot returns the value for the machine as it will be.
	EncodeSnapshot(context.Context, Snapshot[S]) ([]byte, error)
}

// TimeoutErrorHandler is an optional interface of a [Writer] that is told of refused timeouts,
// which no caller hears of.
type TimeoutErrorHandler interface {
	// HandleTimeoutError is called after the [OnTimeoutError] hooks, and runs like one. err is
	// the *[TransitionError] that they get.
	HandleTimeoutError(ctx context.Context, err error)
}

// Option sets up a machine; see [New].
type Option func(config) config

type config struct {
	writer      Writer
	writers     int // how many were given
	history     int
	data        *dataset
	queue       int
	queueFailed func(context.Context, error)
	manual      bool
	observers   []any // of func(context.Context, Result[S])
}

func configured(opts []Option) config {
	c := config{history: defaultHistory}
	for _, set := range opts {
		c = set(c)
	}
	return c
}

// WithWriter puts a machine on a writer, such as a lease: the machine writes every change
// through w before it moves, and refuses changes once w has ended. It panics if w is nil.
func WithWriter(w Writer) Option {
	if w == nil {
		panic("fsm: WithWriter needs a writer")
	}
	return func(c config) config {
		c.writer = w
		c.writers++
		return c
	}
}

// WithData gives a machine its data. Of several values for one key the last counts.
func WithData[D any](key Data[D], value D) Option {
	return func(c config) config {
		c.data = c.data.with(key.key, value)
		return c
	}
}

// WithManualStart has a machine wait for [Machine.Start]. Until then it can be read, snapshots,
// [Machine.Wait] and [Machine.Subscribe] included, but no timeout runs and every change is
// refused with [ErrNotStarted]; [Machine.Detach] and [Machine.Close] work.
//
// A new machine has not entered its initial state yet: its snapshots have [Snapshot.Unstarted]
// set, and a machine restored from them waits for Start with or without this option. With this
// option, a machine restored from any other snapshot waits with its timeouts.
func WithManualStart() Option {
	return func(c config) config {
		c.manual = true
		return c
	}
}

// WithHistory caps how many transitions a machine keeps, the newest. The default is 50; 0
// keeps none. It panics if n is negative or has more than 32 bits.
func WithHistory(n int) Option {
	if n < 0 || uint64(n) > math.MaxUint32 {
		panic(fmt.Sprintf("fsm: WithHistory(%d): must be from 0 to %d", n, uint32(math.MaxUint32)))
	}
	return func(c config) config {
		c.history = n
		return c
	}
}

// WithQueue lets guards and hooks call for changes of their own machine. Without it these
// calls fail with [ErrReentrant]. With it a call returns at once: [ErrQueueFull] if limit
// changes wait already, and otherwise nil, before the change has run. Nil does not mean that
// the machine has moved or will move. The change runs after the change in progress, however
// that ends, and before changes of other callers.
//
// No caller is left to get the error of a queued change, so failed is required and gets it,
// with the context of the call. failed runs like a hook and may queue more. The caller of the
// change in progress gets the result of its own change alone, after all queued ones have run. A
// queued change is refused if its context has ended by then. If user code panics or ends its
// goroutine, the queue is dropped, and failed gets [ErrAborted] for each change in it.
//
// It applies to [Machine.Transition], [Fire], [Machine.Reset] and [Machine.Start];
// [Machine.Close] and [Machine.Detach] still fail. It panics if limit is less than 1 or failed is nil.
func WithQueue(limit int, failed func(context.Context, error)) Option {
	if limit < 1 || failed == nil {
		panic(fmt.Sprintf("fsm: WithQueue(%d): needs room for one change, and a function that gets errors", limit))
	}
	return func(c config) config {
		c.queue, c.queueFailed = limit, failed
		return c
	}
}

// Result is a change of a machine that had its turn, as an observer sees it.
type Result[S comparable] struct {
	Transition Transition[S] // as a [Finally] hook gets it
	Duration   time.Duration // from its turn on
	Err        error         // as a [Finally] hook gets it; see [Outcome]
}

// WithObserver has a function called like a [Finally] hook, for this machine alone: after those
// hooks, and after a [Machine.Reset] too. It is for metrics, traces and notices; an observer does
// not change the definition, and so neither its fingerprint. Several are called in the order given.
// New panics if S is not the type of the machine's states. WithObserver panics if run is nil.
func WithObserver[S comparable](run func(context.Context, Result[S])) Option {
	if run == nil {
		panic("fsm: WithObserver needs a function")
	}
	return func(c config) config {
		c.observers = append(slices.Clip(c.observers), run)
		return c
	}
}

// Accepts returns an *[OptionError] if [New] would refuse the options: data that the
// definition [Requires] is missing, there is more than one writer, an observer is for states of another type, both the writer and the
// definition make the value, or neither does and JSON does not tell all states apart.
func (d *Definition[S]) Accepts(opts ...Option) error { return d.check(configured(opts)) }

func (d *Definition[S]) check(c config) error {
	var found problems
	for _, key := range d.requires {
		if _, ok := c.data.of(key); !ok {
			found.add("data %q is missing: give it by WithData", key.name)
		}
	}
	if c.writers > 1 {
		found.add("%d writers, a machine has one", c.writers)
	}
	for _, o := range c.observers {
		if _, ok := o.(func(context.Context, Result[S])); !ok {
			found.add("an observer is a %T, and the states are of type %v", o, reflect.TypeFor[S]())
		}
	}
	_, encodes := c.writer.(SnapshotEncoder[S])
	if encodes && d.encode != nil {
		found.add("the writer makes the value itself, and the definition has an Encode rule")
	}
	if c.writer != nil && !encodes && d.encode == nil {
		for _, alike := range d.jsonForms().alike {
			found.add("%s: give them distinct JSON, or the definition an Encode rule", alike)
		}
	}
	if len(found) > 0 {
		return &OptionError{Problems: found}
	}
	return nil
}
