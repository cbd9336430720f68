package registry

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/store"
)

// Requests lists the requests that an instance carries out. It rejects all others. Every
// user with the rights on the store can ask: the name of a sender is not proved.
//
// A request goes through the machine like a call of [Instance.Transition] or [fsm.Fire], with
// guards, hooks and the write. Requests are carried out one at a time, in the order of their
// arrival at the store, each at most once, also across restarts and takeovers. No transition is
// written after the deadline of its request, and no event begins after it: the answer is written
// with the transition, or before the event. A transition in doubt is answered once it is settled.
type Requests[S comparable] struct {
	// States lists the targets that may be asked for.
	States []S
	// Events lists the events that may be asked for: [Requestable].
	Events []RequestableEvent[S]
	// Allow, if set, is asked of each request that the lists admit. Its error rejects the
	// request, and its text goes to the sender. It must return when its context ends.
	Allow func(ctx context.Context, r AskedFor) error
}

// AskedFor is a request as [Requests.Allow] sees it.
type AskedFor struct {
	ID       string
	Sender   string // as it calls itself
	Cause    string
	State    string          // or empty
	Event    string          // or empty
	Argument json.RawMessage // of the event
}

// RequestableEvent is an event that may be asked for.
type RequestableEvent[S comparable] struct {
	name string
	fire func(ctx context.Context, m *fsm.Machine[S], argument json.RawMessage, cause string) error
}

// Requestable makes an event one that may be asked for. S is the type of the states and has to be
// given: Requestable[State](Boot). The argument comes as JSON. A request is rejected if its argument
// does not decode into the event's type, has an unknown field or is missing. A signal has no
// argument.
func Requestable[S comparable, A any](e fsm.Event[A]) RequestableEvent[S] {
	return RequestableEvent[S]{e.Name(), func(ctx context.Context, m *fsm.Machine[S], argument json.RawMessage, cause string) error {
		var arg A
		if err := decodeArgument(argument, &arg); err != nil {
			return &argumentError{e.Name(), err}
		}
		return fsm.FireWithCause(ctx, m, e, arg, cause)
	}}
}

// argumentError is an argument of the wrong shape.
type argumentError struct {
	event string
	err   error
}

func (e *argumentError) Error() string {
	return fmt.Sprintf("argument of event %q: %v", e.event, e.err)
}

func decodeArgument(argument json.RawMessage, into any) error {
	if _, signal := into.(*fsm.NoArg); signal {
		if len(argument) > 0 && string(argument) != "null" && string(argument) != "{}" {
			return fmt.Errorf("it has none, and got %.100s", argument)
		}
		return nil
	}
	if pointer := reflect.TypeOf(into); len(argument) == 0 || string(argument) == "null" && !hasNull(pointer) {
		return fmt.Errorf("it is missing, and must be JSON for %v", pointer.Elem())
	}
	d := json.NewDecoder(bytes.NewReader(argument))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("there is more after it")
	}
	return nil
}

// hasNull reports whether JSON's null is a value of the type that a pointer points to. The decoder
// ignores it for the others.
func hasNull(pointer reflect.Type) bool {
	switch pointer.Elem().Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
		return true
	}
	return pointer.Implements(reflect.TypeFor[json.Unmarshaler]())
}

// check refuses requests that do not fit the definition.
func (r *Requests[S]) check(def *fsm.Definition[S]) error {
	if r == nil {
		return nil
	}
	if err := checkStates(def, "state of Requests", r.States); err != nil {
		return err
	}
	for _, s := range r.States {
		if text := fmt.Sprint(s); text == "" || !utf8.ValidString(text) {
			return &store.InvalidError{What: "state of Requests", Got: fmt.Sprintf("%q", text), Rule: "must have a text, of UTF-8, that a request can name"}
		}
	}
	names := make(map[string]bool)
	for _, e := range r.Events {
		if e.fire == nil || e.name == "" || !utf8.ValidString(e.name) || names[e.name] {
			return &store.InvalidError{What: "event of Requests", Got: fmt.Sprintf("%q", e.name), Rule: "must be made by Requestable, of an event with a name of its own, of UTF-8"}
		}
		names[e.name] = true
	}
	return nil
}

