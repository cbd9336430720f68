package registry

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

// Instance is a registered instance, made by [Register]. Its methods may be called from any
// number of goroutines.
type Instance[S comparable, P any] struct {
	cfg     Config[S, P]
	ttl     time.Duration
	def     *fsm.Definition[S]
	machine *fsm.Machine[S] // set under mu, because heartbeats read it during Register
	lease   lease.Lease

	stop       context.CancelFunc // ends the contexts of locate and serveRequests
	searched   chan struct{}      // closed when the goroutine of locate has ended
	gated      chan struct{}      // closed when that of gate has ended
	served     chan struct{}      // closed when that of serveRequests has ended
	observed   chan struct{}      // closed when that of observeEnd has ended
	publisher  *publisher         // nil if no definition is published
	logDropped atomic.Int64
	leaving    atomic.Bool // the entry LogLeft has been queued; set under logging
	logging    sync.Mutex  // orders the entries of log before or behind LogLeft

	mu        sync.Mutex
	ip        netip.Addr     // zero until locate finds it
	token     store.Token    // zero until the key is acquired
	confirmed contents[S, P] // that the store confirmed last; may lack ip and token
	// staged is the contents of the value that is being written. The lease serialises its
	// writes from encode to commit, and so all access to staged.
	staged contents[S, P]
	// loggedStuck is when the change began that the log tells of because it is stuck; as staged.
	loggedStuck time.Time
	// refused is the error of a timeout that no value has published yet, under mu.
	refused lastError
	staging time.Time // when code of the user began to make a value; zero when none does; under mu
	writing bool      // a change of the machine waits for the store, unless staging; under mu
	written time.Time // when the last one had its answer; under mu
}

// lastError is the error in [Status.LastError], with its time.
type lastError struct {
	text string
	at   time.Time
}

// contents is the decoded value of an instance's record.
type contents[S comparable, P any] struct {
	status  Status[S]
	payload P         // before Fill
	stuck   time.Time // when the change began that is the last error because it is stuck
	refused lastError // of the instance when the value was made
	moved   *LogEntry // of the transition that made the value, if one did and there is a log
	number  uint64    // of the last transition that has an entry
}

// Machine returns the instance's machine.
func (i *Instance[S, P]) Machine() *fsm.Machine[S] { return i.machine }

// Lease returns the instance's lease.
func (i *Instance[S, P]) Lease() lease.Lease { return i.lease }

// State returns the current state of the machine.
func (i *Instance[S, P]) State() S { return i.machine.State() }

// Status returns the status that the store confirmed last. Once the lease has ended, state,
// times and history come from the machine.
func (i *Instance[S, P]) Status() Status[S] {
	i.mu.Lock()
	s := i.confirmed.status.clone()
	s.Token = i.token
	i.mu.Unlock()
	if i.lease.Err() != nil {
		s.apply(i.machine.Snapshot(), i.connected)
	}
	return s
}

// Transition moves the machine to a state and publishes the status; see
// [fsm.Machine.Transition].
func (i *Instance[S, P]) Transition(ctx context.Context, to S) error {
	return i.machine.Transition(ctx, to)
}

// TransitionWithCause is Transition with a cause for the history.
func (i *Instance[S, P]) TransitionWithCause(ctx context.Context, to S, cause string) error {
	return i.machine.TransitionWithCause(ctx, to, cause)
}

// Update publishes the payload after change; if the write fails, with an error of
// [lease.Lease.Write], the payload stays as it was. change gets a shallow copy, so it must
// replace maps, slices and pointed-to values, not modify them, and it must not call the instance.
func (i *Instance[S, P]) Update(ctx context.Context, change func(*P)) error {
	if change == nil {
		return &store.InvalidError{Key: i.cfg.Key, What: "change function", Rule: "must not be nil"}
	}
	return i.write(ctx, func(c *contents[S, P]) { change(&c.payload) })
}

// RecordError publishes the text of err as the last error, with the time. A nil err removes
// the last error.
func (i *Instance[S, P]) RecordError(ctx context.Context, err error) error {
	var now lastError
	if err != nil {
		now = lastError{err.Error(), time.Now().UTC()}
	}
	failed := i.write(ctx, func(c *contents[S, P]) { c.status.LastError, c.status.LastErrorAt = now.text, now.at })
	if failed == nil && err != nil {
		i.noteError(ctx, now, err)
	}
	return failed
}

// noteError tells the activity log and the observers of an error.
func (i *Instance[S, P]) noteError(ctx context.Context, e lastError, err error) {
	i.log(LogEntry{At: e.at, Kind: LogError, Text: e.text})
	i.tell(ctx, Notice{Kind: NoticeError, At: e.at, Err: err})
}

// write publishes the confirmed contents after change.
func (i *Instance[S, P]) write(ctx context.Context, change func(*contents[S, P])) error {
	return i.lease.Write(ctx, func() ([]byte, error) { return i.stage(change) }, i.commit)
}

