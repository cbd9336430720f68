package etcdstore

import (
	"errors"
	"sync"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
)

const (
	// maxOps is a server's default limit of operations in a transaction. The operations
	// of transactions within it count.
	maxOps = 128
	// minOps is the smallest limit that the store works with: the end of a nonce has two
	// reads, and a transaction with one operation.
	minOps = 4
	// maxPairs is how many records one transaction reads.
	maxPairs = maxOps / 2
	// maxBytes bounds the weight of a transaction of several operations. A server's default
	// limit is one and a half MiB.
	maxBytes = 256 << 10
	// minBytes is the smallest bound that the store learns.
	minBytes = 4 << 10
)

// weight estimates the bytes of an operation in a transaction: the value, and the key with its
// prefixes in guards, puts and reads.
func weight(key string, value []byte) int { return len(value) + 8*(len(key)+40) }

// divisible reports whether err refuses a whole transaction for a reason that can lie in one
// of its items, so that the others succeed in a transaction of their own.
func divisible(err error) bool {
	if isTooLarge(err) {
		return true
	}
	var word rpctypes.EtcdError
	if !errors.As(err, &word) {
		return false
	}
	switch word.Code() {
	case codes.InvalidArgument, codes.NotFound, codes.PermissionDenied:
		return true
	}
	return false
}

// inParallel calls do for each item, for a few at a time, and returns when all calls have
// returned. A slow call, as on an etcd member that hangs, does not delay the others until
// there are maxSlow: a server that is only busy must not be given ever more work.
func inParallel[T any](items []T, do func(T)) {
	if len(items) == 1 {
		do(items[0])
		return
	}
	prompt, all := make(chan struct{}, parallel), make(chan struct{}, parallel+maxSlow)
	var calls sync.WaitGroup
	for _, item := range items {
		prompt <- struct{}{}
		all <- struct{}{}
		done := onceDoneOrSlow(func() { <-prompt })
		calls.Go(func() {
			do(item)
			done()
			<-all
		})
	}
	calls.Wait()
}

const (
	parallel = 4
	maxSlow  = 12
)

// response is the answer to one operation of a transaction.
type response struct{ *pb.ResponseOp }

// first returns the first key-value pair of a read, or nil.
func (r response) first() *mvccpb.KeyValue {
	if kvs := r.GetResponseRange().GetKvs(); len(kvs) > 0 {
		return kvs[0]
	}
	return nil
}

// inner returns the answers of a transaction within the transaction, and whether its
// comparisons succeeded.
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

// absent guards that there is no such name.
func absent(name string) clientv3.Cmp {
	return clientv3.Compare(clientv3.CreateRevision(name), "=", 0)
}

// createdAt guards a record and its note: both exist since that revision.
func createdAt(key string, revision int64) []clientv3.Cmp {
	return []clientv3.Cmp{
		clientv3.Compare(clientv3.CreateRevision(key), "=", revision),
		clientv3.Compare(clientv3.CreateRevision(noteOf(key)), "=", revision),
	}
}

// untouched guards a record and its note: neither was written, deleted or put on another
// etcd lease since that revision.
func untouched(key string, revision int64) []clientv3.Cmp {
	return []clientv3.Cmp{
		clientv3.Compare(clientv3.ModRevision(key), "=", revision),
		clientv3.Compare(clientv3.ModRevision(noteOf(key)), "=", revision),
	}
}
