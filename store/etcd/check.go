package etcdstore

import (
	"context"
	"errors"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/store"
)

// ServerError says why a cluster or its client's rights will not do. It unwraps to its
// cause and, unless the servers answered and are merely not as they have to be, to
// [store.ErrUnavailable].
type ServerError struct {
	Endpoints []string
	Step      string // that failed, e.g. "create"
	Err       error
}

func (e *ServerError) Error() string {
	return "etcd " + strings.Join(e.Endpoints, ",") + ": " + e.Step + ": " + e.Err.Error()
}

// Unwrap returns [store.ErrUnavailable], where that fits, and the cause.
func (e *ServerError) Unwrap() []error {
	if errors.Is(e.Err, errNotHeard) {
		return []error{e.Err}
	}
	return []error{store.ErrUnavailable, e.Err}
}

// errNotHeard is the fault of a client whose interfaces do not agree.
var errNotHeard = errors.New("a watch does not tell what was put: is there a namespace on the client's KV and none, or another, on its Watcher?")

// probing is more than the servers ever take for the probe.
const probing = time.Minute

// hearing is how long a watch may take to begin, and the probe's to tell of a record.
const hearing = 5 * time.Second

// check learns the smallest ttl and tries what the verbs do.
func (s *Store) check(ctx context.Context) error {
	ctx, leave, err := s.tasks.enter(ctx)
	if err != nil {
		return s.unable("lease", err)
	}
	defer leave()
	shortest, err := s.client.Grant(ctx, 1)
	if err != nil {
		return s.unable("lease", cause(ctx, err))
	}
	s.minTTL.Store(int64(max(seconds(shortest.TTL), store.MinTTL)))
	s.client.Revoke(ctx, shortest.ID)
	lease, err := s.grant(ctx, max(shortest.TTL, int64(probing/time.Second)))
	if err != nil {
		return s.unable("lease", err)
	}
	defer s.client.Revoke(ctx, lease) // with all that a failed probe left behind
	if step, err := s.probe(ctx, lease); err != nil {
		return s.unable(step, err)
	}
	_, err = s.markLease(ctx, 0) // now, so that the first create need not
	if err != nil {
		return s.unable("lease", err)
	}
	s.memory.marks = 0 // nobody else has the store yet
	return nil
}

func (s *Store) unable(step string, err error) error {
	return &ServerError{Endpoints: s.client.Endpoints(), Step: step, Err: named(bare(err))}
}

// probe goes through the verbs on a record of the library's own. It returns the step
// that failed.
func (s *Store) probe(ctx context.Context, lease clientv3.LeaseID) (step string, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	n := store.NewNonce()
	key := store.Reserved + "probe:" + n.String()
	var heard clientv3.WatchChan
	err = inTime(stop, func() error {
		heard = s.client.Watch(ctx, noteOf(key), clientv3.WithCreatedNotify())
		return first(ctx, heard)
	})
	if err != nil {
		return "watch", err
	}
	m := &member{key: key, nonce: n, shard: &shard{lease: lease, ttl: time.Duration(s.minTTL.Load())}}
	puts := putsOf(m, store.Claim{Key: key, Value: []byte("1"), Nonce: n}, lease)
	answer, _, err := s.commit(ctx, []clientv3.Cmp{absent(key)}, puts, look(key))
	if err != nil {
		return "create", err
	}
	if _, err := s.beat(ctx, lease); err != nil {
		return "keep-alive", err
	}
	mine := store.ByToken(store.Token(answer.Header.Revision))
	update := &deed{op: "update", key: key, term: mine, seq: 1, value: []byte("2")}
	remove := &deed{op: "delete", key: key, term: mine, remove: true}
	for _, d := range []*deed{update, remove} {
		if s.carryOut(ctx, []*deed{d}); d.err != nil {
			return d.op, d.err
		}
	}
	return "watch", hears(ctx, heard)
}

// hears waits until a watch tells of something.
func hears(ctx context.Context, c clientv3.WatchChan) error {
	late := time.NewTimer(hearing)
	defer late.Stop()
	for {
		select {
		case r, open := <-c:
			switch {
			case !open:
				return errSilent
			case r.Err() != nil:
				return endOf(r)
			case len(r.Events) > 0:
				return nil
			}
		case <-late.C:
			return errNotHeard
		case <-ctx.Done():
			return errors.Join(errNotHeard, context.Cause(ctx))
		}
	}
}
