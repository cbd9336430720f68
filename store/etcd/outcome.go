package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/leasehold-go/leasehold/store"
)

// Faults of the servers. Where one fits, the error of a verb wraps it, beside the condition
// of package store and the client's error.
var (
	// ErrNoQuorum: the cluster has no leader at present, or did not agree in time.
	ErrNoQuorum = errors.New("the etcd cluster has no quorum")
	// ErrNoSpace: the database is full, so the servers take no values. Existing records
	// can still be renewed without a value, read and deleted.
	ErrNoSpace = errors.New("the etcd database is full (NOSPACE alarm)")
	// ErrDenied: the client's user lacks a right, or is unknown. It unwraps to [store.ErrDenied].
	ErrDenied = fmt.Errorf("%w; the doc of package etcdstore lists them", store.ErrDenied)
	// ErrLeaseGone: the etcd lease that the record was on has expired or was
	// revoked.
	ErrLeaseGone = errors.New("the record's etcd lease has expired or was revoked")
)

// intent says whether a call that failed may have had an effect.
type intent bool

const (
	reads  intent = false
	writes intent = true
)

// failed returns the error of a verb for a call that failed with err.
func failed(op, key string, i intent, err error) error {
	condition := store.ErrUnavailable
	switch {
	case errors.Is(err, store.ErrClosed), (i == reads || unsent(err)) && errors.Is(err, errClosing):
		return &store.Error{Op: op, Key: key, Condition: store.ErrClosed}
	case i == writes && !unsent(err) && !refused(err):
		condition = store.ErrInDoubt
	}
	return &store.Error{Op: op, Key: key, Condition: condition, Err: named(err)}
}

// named wraps err in the fault of this package that it is a case of, if there is one.
func named(err error) error {
	for fault, causes := range map[error][]error{
		ErrNoQuorum: {rpctypes.ErrNoLeader, rpctypes.ErrTimeout, rpctypes.ErrTimeoutDueToLeaderFail,
			rpctypes.ErrTimeoutDueToConnectionLost, rpctypes.ErrTimeoutWaitAppliedIndex, rpctypes.ErrLeaderChanged},
		ErrNoSpace: {rpctypes.ErrNoSpace},
		ErrDenied: {rpctypes.ErrPermissionDenied, rpctypes.ErrAuthFailed, rpctypes.ErrUserEmpty,
			rpctypes.ErrInvalidAuthToken, rpctypes.ErrPermissionNotGranted},
		ErrLeaseGone: {rpctypes.ErrLeaseNotFound},
	} {
		for _, cause := range causes {
			if errors.Is(err, cause) && !errors.Is(err, fault) {
				return fmt.Errorf("%w: %w", fault, err)
			}
		}
	}
	return err
}

// unsentError is the error of a call that was not sent.
type unsentError struct{ cause error }

func (e *unsentError) Error() string { return "not sent: " + e.cause.Error() }
func (e *unsentError) Unwrap() error { return e.cause }

// bare returns the cause of a verb's error without its condition, for the error of another
// verb, with its own condition.
func bare(err error) error {
	if inner := new(store.Error); errors.As(err, &inner) && inner.Err != nil {
		return inner.Err
	}
	return err
}

// unsent reports whether err came before the call was sent. If there was no connection, only
// the text of the client's error says so.
func unsent(err error) bool {
	var before *unsentError
	if errors.As(err, &before) {
		return true
	}
	s, ok := status.FromError(err)
	if !ok || s.Code() != codes.Unavailable {
		return false
	}
	for _, words := range []string{
		"transport: Error while dialing", "transport: authentication handshake failed",
		"there is no address available", "there is no connection available",
	} {
		if strings.Contains(s.Message(), words) {
			return true
		}
	}
	return false
}

// refused reports whether err is a server's statement that it did nothing. An error of no
// space is not: the write that fills the database is applied, and answered so.
func refused(err error) bool {
	if isTooLarge(err) {
		return true // a request was not made, and only the branch that changes nothing has a large answer
	}
	var word rpctypes.EtcdError
	if !errors.As(err, &word) {
		return false
	}
	switch word.Code() {
	case codes.InvalidArgument, codes.NotFound, codes.FailedPrecondition, codes.PermissionDenied,
		codes.Unauthenticated, codes.OutOfRange:
		return true
	}
	return errors.Is(err, rpctypes.ErrNoLeader) || errors.Is(err, rpctypes.ErrTooManyRequests)
}

// cause returns err, or the cause of the context's end if it has ended: the client does not
// pass that on.
func cause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func isDenied(err error) bool { return errors.Is(named(err), ErrDenied) }

// isForbidden reports whether the servers refused a key to the user. They also refuse a put on
// an etcd lease, and its keep-alive, if the user may not write every key on it.
func isForbidden(err error) bool { return errors.Is(err, rpctypes.ErrPermissionDenied) }

// isTooLarge reports whether a request, or its answer, is larger than the servers or the client
// take. The limits of gRPC have no error of their own.
func isTooLarge(err error) bool {
	s, _ := status.FromError(err)
	return errors.Is(err, rpctypes.ErrRequestTooLarge) ||
		s.Code() == codes.ResourceExhausted && strings.Contains(s.Message(), "larger than max")
}

// isRequestTooLarge reports whether a request with a value of that size is too large, and not
// its answer. From half a MiB over --max-request-bytes on, the servers use the words of the
// client's limit of answers.
func isRequestTooLarge(err error, size int) bool {
	s, _ := status.FromError(err)
	return errors.Is(err, rpctypes.ErrRequestTooLarge) ||
		isTooLarge(err) && (strings.Contains(s.Message(), "trying to send") || size > 512<<10)
}

// valueTooLarge is the error of a write with a value larger than the servers or the client
// take.
func valueTooLarge(value []byte, err error) error {
	return &store.InvalidError{What: "value", Got: fmt.Sprintf("of %d bytes", len(value)),
		Rule: fmt.Sprintf("must fit into a request: raise --max-request-bytes of the etcd servers or MaxCallSendMsgSize of the client: %v", err)}
}
