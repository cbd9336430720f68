package etcdstore

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/leasehold-go/leasehold/store"
)

func TestAWriteErrorSaysWhetherTheWriteMayHaveBeenApplied(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		write error // the condition of a write with this error; a read is always unavailable
		fault error // of this package; nil for none
	}{
		"not sent":             {&unsentError{context.Canceled}, store.ErrUnavailable, nil},
		"context ended":        {context.DeadlineExceeded, store.ErrInDoubt, nil},
		"no connection":        {unavailable(`connection error: desc = "transport: Error while dialing: dial tcp: refused"`), store.ErrUnavailable, nil},
		"no handshake":         {unavailable(`connection error: desc = "transport: authentication handshake failed: EOF"`), store.ErrUnavailable, nil},
		"connection lost":      {unavailable("error reading from server: EOF"), store.ErrInDoubt, nil},
		"something else":       {io.ErrUnexpectedEOF, store.ErrInDoubt, nil},
		"unknown to etcd":      {status.Error(codes.Unknown, "raft proposal dropped"), store.ErrInDoubt, nil},
		"no leader":            {rpctypes.ErrNoLeader, store.ErrUnavailable, ErrNoQuorum},
		"leader changed":       {rpctypes.ErrLeaderChanged, store.ErrInDoubt, ErrNoQuorum},
		"timeout":              {rpctypes.ErrTimeout, store.ErrInDoubt, ErrNoQuorum},
		"timeout, leader lost": {rpctypes.ErrTimeoutDueToLeaderFail, store.ErrInDoubt, ErrNoQuorum},
		"stopped":              {rpctypes.ErrStopped, store.ErrInDoubt, nil},
		"no space":             {rpctypes.ErrNoSpace, store.ErrInDoubt, ErrNoSpace},
		"too many requests":    {rpctypes.ErrTooManyRequests, store.ErrUnavailable, nil},
		"permission denied":    {rpctypes.ErrPermissionDenied, store.ErrUnavailable, ErrDenied},
		"wrong password":       {rpctypes.ErrAuthFailed, store.ErrUnavailable, ErrDenied},
		"no user":              {rpctypes.ErrUserEmpty, store.ErrUnavailable, ErrDenied},
		"old token":            {rpctypes.ErrInvalidAuthToken, store.ErrUnavailable, ErrDenied},
		"too large":            {rpctypes.ErrRequestTooLarge, store.ErrUnavailable, nil},
		"no lease":             {rpctypes.ErrLeaseNotFound, store.ErrUnavailable, ErrLeaseGone},
	} {
		t.Run(name, func(t *testing.T) {
			if got := failed("update", "key", writes, c.err); !errors.Is(got, c.write) {
				t.Errorf("a write: %v, want: %v", got, c.write)
			}
			got := failed("get", "key", reads, c.err)
			if !errors.Is(got, store.ErrUnavailable) || !errors.Is(got, c.err) {
				t.Errorf("a read: %v", got)
			}
			for _, fault := range []error{ErrNoQuorum, ErrNoSpace, ErrDenied, ErrLeaseGone} {
				if errors.Is(got, fault) != (fault == c.fault) {
					t.Errorf("%v is a case of %q: %v", got, fault, errors.Is(got, fault))
				}
			}
		})
	}
}

func unavailable(words string) error { return status.Error(codes.Unavailable, words) }

func TestAClosedStoreIsNotUnavailable(t *testing.T) {
	if err := failed("get", "key", reads, store.ErrClosed); !errors.Is(err, store.ErrClosed) || errors.Is(err, store.ErrUnavailable) {
		t.Error(err)
	}
}

func TestARenewFailsIfItsKeepAliveFails(t *testing.T) {
	for name, c := range map[string]struct {
		value string
		err   error
		want  error
	}{
		"confirmed":                 {"", nil, nil},
		"gone":                      {"", rpctypes.ErrLeaseNotFound, store.ErrLost},
		"gone, with a value":        {"value", rpctypes.ErrLeaseNotFound, store.ErrLost},
		"no reply":                  {"", context.DeadlineExceeded, store.ErrInDoubt},
		"not sent":                  {"", &unsentError{io.EOF}, store.ErrUnavailable},
		"not sent, the value there": {"value", &unsentError{io.EOF}, store.ErrInDoubt},
	} {
		until := t0.Add(1)
		d := &guardedOp{op: "renew", key: "key", value: []byte(c.value)}
		renewal{until: until, err: c.err}.answer(d)
		if !errors.Is(d.err, c.want) || d.until.IsZero() != (c.err != nil) {
			t.Errorf("%s: until %v, %v", name, d.until, d.err)
		}
	}
}

// A trial that is cancelled says nothing of the servers.
func TestAWatchThatIsGivenUpIsNoReasonForAdvice(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	watches := streamWatches{stream: aStream(), events: []clientv3.WatchChan{make(clientv3.WatchChan)}}
	_, err := watches.next(ctx, nil)
	if !errors.Is(err, context.Canceled) || strings.Contains(remedy(err), "namespace") {
		t.Errorf("%v: %s", err, remedy(err))
	}
}
