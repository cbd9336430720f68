package fsm

import (
	"fmt"

	"github.com/leasehold-go/leasehold/lease"
)

// Option sets up a machine; see [New].
type Option func(config) config

// config is passed by value, so that a machine's construction allocates the
// machine alone.
type config struct {
	lease   lease.Lease
	history int
}

// WithLease puts a machine on a term: every change is written through held
// before it is made, and refused once the term has ended. The lease stays the
// caller's, who releases it. It panics if held is nil.
func WithLease(held lease.Lease) Option {
	if held == nil {
		panic("fsm: WithLease needs a lease")
	}
	return func(c config) config {
		c.lease = held
		return c
	}
}

// WithHistory caps how many transitions a machine remembers, newest kept. It is
// 50 unless told otherwise; 0 keeps none. It panics if n is negative.
func WithHistory(n int) Option {
	if n < 0 {
		panic(fmt.Sprintf("fsm: WithHistory(%d): must not be negative", n))
	}
	return func(c config) config {
		c.history = n
		return c
	}
}
