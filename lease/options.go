package lease

import (
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// Option changes how a key is acquired.
type Option func(*options)

type options struct {
	wait      bool
	reclaim   func(store.Record) bool // nil for never
	value     func() ([]byte, error)
	heartbeat heartbeatValue
	log       *activityLog // nil for none
	next      *nextClaim   // nil for a create that does not wait, or by a store that hands no keys over
}

// heartbeatValue holds the arguments of [WithHeartbeatValue]. Without that option
// encode is nil.
type heartbeatValue struct {
	encode func(at time.Time) ([]byte, error)
	commit func()
	size   int // bytes of the last value; guarded by the schedule's lock
}

// bytes returns how many bytes of values a heartbeat is expected to carry.
func (v *heartbeatValue) bytes() int {
	if v == nil {
		return 0
	}
	return v.size
}

// WithWait makes Acquire wait while another holds the key. It wakes when the store says that
// the key is free, or when the time left of the record has passed, and does not poll. Once it
// waits, a store that cannot be reached for a while does not end the wait; only its context
// does.
//
// A store that hands keys over ([store.Successor]) knows one waiting claim of each key, and a
// release begins its lease. That waiter says once in a heartbeat that it still waits; if it dies,
// its lease can begin all the same, and ends a TTL after it last said so. A call with [WithValueFunc] or
// [WithReclaim] is never that waiter, nor is one that waits behind it in the same keeper.
//
// The waiters of a key in one keeper share one watch. They get the key in order of arrival,
// and one of them tries at a time. A call with [WithReclaim] tries once
// before it queues, and so may overtake; so does a call without WithWait. Between processes
// there is no order.
func WithWait() Option {
	return func(o *options) { o.wait = true }
}

// WithReclaim makes Acquire delete the record of another if allow says so, and then try once
// more. allow is asked of the record under the key; while Acquire waits, also of each new
// record, and each time that the time left of a record has passed and it is still there. The
// holder, should it live after all, learns of it at its next write.
func WithReclaim(allow func(store.Record) bool) Option {
	return func(o *options) { o.reclaim = allow }
}

// WithValueFunc makes the value anew for each create that is sent, in place of the
// value given to Acquire: a waiting Acquire may send its last create hours later. An
// error of encode ends Acquire and is returned as it is.
func WithValueFunc(encode func() ([]byte, error)) Option {
	return func(o *options) { o.value = encode }
}

// WithHeartbeatValue makes heartbeats carry a value, in the same request as the renew.
// For each, encode is called with the heartbeat's time; it may return no bytes and no
// error for a heartbeat without a value. Its bytes must not change afterwards. commit
// runs once the store has confirmed the value, before another write of the lease is
// prepared, and never otherwise; it may be nil.
//
// While another write of the lease is under way, encode is not called and the heartbeat
// carries no value. Another heartbeat, with a value, follows as soon as that write is over,
// before the next write. A value is left out if encode fails or panics or the
// value is invalid; see [RenewAttempt].
//
// encode has a sixteenth of the heartbeat, at most 100 ms; if it is called after others of
// its batch that were slow, up to twice that passes before the batch goes out without its
// value. A late value is dropped and commit does not run for it. Until a late encode or
// commit returns, it is not called again, the lease can be written by nobody else, and its
// heartbeats go on without values.
func WithHeartbeatValue(encode func(at time.Time) ([]byte, error), commit func()) Option {
	return func(o *options) { o.heartbeat = heartbeatValue{encode: encode, commit: commit} }
}

// WithLog gives the lease an activity log with limits, beside the record in the store. dropped,
// if not nil, is called with the number of entries that could not be stored since the last call, and
// the reason of the last, on a goroutine of its own and never twice at the same time. A panic is
// treated like one of [Config.OnLoss]. An entry is dropped if the store refuses it, if it stays unavailable for
// several tries, or if 1,024 wait already. Nothing else suffers from that.
//
// Acquire fails with *[store.InvalidError] if the limits break a rule or the store is no
// [store.Logger].
func WithLog(limits store.LogLimits, dropped func(entries int, err error)) Option {
	return func(o *options) { o.log = &activityLog{limits: limits, dropped: dropped} }
}