// asked is a request that is being carried out, in the context of its change.
type asked struct {
	store.Request
	message
	deadline time.Time
	begun    time.Time

	// A hook can use the context on another goroutine.
	answered atomic.Bool // an answer has been stored, or may have been
	inDoubt  atomic.Bool // the write that carried it was in doubt
	carries  atomic.Bool // the next write carries one
	moved    atomic.Bool // and it was committed
}

// askedKey finds the request in the context of its change. An instance has one of its own: a
// hook may move another instance.
type askedKey[S comparable, P any] struct{ i *Instance[S, P] }

// askedOf returns the request that a context belongs to, or nil.
func (i *Instance[S, P]) askedOf(ctx context.Context) *asked {
	r, _ := ctx.Value(askedKey[S, P]{i}).(*asked)
	return r
}

// overdue reports whether the deadline has passed.
func (r *asked) overdue() bool { return !time.Now().Before(r.deadline) }

// answer returns an answer to store.
func (r *asked) answer(reply Reply, final bool) *store.Answer {
	body, err := json.Marshal(reply)
	if err != nil || len(body) > store.MaxRequest {
		reply.Error = fmt.Sprintf("%.1000s", reply.Error)
		reply.Permitted = nil
		body, _ = json.Marshal(reply)
	}
	left := max(time.Until(r.deadline), 0)
	return &store.Answer{ID: r.ID, Body: body, TTL: left + AnswerKept, Final: final}
}

func (r *asked) what() Requested { return Requested{state: r.State, event: r.Event} }

// serveRequests carries requests out until taking or the lease ends. The end of taking does not
// end the one that is being carried out. An error of the store, which the user of the store can
// end, is published, and the store is asked again.
func (i *Instance[S, P]) serveRequests(taking context.Context) {
	defer close(i.served)
	ctx, cancel := i.lease.Context(context.WithoutCancel(taking))
	defer cancel()
	for said := ""; ; {
		begun := time.Now()
		err := i.serveUntil(taking, ctx)
		if taking.Err() != nil || ctx.Err() != nil {
			return
		}
		if time.Since(begun) > time.Minute { // it could read meanwhile
			said = ""
		}
		if text := err.Error(); text != said {
			limited, cancel := context.WithTimeout(ctx, writeLimit)
			if i.RecordError(limited, fmt.Errorf("no requests are carried out: %w", err)) == nil {
				said = text
			}
			cancel()
		}
		select {
		case <-taking.Done():
		case <-ctx.Done():
		case <-time.After(longestPause):
		}
	}
}

// serveUntil carries requests out until there is an error.
func (i *Instance[S, P]) serveUntil(taking, ctx context.Context) error {
	for r, err := range i.lease.Requests(taking) {
		if err != nil {
			return err
		}
		begun := time.Now()
		a := &asked{Request: r, begun: begun, deadline: begun.Add(r.TTL)}
		served := make(chan struct{})
		go func() { // of its own, because a hook may end it
			defer close(served)
			i.serve(ctx, a)
		}()
		<-served
	}
	return nil
}

// serve carries a request out, and answers it.
func (i *Instance[S, P]) serve(ctx context.Context, r *asked) {
	limited, cancel := context.WithDeadline(ctx, r.deadline)
	defer cancel()
	reply := Reply{Outcome: OutcomeFailed, Error: "a guard or a hook ended its goroutine"}
	defer func() {
		if p := recover(); p != nil {
			slog.Error("leasehold: a guard or a hook panicked in a request", "key", i.cfg.Key, "request", r.ID, "panic", p, "stack", string(debug.Stack()))
			reply.Error = fmt.Sprintf("a guard or a hook panicked: %v", p)
		}
		r.carries.Store(false) // a goroutine that a hook has left behind carries no answer
		if r.moved.Load() && reply.Outcome != OutcomeDone {
			reply.Outcome, reply.Permitted = OutcomeDoneWithErrors, nil
		}
		reply.State, reply.At = fmt.Sprint(i.State()), time.Now().UTC()
		i.reply(ctx, r, reply)
	}()
	reply = i.carryOut(limited, r)
}

