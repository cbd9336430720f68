package etcdstore

import (
	"context"
	"errors"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/store"
)

// definitions is the prefix of the names of definitions. A name has the id behind it.
const definitions = store.Reserved + "d:"

// PutDefinition implements [store.Definer]. It puts a definition that has not enough time left on
// another etcd lease, by writing it again: its own may carry other keys.
func (s *Store) PutDefinition(ctx context.Context, value []byte, ttl time.Duration) error {
	if err := store.CheckDefinition(value, ttl); err != nil {
		return err
	}
	const op = "put definition"
	id := store.DefinitionID(value)
	ctx, leave, err := s.tasks.enter(ctx)
	if err != nil {
		return failed(op, id, reads, err)
	}
	defer leave()
	for tries := 1; ; tries++ {
		now, err := s.definition(ctx, op, id)
		guard := absent(definitions + id)
		switch {
		case err == nil:
			left, err := s.timeLeft(ctx, clientv3.LeaseID(now.Lease))
			if err != nil {
				return failed(op, id, reads, err)
			}
			if left > ttl/2 && left != store.Forever {
				return nil
			}
			guard = clientv3.Compare(clientv3.ModRevision(definitions+id), "=", now.ModRevision)
		case !errors.Is(err, store.ErrNotFound):
			return err
		}

		on, err := s.mailLease(ctx, ttl)
		if err != nil {
			return failed(op, id, reads, err)
		}
		answer, _, err := s.commit(ctx, []clientv3.Cmp{guard}, []clientv3.Op{clientv3.OpPut(definitions+id, string(value), clientv3.WithLease(on))}, nil)
		switch {
		case err == nil && answer.Succeeded:
			return nil
		case tries == maxTries && err == nil:
			return failed(op, id, reads, errors.New("other processes change it all the time"))
		case err != nil && isGone(err) && tries < maxTries:
			s.mailLeases.drop(on)
		case err != nil:
			return failed(op, id, writes, err)
		}
	}
}

// GetDefinition implements [store.Definer].
func (s *Store) GetDefinition(ctx context.Context, id string) ([]byte, error) {
	if err := store.CheckDefinitionID(id); err != nil {
		return nil, err
	}
	const op = "get definition"
	ctx, leave, err := s.tasks.enter(ctx)
	if err != nil {
		return nil, failed(op, id, reads, err)
	}
	defer leave()
	now, err := s.definition(ctx, op, id)
	if err != nil {
		return nil, err
	}
	return now.Value, nil
}

// definition reads a definition.
func (s *Store) definition(ctx context.Context, op, id string) (*mvccpb.KeyValue, error) {
	answer, err := s.get(ctx, definitions+id)
	if err != nil {
		return nil, failed(op, id, reads, err)
	}
	if len(answer.Kvs) == 0 {
		return nil, &store.Error{Op: op, Key: id, Condition: store.ErrNotFound}
	}
	kv := answer.Kvs[0]
	if store.DefinitionID(kv.Value) != id {
		return nil, &store.ForeignError{Record: store.Record{Key: definitions + id, Left: store.Forever}}
	}
	return kv, nil
}