// stage applies change to the confirmed contents and returns the value to write.
func (i *Instance[S, P]) stage(change func(*contents[S, P])) ([]byte, error) {
	i.mu.Lock()
	i.staged = i.confirmed
	i.staged.status.Token, i.staged.status.IP = i.token, i.ip
	if i.refused.text != "" {
		i.staged.status.LastError, i.staged.status.LastErrorAt = i.refused.text, i.refused.at
	}
	i.staged.refused, i.staged.moved = i.refused, nil
	i.staging = time.Now()
	i.mu.Unlock()
	defer func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.staging = time.Time{}
	}()
	change(&i.staged)
	return i.encode(i.staged)
}

// commit makes the staged contents the confirmed ones, after the store has confirmed the value.
func (i *Instance[S, P]) commit() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.confirmed = i.staged
	if i.refused == i.staged.refused {
		i.refused = lastError{}
	}
}

// stuckAfter is how long a change of the machine may take before it becomes the last error.
const stuckAfter = time.Minute

// noteStuck makes a change that is stuck the last error, once.
func (i *Instance[S, P]) noteStuck(c *contents[S, P]) {
	i.mu.Lock()
	m := i.machine
	i.mu.Unlock()
	if m == nil { // not registered yet
		return
	}
	change, since := m.InProgress()
	if change == "" || time.Since(since) < stuckAfter || since.Equal(c.stuck) {
		return
	}
	c.stuck = since
	c.status.LastErrorAt = time.Now().UTC()
	c.status.LastError = stuckText(change, since)
	if !since.Equal(i.loggedStuck) { // else the write of this value failed before
		i.loggedStuck = since
		i.noteError(context.Background(), lastError{c.status.LastError, c.status.LastErrorAt}, errors.New(c.status.LastError))
	}
}

// busy tells people since when code of the user, a guard or hook of the machine or a function that
// makes a value, runs without a return; zero if none does. A change that waits for the store is
// none of the user's.
func (i *Instance[S, P]) busy() (text string, since time.Time) {
	change, since := i.machine.InProgress()
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case !i.staging.IsZero():
		return fmt.Sprintf("Fill or the function of an update has not returned since %s", i.staging.Format(time.RFC3339)), i.staging
	case change == "" || i.writing:
		return "", time.Time{}
	case since.Before(i.written):
		since = i.written
	}
	return stuckText(change, since), since
}

// stuckText tells people of a change that is stuck.
func stuckText(change string, since time.Time) string {
	return fmt.Sprintf("%s is under way since %s: its guard or hook does not return", change, since.Format(time.RFC3339))
}

// connected reports whether a state is in [Config.Connected] or within a state there.
func (i *Instance[S, P]) connected(state S) bool {
	return slices.ContainsFunc(i.cfg.Connected, func(s S) bool { return i.def.In(state, s) })
}

// writer implements [fsm.Writer], [fsm.SnapshotEncoder] and [fsm.TimeoutErrorHandler] for the machine of an instance. The
// value is the record of the instance, and machine and status are committed together.
type writer[S comparable, P any] struct{ i *Instance[S, P] }

// With a transition go its entry of the log, and the answer to the request that asked for it.
// The answer is not final, because the hooks are still to come.
func (w writer[S, P]) Write(ctx context.Context, encode func() ([]byte, error), commit func()) error {
	i, r, carries := w.i, w.i.askedOf(ctx), false
	i.noteWriting(true)
	defer i.noteWriting(false)
	err := i.lease.WriteContent(ctx, func() (lease.Content, error) {
		value, err := encode()
		if err != nil {
			return lease.Content{}, err
		}
		content := lease.Content{Value: value}
		if i.staged.moved != nil {
			content.Log = [][]byte{logged{LogEntry: *i.staged.moved, Leaving: i.leaving.Load()}.encode()}
		}
		if r != nil && r.carries.CompareAndSwap(true, false) {
			carries = true
			content.Answer = r.answer(Reply{
				Outcome: OutcomeDoneWithErrors, State: fmt.Sprint(i.staged.status.State),
				Error: "its hooks had not ended when this answer was due", At: time.Now().UTC(),
			}, false)
		}
		return content, nil
	}, func() {
		commit()
		i.commit()
		if carries {
			r.moved.Store(true)
		}
	})
	if carries && (err == nil || errors.Is(err, store.ErrInDoubt)) {
		r.answered.Store(true)
		r.inDoubt.Store(err != nil)
	}
	return err
}

// noteWriting notes the begin or the end of a write of the machine.
func (i *Instance[S, P]) noteWriting(begins bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.writing = begins; !begins {
		i.written = time.Now()
	}
}

func (w writer[S, P]) Err() error { return w.i.lease.Err() }

// HandleTimeoutError has the next value publish that a timeout was refused.
func (w writer[S, P]) HandleTimeoutError(ctx context.Context, err error) {
	refused := lastError{err.Error(), time.Now().UTC()}
	w.i.mu.Lock()
	w.i.refused = refused
	w.i.mu.Unlock()
	w.i.noteError(ctx, refused, err)
}

func (w writer[S, P]) EncodeSnapshot(_ context.Context, m fsm.Snapshot[S]) ([]byte, error) {
	return w.i.stage(func(c *contents[S, P]) {
		if w.i.cfg.Log != nil && m.Number != c.number {
			c.moved, c.number = transitionEntry(m, c.status.State), m.Number
		}
		c.status.apply(m, w.i.connected)
	})
}
