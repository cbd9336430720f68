package etcdstore

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	// maxOps is how many operations a server takes in one transaction unless it
	// was told otherwise, those of the transactions within it included.
	maxOps = 128
	// maxPairs is how many records are read in one.
	maxPairs = maxOps / 2
	// maxGuarded is how many guarded writes are sent in one: each takes one
	// operation, and the longest of them three more.
	maxGuarded = maxOps - 4
	// maxBytes is the size of the values past which no further write is put in
	// a transaction; a server takes one and a half MiB in all.
	maxBytes = 256 << 10
)

// response is the answer to one operation of a transaction.
type response struct{ *pb.ResponseOp }

// first returns the first pair of a read, or nil.
func (r response) first() *mvccpb.KeyValue {
	if kvs := r.GetResponseRange().GetKvs(); len(kvs) > 0 {
		return kvs[0]
	}
	return nil
}

// inner returns the answers of a transaction within, and which branch it took.
func (r response) inner() (bool, []response) {
	txn := r.GetResponseTxn()
	return txn.GetSucceeded(), wrap(txn.GetResponses())
}

func wrap(all []*pb.ResponseOp) []response {
	wrapped := make([]response, len(all))
	for i, r := range all {
		wrapped[i] = response{r}
	}
	return wrapped
}

// commit sends a transaction once. The client does not send one again either, unless
// it is certain that it did not arrive.
func (s *Store) commit(ctx context.Context, guards []clientv3.Cmp, then, otherwise []clientv3.Op) (*clientv3.TxnResponse, []response, error) {
	before, _ := s.history.now()
	answer, err := s.client.Txn(ctx).If(guards...).Then(then...).Else(otherwise...).Commit()
	if err != nil {
		return nil, nil, cause(ctx, err)
	}
	s.history.saw(before, answer.Header.Revision)
	return answer, wrap(answer.Responses), nil
}

func absent(name string) clientv3.Cmp {
	return clientv3.Compare(clientv3.CreateRevision(name), "=", 0)
}

// untouched guards a record and its note: neither was written, deleted or put on
// another lease since that revision.
func untouched(key string, revision int64) []clientv3.Cmp {
	return []clientv3.Cmp{
		clientv3.Compare(clientv3.ModRevision(key), "=", revision),
		clientv3.Compare(clientv3.ModRevision(noteOf(key)), "=", revision),
	}
}
