package main

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

// journal writes standard output: one JSON object a line, each of one of the kinds
// below, about one key. It may be used by any number of goroutines.
type journal struct {
	out  *slog.Logger
	loss *sync.Once
}

func newJournal(w io.Writer, key string) journal {
	handler := slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: tidy})
	return journal{out: slog.New(handler).With("key", key), loss: new(sync.Once)}
}

// tidy shows the time of a line as the record shows its times, and leaves out the
// token where there is none.
func tidy(_ []string, a slog.Attr) slog.Attr {
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

func (j journal) registered(i *instance) {
	s := i.Status()
	j.out.Info("registered", "token", s.Token, "state", s.State, "instance", s.Instance, "hostname", s.Host)
}

func (j journal) transition(token store.Token, t fsm.Transition[State]) {
	j.out.Info("transition", "token", token, "from", t.From, "to", t.To)
}

// rejected is a transition that the table does not have. The token is zero while
// nothing is claimed.
func (j journal) rejected(token store.Token, err *fsm.TransitionError[State]) {
	allowed := append([]State{}, err.Permitted...) // an empty list, not null
	j.out.Warn("rejected", "token", token, "from", err.From, "to", err.To, "allowed", allowed, "error", err.Error())
}

// heartbeat is also told of beats that failed. What ends the term is left to lost.
func (j journal) heartbeat(b lease.RenewAttempt) {
	switch err := errors.Join(b.Err, b.Skipped); {
	case err == nil:
		j.out.Info("heartbeat", "token", b.Token)
	case !errors.Is(err, store.ErrLost) && !errors.Is(err, store.ErrForeign):
		j.failed(b.Token, err)
	}
}

// failed is the line of an error that ends nothing. The token is zero while nothing
// is claimed.
func (j journal) failed(token store.Token, err error, args ...any) {
	j.out.Error("error", append([]any{"token", token, "error", err.Error()}, args...)...)
}

func (j journal) conflict(h holder, err error) {
	j.out.Warn("conflict", "hostname", h.Hostname, "ipAddress", h.IPAddress, "since", h.RegisteredAt,
		"secondsLeft", seconds(h.left), "token", h.token, "foreign", h.foreign, "error", err.Error())
}

// lost writes the line of a loss once. A process loses one term at most, since it
// ends then; but both the keeper and the connector tell of it, the first from a
// goroutine of its own, and the line has to stand before those of the walk that
// follows.
func (j journal) lost(err *lease.LostError) {
	j.loss.Do(func() { j.out.Error("lost", "token", err.Token, "error", err.Error()) })
}

func (j journal) deregistered(token store.Token) {
	j.out.Info("deregistered", "token", token)
}

// status shows a record as it was read back.
func (j journal) status(r store.Record) {
	var value any = string(r.Value) // another program may have put anything there
	if json.Valid(r.Value) {
		value = json.RawMessage(r.Value)
	}
	j.out.Info("status", "token", r.Token, "secondsLeft", seconds(r.Left), "foreign", r.Foreign(), "record", value)
}

// vacant is the status of a key that has no record.
func (j journal) vacant() {
	j.out.Info("status", "record", nil, "note", "there is no record")
}
