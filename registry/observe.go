package registry

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

// Observer is told of the life of instances, for metrics, logs and notifications; see
// [Config.Observers].
type Observer interface {
	// Observe is called with one notice. A change of the machine, a request or the end of an
	// instance waits for it, so it must return soon. It is called by several goroutines at a time.
	// ctx is that of the call that the notice is about, and may have ended; it is good for its
	// values. A panic is logged. Observe must not call a method of the instance that changes or
	// ends it.
	Observe(ctx context.Context, n Notice)
}

// NoticeKind is the kind of a notice.
type NoticeKind string

// The kinds of notices.
const (
	NoticeRegistered NoticeKind = "registered" // Duration is that of the registration, with the wait
	// NoticeTransition: the machine has made a transition, or carried out an internal event; then
	// its number is 0. Err is of hooks that failed afterwards.
	NoticeTransition NoticeKind = "transition"
	NoticeRejected   NoticeKind = "rejected"    // a change that had its turn did not move the machine: Transition, Err
	NoticeRequest    NoticeKind = "request"     // Request, Duration; a second time if it expired before the answer was stored
	NoticeError      NoticeKind = "error"       // Err: the last error of the status
	NoticeLogDropped NoticeKind = "log dropped" // Count entries of the activity log were not stored, because of Err
	NoticeDefinition NoticeKind = "definition"  // the definition could not be published, because of Err; it is tried again
	NoticeLost       NoticeKind = "lost"        // Err is the *[lease.LostError]
	NoticeLeft       NoticeKind = "left"        // the lease was released
	NoticeRestart    NoticeKind = "restart"     // [Supervise] registers again after Duration, because of Err
)

// Notice tells an observer of something that has happened to an instance. Fields that its kind
// does not have are zero.
type Notice struct {
	Kind       NoticeKind
	Key        string
	Instance   string
	Token      store.Token // zero before the key is held, and between two runs
	At         time.Time
	Duration   time.Duration          // also of a transition, from its turn on
	Transition fsm.Transition[string] // made or, if rejected, asked for
	Request    LoggedRequest          // with its outcome
	Count      int
	Err        error
}

// tell tells observers of a notice.
func tell(ctx context.Context, observers []Observer, n Notice) {
	for _, o := range observers {
		func() {
			defer func() {
				if p := recover(); p != nil {
					slog.Error("leasehold: an observer panicked", "key", n.Key, "notice", string(n.Kind), "panic", p, "stack", string(debug.Stack()))
				}
			}()
			o.Observe(ctx, n)
		}()
	}
}

// tell tells the observers of the instance of a notice.
func (i *Instance[S, P]) tell(ctx context.Context, n Notice) {
	if len(i.cfg.Observers) == 0 {
		return
	}
	i.mu.Lock()
	n.Token = i.token
	i.mu.Unlock()
	n.Key, n.Instance = i.cfg.Key, i.cfg.Instance
	if n.At.IsZero() {
		n.At = time.Now().UTC()
	}
	tell(ctx, i.cfg.Observers, n)
}

// observe is the observer of the machine. After the change of a request, changes that its guards
// and hooks have queued with its context carry no answer.
func (i *Instance[S, P]) observe(ctx context.Context, r fsm.Result[S]) {
	if asked := i.askedOf(ctx); asked != nil {
		asked.carries.Store(false)
	}
	if len(i.cfg.Observers) == 0 {
		return
	}
	t := r.Transition
	n := Notice{Kind: NoticeTransition, At: t.At, Duration: r.Duration, Transition: publishedTransition(t), Err: r.Err}
	switch fsm.Outcome(r.Err) {
	case "ok", "hook":
	case "aborted": // before or after the commit
		i.mu.Lock()
		m := i.machine // nil during Register
		i.mu.Unlock()
		if t.From == t.To || m == nil || m.State() != t.To {
			n.Kind = NoticeRejected
		}
	default:
		n.Kind = NoticeRejected
	}
	i.tell(ctx, n)
}

// observeEnd tells observers of the end of the lease once it comes.
func (i *Instance[S, P]) observeEnd() {
	defer close(i.observed)
	<-i.lease.Done()
	n := Notice{Kind: NoticeLeft}
	if lost, ok := errors.AsType[*lease.LostError](i.lease.Err()); ok {
		n.Kind, n.Err = NoticeLost, lost
	}
	i.tell(context.Background(), n)
}
