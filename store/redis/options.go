package redisstore

import (
	"fmt"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// Option changes how a store works: [WithEvictionAllowed], [WithReplicaAck] or [WithoutTrial]. Most
// stores need none.
type Option func(*options)

type options struct {
	allowEviction bool
	untried       bool
	wait          bool
	replicas      replicas
}

// WithEvictionAllowed accepts a server with a maxmemory-policy other than noeviction. A
// record that is evicted ends its lease early without its holder's knowledge. Another
// can then create the key while the first still trusts its lease.
func WithEvictionAllowed() Option {
	return func(o *options) { o.allowEviction = true }
}

// WithoutTrial is for a program that runs a moment, or for a user without the right to write. [New]
// tries no verb and accepts servers that evict, or with low limits, List does not tidy the index,
// and watches publish no message to prove that they hear: one that goes deaf notices that when it
// next reads everything. A verb that the user has no right to is [store.ErrUnavailable].
func WithoutTrial() Option {
	return func(o *options) { o.untried = true }
}

// WithReplicaAck makes each Create and Renew wait until at least count replicas of
// the key's own master have acknowledged it, for at most timeout, which must be
// whole milliseconds and shorter than the client's read timeout. With fewer, the
// write is [store.ErrInDoubt]: it is on the master, and a failover may undo it.
//
// This is WAIT of Redis, with its limits: a replica that acknowledged can still
// lose a failover to one that did not.
func WithReplicaAck(count int, timeout time.Duration) Option {
	return func(o *options) { o.wait, o.replicas = true, replicas{count, timeout} }
}

// check refuses options that break a rule; readTimeout is the client's, and not
// positive if it has none.
func (o options) check(readTimeout time.Duration) error {
	count, timeout := o.replicas.count, o.replicas.timeout
	switch {
	case !o.wait:
		return nil
	case count < 1:
		return &store.InvalidError{What: "count of replicas", Got: fmt.Sprint(count), Rule: "must be at least 1"}
	case timeout < time.Millisecond || timeout%time.Millisecond != 0:
		return &store.InvalidError{What: "timeout for replicas", Got: timeout.String(), Rule: "must be whole milliseconds, at least one"}
	case readTimeout > 0 && timeout >= readTimeout:
		return &store.InvalidError{What: "timeout for replicas", Got: timeout.String(),
			Rule: fmt.Sprintf("must be shorter than the client's read timeout of %v", readTimeout)}
	}
	return nil
}