// carryOut makes the transition, or fires the event, of a request.
func (i *Instance[S, P]) carryOut(ctx context.Context, r *asked) Reply {
	reject := func(err error) Reply {
		return Reply{Outcome: OutcomeRejected, Error: err.Error(), Permitted: i.permitted(ctx, r)}
	}
	if err := json.Unmarshal(r.Body, &r.message); err != nil {
		r.message = message{}
		return reject(errors.New("the request must be a JSON object with a state or an event"))
	}
	if part, err := r.message.check(); err != nil {
		return reject(fmt.Errorf("the %s %w", part, err))
	}
	ctx = context.WithValue(ctx, askedKey[S, P]{i}, r)
	allowed := i.cfg.Requests
	state := slices.IndexFunc(allowed.States, func(s S) bool { return fmt.Sprint(s) == r.State })
	event := slices.IndexFunc(allowed.Events, func(e RequestableEvent[S]) bool { return e.name == r.Event })
	if state < 0 && event < 0 {
		known := slices.ContainsFunc(i.def.States(), func(s S) bool { return fmt.Sprint(s) == r.State })
		if known {
			return reject(fmt.Errorf("%s may not be asked for", r.what()))
		}
		return reject(fmt.Errorf("%s is unknown, or may not be asked for", r.what()))
	}
	if allowed.Allow != nil {
		err := allowed.Allow(ctx, AskedFor{ID: r.ID, Sender: r.Sender, Cause: r.Cause, State: r.State, Event: r.Event, Argument: r.Argument})
		if err != nil {
			return reject(err)
		}
	}
	cause := cmp.Or(r.Cause, "request")
	if r.Sender != "" && r.Cause == "" {
		cause = "request of " + r.Sender
	}
	var err error
	if r.Event != "" {
		// An event need not move the machine, so its id is stored before.
		err = i.storeAnswer(ctx, r, *r.answer(Reply{
			Outcome: OutcomeFailed, State: fmt.Sprint(i.State()), At: time.Now().UTC(),
			Error: "it had begun and not ended when this answer was due, so it may have had an effect, or have one yet",
		}, false))
		if err != nil {
			return notBegun(err)
		}
		r.carries.Store(true)
		err = allowed.Events[event].fire(ctx, i.machine, r.Argument, cause)
	} else {
		r.carries.Store(true)
		err = i.machine.TransitionWithCause(ctx, allowed.States[state], cause)
	}
	return judge[S](r, err, reject)
}

// notBegun returns the reply for a request if its id could not be stored.
func notBegun(err error) Reply {
	if errors.Is(err, store.ErrExpired) {
		return Reply{Outcome: OutcomeExpired, Error: expiredText}
	}
	return Reply{Outcome: OutcomeFailed, Error: "it was not begun: " + err.Error()}
}

const expiredText = "its deadline passed before it was carried out"

// judge returns the reply for the error of a change. The errors of guards and hooks are the
// user's, whatever they match.
func judge[S comparable](r *asked, err error, reject func(error) Reply) Reply {
	if err == nil {
		return Reply{Outcome: OutcomeDone}
	}
	failed := err
	if e, ok := err.(*fsm.EventError[S]); ok {
		failed = e.Err
	}
	argument := new(argumentError)
	switch t, phased := failed.(*fsm.TransitionError[S]); {
	case r.moved.Load():
		return Reply{Outcome: OutcomeDoneWithErrors, Error: err.Error()}
	case phased && t.Phase == fsm.PhaseWrite && errors.Is(err, store.ErrExpired):
		return Reply{Outcome: OutcomeExpired, Error: expiredText}
	case phased && t.Phase == fsm.PhaseWrite && errors.Is(err, store.ErrInDoubt):
		return Reply{Outcome: OutcomeFailed, Error: "the write was in doubt and has been undone: " + err.Error()}
	case phased && (t.Phase == fsm.PhaseTable || t.Phase == fsm.PhaseGuard || t.Phase == fsm.PhaseBefore),
		!phased && (errors.Is(err, fsm.ErrUnhandled) || errors.Is(err, fsm.ErrUnknownEvent) || errors.Is(err, fsm.ErrVetoed) || errors.As(err, &argument)):
		return reject(err)
	}
	return Reply{Outcome: OutcomeFailed, Error: err.Error()}
}

