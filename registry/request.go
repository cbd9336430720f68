package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/leasehold-go/leasehold/store"
)

const (
	// DefaultRequestTimeout is for how long a request waits to be carried out.
	DefaultRequestTimeout = 30 * time.Second
	// AnswerKept is for how long after its deadline the store keeps the answer to a request, and
	// so recognises its id.
	AnswerKept = 5 * time.Minute
	// MaxRequestText is how many bytes the sender and the cause of a request may have, each: the
	// record keeps them in its history.
	MaxRequestText = 1 << 10
)

// ErrNoRequests is the condition of a request to an instance that takes none.
var ErrNoRequests = errors.New("takes no requests")

// Outcome is the end of a request.
type Outcome string

// The outcomes.
const (
	OutcomeDone           Outcome = "done"
	OutcomeDoneWithErrors Outcome = "done with errors" // carried out, but a hook failed afterwards, or had not ended by the deadline
	OutcomeRejected       Outcome = "rejected"         // not permitted: by the table, a guard, or the instance's list
	OutcomeFailed         Outcome = "failed"           // the store or the instance failed; it was not carried out, unless the error says otherwise
	OutcomeExpired        Outcome = "expired"          // the deadline passed; it is not and will not be carried out
)

// Reply is the answer to a request.
type Reply struct {
	ID        string    `json:"-"` // of the request
	Outcome   Outcome   `json:"outcome"`
	State     string    `json:"state,omitempty"`     // of the instance then
	Permitted []string  `json:"permitted,omitempty"` // if rejected: what may be asked for in that state, states or events
	Error     string    `json:"error,omitempty"`     // unless done
	At        time.Time `json:"at,omitzero"`         // by the clock of the instance
}

// RequestError is a request that was not done, or done with errors.
type RequestError struct {
	Key   string
	What  string // that was asked for, e.g. `state "active"`
	Reply Reply
}

func (e *RequestError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "request for %s of %q: %s", e.What, e.Key, e.Reply.Outcome)
	if e.Reply.Error != "" {
		fmt.Fprintf(&b, ": %s", e.Reply.Error)
	}
	if len(e.Reply.Permitted) > 0 {
		fmt.Fprintf(&b, "; permitted: %s", strings.Join(e.Reply.Permitted, ", "))
	}
	return b.String()
}

// Requested is the state or the event of a request: [ForState] or [ForEvent].
type Requested struct {
	state, event string
	argument     any
}

// ForState asks for a transition to a state, by its text.
func ForState(state string) Requested { return Requested{state: state} }

// ForEvent asks for an event, by its name, with an argument that marshals to JSON; nil for a
// signal.
func ForEvent(event string, argument any) Requested {
	return Requested{event: event, argument: argument}
}

func (r Requested) String() string {
	if r.event != "" {
		return fmt.Sprintf("event %q", r.event)
	}
	return fmt.Sprintf("state %q", r.state)
}

// message is the body of a request.
type message struct {
	State    string          `json:"state,omitempty"`
	Event    string          `json:"event,omitempty"`
	Argument json.RawMessage `json:"argument,omitempty"`
	Sender   string          `json:"sender,omitempty"`
	Cause    string          `json:"cause,omitempty"`
}

// check returns the error of a message that breaks a rule, with the part that does.
func (m message) check() (what string, err error) {
	switch {
	case (m.State == "") == (m.Event == ""):
		return "request", errors.New("must name a state or an event")
	case !utf8.ValidString(m.State + m.Event): // JSON would make another name of it
		return "request", errors.New("must name a state or an event in UTF-8")
	case len(m.Sender) > MaxRequestText:
		return "sender", fmt.Errorf("must have at most %d bytes", MaxRequestText)
	case len(m.Cause) > MaxRequestText:
		return "cause", fmt.Errorf("must have at most %d bytes", MaxRequestText)
	}
	return "", nil
}

// RequestOption changes a request.
type RequestOption func(*request)

type request struct {
	id, sender, cause string
	token             store.Token
	timeout           time.Duration
}

// WithRequestID gives the request an id, of 1 to 64 bytes. Ask again with the same id after a lost
// answer: the request is carried out once. Its answer stands for the id until [AnswerKept] after
// the deadline: another request to the key with that id gets it, also if it asks for something
// else. Without this option, the id is random.
func WithRequestID(id string) RequestOption { return func(r *request) { r.id = id } }

// WithRequestTimeout sets for how long the request may wait, [store.MinRequestTTL] (a second) to
// [store.MaxRequestTTL]; [DefaultRequestTimeout] otherwise. A context that ends earlier shortens
// it, to a second at least. After it, the request is not carried out.
func WithRequestTimeout(d time.Duration) RequestOption { return func(r *request) { r.timeout = d } }

// WithSender names the sender, for the log and for [Requests.Allow]. The name is not proved.
func WithSender(name string) RequestOption { return func(r *request) { r.sender = name } }

