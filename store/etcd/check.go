package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/leasehold-go/leasehold/store"
)

// ServerError says why New refused a server, and how to change that. It unwraps to Err
// and [store.ErrUnavailable], or to nothing if Err is nil.
type ServerError struct {
	Server string // the endpoints of the client, with commas between
	What   string // the step that failed, e.g. "create"
	Got    string // the value found; may be empty
	Rule   string // the requirement that is not met
	Err    error  // the error of the server or the client; nil if the servers answered and do not meet Rule
}

func (e *ServerError) Error() string {
	text := fmt.Sprintf("etcd server %s: %s", e.Server, e.What)
	if e.Got != "" {
		text += fmt.Sprintf(" %q", e.Got)
	}
	text += ": " + e.Rule
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns [store.ErrUnavailable] and Err, or nothing if Err is nil.
func (e *ServerError) Unwrap() []error {
	if e.Err == nil {
		return nil
	}
	return []error{store.ErrUnavailable, e.Err}
}

// errNoEvent is the fault of a watch that opens and then reports no event.
var errNoEvent = errors.New("the watch reported no event")

// errProxy is the fault of a server that answers a first keep-alive and not the next. etcd's
// grpc-proxy keeps an etcd lease alive by itself, at every third of its ttl, and answers then.
// It would keep the records of a hanging holder alive.
var errProxy = fmt.Errorf("the second keep-alive has no answer after %v", memberTimeout)

const (
	// connectTimeout is how long New waits for the first answer.
	connectTimeout = 10 * time.Second
	// checkTimeout is how long New takes at most.
	checkTimeout = 40 * time.Second
)

// probeTTL is the ttl of the probe's record, longer than the probe takes.
const probeTTL = time.Minute

// watchTimeout is how long a watch may take to open, and the probe's watch to report a
// record.
const watchTimeout = 5 * time.Second

// leaveTimeout is how long a watch that opens may go on when its caller has left, and how long the
// end of a watch waits for one that opens.
const leaveTimeout = 250 * time.Millisecond

// check asks for the smallest ttl and tries the verbs.
func (s *Store) check(ctx context.Context, o options) error {
	ctx, leave, err := s.tasks.enter(ctx)
	if err != nil {
		return s.unable("connect", err)
	}
	defer leave()
	ctx, cancel := context.WithTimeoutCause(ctx, checkTimeout, errHung)
	defer cancel()
	if o.untried {
		s.minTTL.Store(int64(store.MinTTL))
		err := connect(ctx, func(ctx context.Context) error {
			_, err := pb.NewMaintenanceClient(s.conn).Status(ctx, &pb.StatusRequest{})
			return err
		})
		if err != nil {
			return s.unable("connect", err)
		}
		return s.checkVersion(ctx)
	}
	var shortest *pb.LeaseGrantResponse
	err = connect(ctx, func(ctx context.Context) (err error) {
		shortest, err = s.leases.LeaseGrant(ctx, &pb.LeaseGrantRequest{TTL: 1}, grpc.WaitForReady(true))
		return err
	})
	if err != nil {
		return s.unable("connect", err)
	}
	s.minTTL.Store(int64(max(seconds(shortest.TTL), store.MinTTL)))
	s.client.Revoke(ctx, clientv3.LeaseID(shortest.ID))
	if err := s.checkVersion(ctx); err != nil {
		return err
	}
	lease, err := s.grant(ctx, max(shortest.TTL, int64(probeTTL/time.Second)))
	if err != nil {
		return s.unable("lease", err)
	}
	defer s.client.Revoke(ctx, lease) // deletes the records of a failed probe too
	if step, err := s.probe(ctx, lease); err != nil {
		return s.unable(step, err)
	}
	if o.after != nil {
		o.after(ctx, lease)
	}
	return nil
}

// connect makes the first request. That goes past the client's methods, which drop the reason why
// there is no connection.
func connect(ctx context.Context, request func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, connectTimeout, fmt.Errorf("no answer within %v", connectTimeout))
	defer cancel()
	err := request(ctx)
	if err == nil {
		return nil
	}
	word, _ := status.FromError(err)
	switch text, noConnection := strings.CutPrefix(strings.TrimPrefix(word.Message(), "latest balancer error: "), "connection error: desc = "); {
	case noConnection:
		return &connectError{strings.TrimPrefix(strings.TrimPrefix(strings.Trim(text, `"`), "transport: "), "Error while dialing: "), cause(ctx, err)}
	case word.Code() == codes.Unimplemented:
		first, _, _ := strings.Cut(text, "\n")
		return &connectError{first, err}
	}
	return cause(ctx, rpctypes.Error(err))
}

