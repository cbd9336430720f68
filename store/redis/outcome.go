package redisstore

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/store"
)

// intent says whether a call that failed may have had an effect.
type intent bool

const (
	reads  intent = false
	writes intent = true
)

// failed is the error of a verb that got no answer.
func failed(op, key string, i intent, err error) error {
	if errors.Is(err, store.ErrClosed) {
		return &store.Error{Op: op, Key: key, Condition: store.ErrClosed}
	}
	condition := store.ErrUnavailable
	if i == writes && !unsent(err) && !refused(err) {
		condition = store.ErrInDoubt
	}
	if denied(err) {
		err = &deniedError{err}
	}
	return &store.Error{Op: op, Key: key, Condition: condition, Err: err}
}

// deniedError is a refusal because the user lacks a right.
type deniedError struct{ cause error }

func (e *deniedError) Error() string {
	return fmt.Sprintf("%v; the doc of package redisstore lists them: %v", store.ErrDenied, e.cause)
}

func (e *deniedError) Unwrap() []error { return []error{store.ErrDenied, e.cause} }

// unsent reports whether err came before the call was sent.
func unsent(err error) bool {
	var before *unsentError
	var network *net.OpError
	return errors.As(err, &before) ||
		errors.As(err, &network) && network.Op == "dial" ||
		errors.Is(err, redis.ErrPoolTimeout) ||
		errors.Is(err, redis.ErrPoolExhausted) ||
		errors.Is(err, redis.ErrClosed)
}

// refused reports whether err is a server's word that it did nothing. Nil is none, though
// go-redis makes an error of it. An error from within a running script is none either, because
// earlier writes of the script stay, unless it is one that the server gives to a script's
// first write only.
func refused(err error) bool {
	var reply redis.Error
	var raised scriptError
	if !errors.As(err, &reply) && !errors.As(err, &raised) || errors.Is(err, redis.Nil) {
		return false
	}
	message := err.Error()
	if strings.Contains(message, "leasehold: ") { // raised by our scripts, before any write
		return true
	}
	if raised == "" && !strings.Contains(message, "user_script") {
		return true
	}
	for _, code := range []string{"OOM ", "READONLY ", "MISCONF ", "NOREPLICAS ", "MASTERDOWN ", "LOADING "} {
		if strings.HasPrefix(message, code) || strings.Contains(message, "-"+code) {
			return true
		}
	}
	return false
}

// scriptError is an error that a script raised for one of its keys.
type scriptError string

func (e scriptError) Error() string { return string(e) }

// unsentError is the error of a call that was not sent.
type unsentError struct{ cause error }

func (e *unsentError) Error() string { return "not sent: " + e.cause.Error() }
func (e *unsentError) Unwrap() error { return e.cause }

// largeError is the error of a call that got no answer, of so many bytes that a limit of the server
// can be the reason.
type largeError struct {
	bytes int
	cause error
}

func (e *largeError) Error() string {
	return fmt.Sprintf("%v (for a request or answer of up to %d bytes; a server closes the connection if that is beyond "+
		"client-query-buffer-limit, client-output-buffer-limit or maxmemory-clients)", e.cause, e.bytes)
}

func (e *largeError) Unwrap() error { return e.cause }

// limiter is the limiter of a client's options, with an error that says that a call which it
// refuses is not sent.
type limiter struct{ redis.Limiter }

func (l limiter) Allow() error {
	if err := l.Limiter.Allow(); err != nil {
		return &unsentError{err}
	}
	return nil
}

// replicasError is the error of a write that is on its master and on too few
// replicas, so that a failover may undo it. It does not unwrap: a server that
// refused the WAIT has not refused the write.
type replicasError struct {
	got, want int
	err       error // of the WAIT itself; may be nil
}

func (e *replicasError) Error() string {
	if e.err != nil {
		return fmt.Sprintf("%d replicas were to acknowledge it: %v", e.want, e.err)
	}
	return fmt.Sprintf("acknowledged by %d of %d replicas", e.got, e.want)
}

// isNil reports whether a server answered that there is nothing.
func isNil(err error) bool { return errors.Is(err, redis.Nil) }
