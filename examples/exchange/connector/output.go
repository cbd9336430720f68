package connector

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// output writes standard output: one JSON object a line, with one method for each kind of
// line. All lines have the same key. It is safe for concurrent use.
type output struct {
	log      *slog.Logger
	lossOnce *sync.Once
}

func newOutput(w io.Writer, key string) output {
	// Times have the format of the record, and a token of zero is left out.
	format := func(_ []string, a slog.Attr) slog.Attr {
		switch v := a.Value.Any().(type) {
		case time.Time:
			a.Value = slog.AnyValue(instant{v})
		case store.Token:
			if v == 0 {
				return slog.Attr{}
			}
		}
		return a
	}
	handler := slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: format})
	return output{log: slog.New(handler).With("key", key), lossOnce: new(sync.Once)}
}

func (o output) registered(i *instance) {
	s := i.Status()
	o.log.Info("registered", "token", s.Token, "state", s.State, "instance", s.Instance, "hostname", s.Host)
}

func (o output) transition(token store.Token, t fsm.Transition[State]) {
	o.log.Info("transition", "token", token, "from", t.From, "to", t.To)
}

// rejected writes a transition that is not in the table. The token is zero while no key is
// claimed.
func (o output) rejected(token store.Token, err *fsm.TransitionError[State]) {
	allowed := append([]State{}, err.Permitted...) // an empty list, not null
	o.log.Warn("rejected", "token", token, "from", err.From, "to", err.To, "allowed", allowed, "error", err.Error())
}

// heartbeat writes a renew, or its error. It leaves the error that ends the lease to lost.
func (o output) heartbeat(a lease.RenewAttempt) {
	switch err := errors.Join(a.Err, a.Skipped); {
	case err == nil:
		o.log.Info("heartbeat", "token", a.Token)
	case !errors.Is(err, store.ErrLost) && !errors.Is(err, store.ErrForeign):
		o.failed(a.Token, err)
	}
}

// failed writes an error that does not end the program. The token is zero while no key is
// claimed.
func (o output) failed(token store.Token, err error, args ...any) {
	o.log.Error("error", append([]any{"token", token, "error", err.Error()}, args...)...)
}

func (o output) conflict(h holder, err error) {
	o.log.Warn("conflict", "hostname", h.Hostname, "ipAddress", h.IPAddress, "since", h.RegisteredAt,
		"secondsLeft", seconds(h.left), "token", h.token, "foreign", h.foreign, "error", err.Error())
}

// reply writes the reply to a request.
func (o output) reply(state string, r registry.Reply) {
	o.log.Info("reply", "requested", state, "outcome", r.Outcome, "state", r.State, "permitted", r.Permitted, "error", r.Error)
}

// entry writes an entry of the activity log.
func (o output) entry(e registry.LogEntry) {
	args := []any{"token", e.Token, "number", e.Number, "at", e.At, "kind", e.Kind}
	switch e.Kind {
	case registry.LogRegistered:
		args = append(args, "hostname", e.Identity.Host, "instance", e.Identity.Instance)
	case registry.LogTransition:
		args = append(args, "from", e.Transition.From, "to", e.Transition.To, "cause", e.Transition.Cause)
	case registry.LogRequest:
		args = append(args, "requested", e.Request.What, "sender", e.Request.Sender, "outcome", e.Request.Outcome, "error", e.Request.Error)
	case registry.LogError:
		args = append(args, "error", e.Text)
	}
	o.log.Info("log", args...)
}

// lost writes the loss of the lease, once: a process loses one lease at most, because it ends
// then. The keeper calls lost from a goroutine of its own, and the connector calls it too,
// because the line has to precede the transitions to stopped.
func (o output) lost(err *lease.LostError) {
	o.lossOnce.Do(func() { o.log.Error("lost", "token", err.Token, "error", err.Error()) })
}

func (o output) deregistered(token store.Token) {
	o.log.Info("deregistered", "token", token)
}

// status writes a record of the store.
func (o output) status(r store.Record) {
	var value any = string(r.Value) // a foreign value may be anything
	if json.Valid(r.Value) {
		value = json.RawMessage(r.Value)
	}
	o.log.Info("status", "token", r.Token, "secondsLeft", seconds(r.Left), "foreign", r.Foreign(), "record", value)
}

// noRecord writes the status of a key without a record.
func (o output) noRecord() {
	o.log.Info("status", "record", nil, "note", "there is no record")
}

// seconds returns a time left in seconds, or nil for a record that does not expire.
func seconds(left time.Duration) any {
	if left == store.Forever {
		return nil
	}
	return left.Round(time.Millisecond).Seconds()
}