// permitted lists the names to ask for now: states for a request of a state, else events.
func (i *Instance[S, P]) permitted(ctx context.Context, r *asked) (names []string) {
	if r.Event == "" {
		for _, s := range i.machine.Next() {
			if slices.Contains(i.cfg.Requests.States, s) {
				names = append(names, fmt.Sprint(s))
			}
		}
		return names
	}
	events, _ := i.machine.PermittedEvents(ctx)
	return slices.DeleteFunc(events, func(name string) bool {
		return !slices.ContainsFunc(i.cfg.Requests.Events, func(e RequestableEvent[S]) bool { return e.name == name })
	})
}

// reply logs the request, and then stores the final answer: the entry comes before the
// entries of the sender's next calls.
func (i *Instance[S, P]) reply(ctx context.Context, r *asked, reply Reply) {
	expire := func() { reply.Outcome, reply.Error, reply.Permitted = OutcomeExpired, expiredText, nil }
	if !r.answered.Load() && r.overdue() {
		expire()
	}
	if r.inDoubt.Load() && reply.Outcome == OutcomeFailed && r.overdue() {
		// Nobody waits for the entry any more, and the store knows whether an answer came through.
		if errors.Is(i.storeAnswer(ctx, r, *r.answer(reply, true)), store.ErrExpired) {
			expire()
		}
		i.noteRequest(ctx, r, reply)
		return
	}
	i.noteRequest(ctx, r, reply)
	if reply.Outcome == OutcomeExpired && !r.answered.Load() {
		return
	}
	err := i.storeAnswer(ctx, r, *r.answer(reply, true))
	late := err != nil && !r.answered.Load() && r.overdue()
	if (late || errors.Is(err, store.ErrExpired)) && reply.Outcome != OutcomeExpired {
		expire()
		i.noteRequest(ctx, r, reply)
	}
}

// noteRequest tells the activity log and the observers of a request.
func (i *Instance[S, P]) noteRequest(ctx context.Context, r *asked, reply Reply) {
	took := time.Since(r.begun)
	request := LoggedRequest{
		ID: r.ID, Sender: r.Sender, What: r.what().String(), Outcome: reply.Outcome, Error: reply.Error, Duration: took.Round(time.Microsecond).String(),
	}
	i.log(LogEntry{At: reply.At, Kind: LogRequest, Request: &request})
	i.tell(ctx, Notice{Kind: NoticeRequest, At: reply.At, Duration: took, Request: request})
}

// writeLimit is the time for a write that no caller waits for. A write that the network has lost
// would hold up all others of the lease.
const writeLimit = 5 * time.Second

// storeAnswer tries while the store is unavailable: until the deadline has passed or, if there is
// an answer that is not final, for as long as the store keeps that.
func (i *Instance[S, P]) storeAnswer(ctx context.Context, r *asked, answer store.Answer) error {
	until := r.deadline
	if r.answered.Load() {
		until = until.Add(AnswerKept)
	}
	for pause := shortestPause; ; pause = min(2*pause, longestPause) {
		limited, cancel := context.WithTimeout(ctx, writeLimit)
		err := i.lease.Answer(limited, answer)
		cancel()
		if err == nil || errors.Is(err, store.ErrInDoubt) {
			r.answered.Store(true)
		}
		if !passing(err) || time.Now().After(until) {
			return err
		}
		if !sleep(ctx, pause) {
			return err
		}
	}
}