// checkVersion refuses a server before 3.5 to a client with a password. The client asks for
// a new token with its expired one, and these servers refuse that too; the client then
// repeats the request without a pause until its context ends. No request of this connection
// can try that, because the client adds its token to each. A server that does not say its
// version is accepted.
func (s *Store) checkVersion(ctx context.Context) error {
	if s.client.Username == "" || s.client.Token != "" {
		return nil
	}
	ctx, cancel := tryContext(ctx)
	defer cancel()
	answer, err := pb.NewMaintenanceClient(s.conn).Status(ctx, &pb.StatusRequest{})
	if err != nil {
		return nil
	}
	var major, minor int
	if n, _ := fmt.Sscanf(answer.Version, "%d.%d", &major, &minor); n != 2 || major > 3 || major == 3 && minor >= 5 {
		return nil
	}
	return &ServerError{Server: strings.Join(s.client.Endpoints(), ","), What: "version", Got: answer.Version,
		Rule: "must be 3.5 or later for a client with a password, whose token an older server does not renew once it has expired: upgrade, or give the user a client certificate"}
}

// connectError says why there is no connection to an etcd server.
type connectError struct {
	text  string // in the words of gRPC
	cause error
}

func (e *connectError) Error() string { return e.text }
func (e *connectError) Unwrap() error { return e.cause }

// unable is the error of a step that failed.
func (s *Store) unable(step string, err error) error {
	e := &ServerError{Server: strings.Join(s.client.Endpoints(), ","), What: step, Rule: remedy(err)}
	if err != errNoEvent && !errors.Is(err, rpctypes.ErrTooManyOps) {
		e.Err = named(bare(err))
	}
	return e
}

func remedy(err error) string {
	var none *connectError
	switch {
	case errors.Is(err, errNoEvent):
		return "must report what was put: set a namespace on the client's KV and Watcher alike"
	case errors.Is(err, rpctypes.ErrUserEmpty):
		return "must be allowed to the client: set Username and Password in its configuration, or give it the certificate of a user"
	case isDenied(err):
		return fmt.Sprintf("must be allowed to the client's user: grant it to read and write all keys under %q", store.Reserved)
	case errors.Is(err, rpctypes.ErrTooManyOps):
		return fmt.Sprintf("must take at least %d operations in a transaction: raise --max-txn-ops", minOps)
	case errors.Is(err, errHung):
		return "must answer; if it has --max-concurrent-streams, that must be 20 or more; docs/operations.md has the number"
	case errors.Is(err, errProxy):
		return "must answer each at once: connect to the etcd members, not to an etcd grpc-proxy"
	case !errors.As(err, &none):
		return "must answer"
	case strings.Contains(none.text, "authentication handshake failed"):
		return "must accept the TLS settings of the client; an endpoint without TLS begins with http://"
	case strings.HasPrefix(none.text, "dial "):
		return "must be reachable; an endpoint is host:port, or begins with http://, https:// or unix://"
	}
	return "must be an etcd server; an endpoint with TLS begins with https://"
}

// probe tries the verbs on a record of the library's own. It returns the step that failed. A
// watch of all notes and a read of all marks need the right to the whole of them. The read
// stands in the branch that is not taken, where the servers check rights and count operations:
// the branch has minOps of them.
func (s *Store) probe(ctx context.Context, lease clientv3.LeaseID) (step string, err error) {
	n := store.NewNonce()
	key := store.Reserved + "probe:" + n.String()
	stream := newWatchStream(s.cluster)
	defer stream.close()
	watches, err := stream.open(ctx, func(ctx context.Context) ([]clientv3.WatchChan, error) {
		events := s.client.Watch(ctx, notes, clientv3.WithPrefix(), clientv3.WithFilterPut(), clientv3.WithCreatedNotify())
		return []clientv3.WatchChan{events}, awaitOpen(ctx, events)
	})
	if err != nil {
		return "watch", err
	}
	defer watches.close()
	m := &member{key: key, nonce: n, shared: &sharedLease{lease: lease, ttl: time.Duration(s.minTTL.Load())}}
	puts := putsOf(m, store.Claim{Key: key, Value: []byte("1"), Nonce: n}, markOf(key, n), lease)
	untaken := append(readOps(key), clientv3.OpGet(marks, clientv3.WithPrefix()), clientv3.OpGet(markOf(key, n)))
	answer, _, err := s.commit(ctx, []clientv3.Cmp{absent(key)}, puts, untaken)
	if err != nil {
		return "create", err
	}
	if _, err := s.sendKeepAlive(ctx, lease); err != nil {
		return "keep-alive", err
	}
	second, cancel := context.WithTimeoutCause(ctx, memberTimeout, errProxy)
	defer cancel()
	if _, err := s.sendKeepAlive(second, lease); err != nil {
		return "keep-alive", err
	}
	mine := store.ByToken(store.Token(answer.Header.Revision))
	update := &guardedOp{op: "update", key: key, ref: mine, seq: 1, value: []byte("2")}
	remove := &guardedOp{op: "delete", key: key, ref: mine, remove: true}
	for _, d := range []*guardedOp{update, remove} {
		if s.execute(ctx, []*guardedOp{d}); d.err != nil {
			return d.op, d.err
		}
	}
	late := time.NewTimer(watchTimeout)
	defer late.Stop()
	for {
		events, err := watches.next(ctx, late.C)
		switch {
		case err != nil:
			return "watch", err
		case events == nil:
			return "watch", errNoEvent
		case slices.ContainsFunc(events, func(e *clientv3.Event) bool { return string(e.Kv.Key) == noteOf(key) }):
			return "", nil
		}
	}
}
