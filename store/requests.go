package store

import (
	"context"
	"fmt"
	"iter"
	"time"
	"unicode/utf8"
)

// Requester is implemented by a [Store] that passes requests to the holder of a key, and answers
// back. Requests and answers lie beside the record and are in no list or watch of records.
// Every user with the rights on the store can ask and answer: nothing here identifies a sender.
//
// A key that holds another program's value has no live record: the methods may fail with a
// *[ForeignError] where they would with [ErrNotFound] or [ErrLost].
type Requester interface {
	// Ask queues a request for the holder of a key and waits for the final answer, at most until
	// the request's deadline, which is the store's: its TTL from when the request arrived there.
	//
	// It fails at once with [ErrNotFound] if there is no live record, with [ErrLost] if the
	// request names the token of another lease, and with [ErrFull] if [MaxRequests] wait
	// already. Without a final answer by the deadline it returns the answer that is not final,
	// if there is one, or else fails with [ErrExpired]. If its context ends before, it fails
	// with [ErrInDoubt]: the request stays in the queue. An id that the store knows, of a
	// request that waits or of an answer, is not queued again, whether or not there is a live
	// record: the call waits for that answer, or returns it.
	Ask(ctx context.Context, request Request) (Answer, error)
	// Requests yields the requests that wait for the holder of a key, in the order of their
	// arrival, and then each new one as it comes, until the loop is left, the context ends or the
	// lease does. It does not remove them: it yields one once, and another call yields it again
	// until it has been answered or its deadline has passed. Like a watch it never ends
	// silently: its last item is an error, [ErrLost] once the live record carries another token
	// or there is none; a right that the user lacks ends it too, and another failure
	// of the store only delays it.
	Requests(ctx context.Context, key string, token Token) iter.Seq2[Request, error]
	// Answer stores the answer to a request and removes the request from the queue. It fails with
	// [ErrLost] unless the live record carries the token, and with [ErrExpired] if the request's
	// deadline has passed before it had any answer. A final answer stands: a later one changes
	// nothing.
	Answer(ctx context.Context, key string, token Token, answer Answer) error
	// UpdateWith is Update with an addition, which is stored in the same request.
	UpdateWith(ctx context.Context, update Update, with Addition) error
}

// Request is a message for the holder of a key.
type Request struct {
	Key   string
	ID    string        // identifies the request for its key; 1 to 64 bytes of UTF-8
	Token Token         // of the lease that it is meant for; any if zero
	Body  []byte        // 1 byte to MaxRequest
	TTL   time.Duration // of the request; a second to MaxRequestTTL. From Requests, the time left.
}

// Answer is the answer to a request.
type Answer struct {
	ID   string // of the request
	Body []byte // 1 byte to MaxRequest
	// TTL is how long the store keeps the answer and the id from now, and at least until the
	// deadline of the request; a second to MaxAnswerTTL. From Ask it is zero.
	TTL time.Duration
	// Final is false for an answer that was written before the work had ended, and which stands if
	// the holder ends before it writes another. Ask waits on.
	Final bool
}

// Limits of requests and answers.
const (
	MaxRequests   = 100      // that wait for one key
	MaxRequest    = 64 << 10 // bytes of a request or an answer
	MaxRequestID  = 64       // bytes
	MinRequestTTL = time.Second
	MaxRequestTTL = 24 * time.Hour
	MaxAnswerTTL  = MaxRequestTTL + time.Hour // so that the id of any request outlives its deadline
)

// Check refuses a request that breaks a rule.
func (r Request) Check() error {
	if err := CheckKey(r.Key); err != nil {
		return err
	}
	return forKey(r.Key, checkMessage("request", r.ID, r.Body, r.TTL, MaxRequestTTL))
}

// Check refuses an answer that breaks a rule.
func (a Answer) Check() error {
	return checkMessage("answer", a.ID, a.Body, a.TTL, MaxAnswerTTL)
}

func checkMessage(what, id string, body []byte, ttl, most time.Duration) error {
	switch {
	case id == "" || len(id) > MaxRequestID || !utf8.ValidString(id):
		return &InvalidError{What: "id of " + what, Got: quote(id), Rule: fmt.Sprintf("must be 1 to %d bytes of UTF-8", MaxRequestID)}
	case len(body) == 0 || len(body) > MaxRequest:
		return &InvalidError{What: what, Got: fmt.Sprintf("of %d bytes", len(body)), Rule: fmt.Sprintf("must have 1 to %d bytes", MaxRequest)}
	case ttl < MinRequestTTL || ttl > most:
		return &InvalidError{What: "time to live of " + what, Got: ttl.String(), Rule: fmt.Sprintf("must be %v to %v", MinRequestTTL, most)}
	}
	return nil
}