// WithRequestCause gives the cause for the history; "request" with the sender otherwise.
func WithRequestCause(cause string) RequestOption { return func(r *request) { r.cause = cause } }

// WithRequestToken has only the instance that holds this lease carry the request out.
func WithRequestToken(token store.Token) RequestOption { return func(r *request) { r.token = token } }

// Request asks the instance that holds a key to make a transition or to fire an event, and waits
// for the reply. It needs no lease, only the rights on the store. The error is nil if the
// outcome is [OutcomeDone]. It is a *[RequestError] with every other outcome, and without a reply
//
//   - [store.ErrNotFound] if nobody holds the key, and [ErrNoRequests] if the holder takes no
//     requests, both at once;
//   - [store.ErrLost] if another instance holds the key than the one named by
//     [WithRequestToken];
//   - [store.ErrFull] if too many requests wait;
//   - [store.ErrDenied] at once if the user of the store may not ask;
//   - *[store.InvalidError] for an argument that breaks a rule, or a store that is no
//     [store.Requester];
//   - [store.ErrInDoubt] or [store.ErrUnavailable], with the error of ctx if ctx has ended: the
//     request may still be carried out until its deadline. Ask again with the same id to learn
//     of it.
//
// [Reply.ID] is set in every case, also if the id is random and there is no reply.
func Request(ctx context.Context, st store.Store, key string, what Requested, opts ...RequestOption) (Reply, error) {
	r := request{timeout: DefaultRequestTimeout}
	for _, set := range opts {
		set(&r)
	}
	id := cmp.Or(r.id, store.NewNonce().String())
	reply, err := send(ctx, st, key, what, r, id)
	reply.ID = id
	switch {
	case err != nil:
		return reply, err
	case reply.Outcome != OutcomeDone:
		return reply, &RequestError{Key: key, What: what.String(), Reply: reply}
	}
	return reply, nil
}

func send(ctx context.Context, st store.Store, key string, what Requested, r request, id string) (Reply, error) {
	// Make the request, and see that somebody is there to take it.
	requester, ok := st.(store.Requester)
	if !ok {
		return Reply{}, &store.InvalidError{Key: key, What: "store", Rule: "must pass requests, as a store.Requester does"}
	}
	m := message{State: what.state, Event: what.event, Sender: r.sender, Cause: r.cause}
	if part, err := m.check(); err != nil {
		return Reply{}, &store.InvalidError{Key: key, What: part, Rule: err.Error()}
	}
	if what.argument != nil {
		argument, err := json.Marshal(what.argument)
		if err != nil {
			return Reply{}, &store.InvalidError{Key: key, What: "argument of " + what.String(), Rule: err.Error()}
		}
		m.Argument = argument
	}
	body, err := json.Marshal(m)
	if err != nil {
		return Reply{}, &store.InvalidError{Key: key, What: "request", Rule: err.Error()}
	}
	if at, limited := ctx.Deadline(); limited {
		r.timeout = min(r.timeout, max(time.Until(at), store.MinRequestTTL))
	}
	message := store.Request{Key: key, ID: id, Token: r.token, Body: body, TTL: r.timeout}
	if err := message.Check(); err != nil {
		return Reply{}, err
	}
	deaf := false
	record, err := st.Get(ctx, key)
	switch {
	case errors.Is(err, store.ErrNotFound): // the store may know the id
	case err != nil:
		return Reply{}, err
	default:
		if p, _ := decodePart(record.Value); !p.Requests {
			deaf, message.Token = true, nobody
		}
	}

	// Ask, again with the same id while the store is unavailable or its answer is lost.
	deadline := time.Now().Add(r.timeout)
	for pause := shortestPause; ; pause = min(2*pause, longestPause) {
		answer, err := requester.Ask(ctx, message)
		if errors.Is(err, store.ErrNotFound) {
			err = fmt.Errorf("nobody holds the key: %w", err)
		}
		if deaf && errors.Is(err, store.ErrLost) {
			err = fmt.Errorf("the holder of %q %w", key, ErrNoRequests)
		}
		switch {
		case err == nil:
			var reply Reply
			if err := json.Unmarshal(answer.Body, &reply); err != nil || reply.Outcome == "" {
				return Reply{}, fmt.Errorf("the answer of %q to request %q cannot be read: %.100q", key, id, answer.Body)
			}
			return reply, nil
		case errors.Is(err, store.ErrExpired):
			return Reply{Outcome: OutcomeExpired, Error: fmt.Sprintf("no answer within %v", r.timeout)}, nil
		case !passing(err), errors.Is(err, store.ErrDenied):
			return Reply{}, err
		case time.Until(deadline) < store.MinRequestTTL || ctx.Err() != nil:
			return Reply{}, err
		}
		if !sleep(ctx, pause/2+rand.N(pause/2)) {
			return Reply{}, err
		}
		message.TTL = max(time.Until(deadline), store.MinRequestTTL)
	}
}

// nobody is the token of no lease. A request that names it is not queued: it finds the answer to
// its id, if there is one.
const nobody = store.Token(math.MaxUint64)
