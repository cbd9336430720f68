package lease

import (
	"context"
	"iter"

	"github.com/leasehold-go/leasehold/store"
)

// Content is the argument of [Lease.WriteContent].
type Content struct {
	Value  []byte        // of the record; see [store.CheckValue]
	Log    [][]byte      // entries of the activity log; dropped if the lease has none
	Answer *store.Answer // nil for none; the store must be a [store.Requester]
}

// Lease is one uninterrupted holding of a key. Its methods may be
// called from any number of goroutines.
type Lease interface {
	// Key is the name of the resource.
	Key() string

	// Token is the fencing token of the lease. Pass it to the resources that the holder
	// writes to, so that they can refuse late writes.
	Token() store.Token

	// Valid reports whether the lease may be trusted at this moment. It compares the clocks
	// on every call. Once it has been false it is never true again.
	Valid() bool

	// Update replaces the record's value. It is Write without a commit.
	Update(ctx context.Context, value []byte) error

	// Write replaces the record's value with the result of encode, and calls commit once the
	// store has confirmed it. The writes of a lease are serialised: no other
	// write of the lease, heartbeats included, is prepared from the call of encode
	// until commit has returned.
	//
	// encode is called when it is this write's turn. Its bytes must not change
	// afterwards. If it fails, nothing is written and Write returns its error.
	//
	// commit runs once, before Write returns nil, and never if Write returns an
	// error. It may be nil. It must not write to the same lease.
	//
	// Write fails with *[LostError] or [ErrReleased] once the lease has ended, with
	// [store.ErrUnavailable] if nothing happened, and with [store.ErrInDoubt] if the
	// value may or may not have been written. A write in doubt is settled, by writing
	// the last confirmed value again, before encode of the next write is called;
	// while that cannot be done, Write fails with [store.ErrUnavailable].
	Write(ctx context.Context, encode func() ([]byte, error), commit func()) error

	// WriteContent is Write for a value with more that is stored in the same request, or not at
	// all: entries of the activity log, and the answer to a request. It also fails with
	// [store.ErrExpired], and writes nothing, if the deadline of that request has passed, and with
	// [store.ErrStale] if the request has its final answer.
	//
	// An entry or an answer of a write in doubt may have been stored, and stays when the value is
	// settled: correct it with a later entry, and with a final answer.
	WriteContent(ctx context.Context, encode func() (Content, error), commit func()) error

	// AppendLog queues entries for the activity log ([WithLog]) and does not wait. They are
	// stored in the order of the calls and the writes. Entries that cannot be stored are dropped
	// and reported: see WithLog. It fails with *[store.InvalidError] for entries that break a
	// rule or a lease without a log, and like Write once the lease has ended.
	AppendLog(values ...[]byte) error
	// FlushLog waits until every entry so far is stored or dropped. It returns the error of ctx if that
	// ends first.
	FlushLog(ctx context.Context) error

	// Requests yields the requests for the holder, as [store.Requester.Requests] does. A loss
	// that it finds ends the lease. It fails with *[store.InvalidError] if the store is no
	// [store.Requester].
	Requests(ctx context.Context) iter.Seq2[store.Request, error]
	// Answer answers a request, in turn with the writes: one in doubt is settled first. It fails
	// like Write, and with [store.ErrExpired].
	Answer(ctx context.Context, answer store.Answer) error

	// SetHealth says whether the holder does its work. While err is not nil the lease is not
	// renewed. It can be trusted until its trust window ends, and is lost then, with
	// [ErrUnhealthy] and err as the cause; its record is left to its TTL. Writes work meanwhile;
	// without one, a forced release is noticed at the end of the window alone.
	// With a nil err the lease is renewed at once, if it has not ended and has missed a heartbeat.
	// SetHealth does not wait.
	SetHealth(err error)

	// Release ends the lease and deletes its record. It works after ctx has been cancelled,
	// for five seconds at most, and may be called again. An error means that the record is
	// left to its TTL; the lease has ended all the same. A lost lease is left as it is.
	Release(ctx context.Context) error

	// Done is closed the moment the lease can no longer be trusted: when it is released,
	// taken away, or its trust window has ended. The contexts of the lease have ended by
	// then.
	Done() <-chan struct{}

	// Err is nil while the lease may be trusted, and *[LostError] or [ErrReleased]
	// afterwards. It compares the clocks as Valid does. Done is closed by the time
	// Err returns an error.
	Err() error

	// Context derives from parent a context that ends with the lease, with Err as its cause.
	// Like every derived context, it has to be cancelled when it is no longer needed.
	Context(parent context.Context) (context.Context, context.CancelFunc)
}
