package fsm

import (
	"context"
	"fmt"
	"math"

	"github.com/leasehold-go/leasehold/lease"
)

// Option sets up a machine; see [New].
type Option func(config) config

// config is passed by value, so that a machine's construction allocates the
// machine alone.
type config struct {
	lease   lease.Lease
	history int
	queue   int
	failed  func(context.Context, error)
}

func configured(opts []Option) config {
	c := config{history: defaultHistory}
	for _, set := range opts {
		c = set(c)
	}
	return c
}

// WithWriter puts a machine on a term: every change is written through held
// before it is made, and refused once the term has ended. The lease stays the
// caller's, who releases it. It panics if held is nil.
func WithWriter(held lease.Lease) Option {
	if held == nil {
		panic("fsm: WithWriter needs a lease")
	}
	return func(c config) config {
		c.lease = held
		return c
	}
}

// WithHistory caps how many transitions a machine remembers, newest kept. It is
// 50 unless told otherwise; 0 keeps none. It panics if n is negative or absurd
// (more than 32 bits).
func WithHistory(n int) Option {
	if n < 0 {
		panic(fmt.Sprintf("fsm: WithHistory(%d): must not be negative", n))
	}
	if uint64(n) > math.MaxUint32 {
		panic(fmt.Sprintf("fsm: WithHistory(%d): must fit 32 bits", n))
	}
	return func(c config) config {
		c.history = n
		return c
	}
}

// WithQueue lets guards and hooks ask their own machine for changes. Without it
// such a call is refused with [ErrReentrant]; with it, it returns nil at once if
// there is room among limit, [ErrQueueFull] if not, and the change runs after the
// one in progress has ended, however that ended, and before anyone else's.
//
// Nobody is left to be told of a queued change that fails, so failed is, with its
// error and the context it was asked for with; failed runs like a hook and may
// queue more. The caller of the change in progress gets the result of its own
// change, after all that were queued have had theirs. A context that has ended by
// then refuses the queued change. If user code panics or ends its goroutine, what
// is queued is dropped, and failed told so: [ErrAborted].
//
// It is for [Machine.Transition], [Fire] and [Machine.Reset]; [Machine.Close] and
// [Machine.Detach] are refused all the same. It panics if limit is less than 1 or
// failed is nil.
func WithQueue(limit int, failed func(context.Context, error)) Option {
	if limit < 1 || failed == nil {
		panic(fmt.Sprintf("fsm: WithQueue(%d): needs room for one, and a function to be told of failures", limit))
	}
	return func(c config) config {
		c.queue, c.failed = limit, failed
		return c
	}
}
