package etcd_test

import (
	"errors"
	"fmt"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
)

// The store sends the operations of concurrent calls as transactions within one
// transaction. It relies on these properties of the server.
func TestTransactionsWithinATransaction(t *testing.T) {
	t.Parallel()
	client := etcdtest.Start(t, etcdtest.Settings{}).Client()
	lease, err := client.Grant(t.Context(), 60)
	if err != nil {
		t.Fatal(err)
	}
	on := clientv3.WithLease(lease.ID)
	absent := func(key string) []clientv3.Cmp {
		return []clientv3.Cmp{clientv3.Compare(clientv3.CreateRevision(key), "=", 0)}
	}
	create := func(key string, with ...clientv3.OpOption) clientv3.Op {
		return clientv3.OpTxn(absent(key), []clientv3.Op{
			clientv3.OpPut(key, "value", with...), clientv3.OpPut("note "+key, "value", with...), clientv3.OpPut("mark "+key, "value", with...),
		}, []clientv3.Op{clientv3.OpGet(key)})
	}
	count := func() int64 {
		got, err := client.Get(t.Context(), "", clientv3.WithPrefix(), clientv3.WithCountOnly())
		if err != nil {
			t.Fatal(err)
		}
		return got.Count
	}

	t.Run("each item has its own answer and one revision", func(t *testing.T) {
		var ops []clientv3.Op
		for i := range 125 {
			ops = append(ops, create(fmt.Sprint("key ", i), on))
		}
		if _, err := client.Txn(t.Context()).Then(ops[5]).Commit(); err != nil {
			t.Fatal(err)
		}
		answer, err := client.Txn(t.Context()).Then(ops...).Commit()
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range answer.Responses {
			if got := r.GetResponseTxn().Succeeded; got != (i != 5) {
				t.Errorf("item %d succeeded: %v", i, got)
			}
		}
		got, err := client.Get(t.Context(), "key 123")
		if err != nil || got.Kvs[0].CreateRevision != answer.Header.Revision {
			t.Errorf("%+v, %v; the transaction has revision %d", got, err, answer.Header.Revision)
		}
	})
	t.Run("items and the operations of the largest count together", func(t *testing.T) {
		var ops []clientv3.Op
		for i := range 126 {
			ops = append(ops, create(fmt.Sprint("more ", i)))
		}
		before := count()
		if _, err := client.Txn(t.Context()).Then(ops...).Commit(); !errors.Is(err, rpctypes.ErrTooManyOps) {
			t.Errorf("126 items of 3 operations: %v", err)
		}
		if _, err := client.Txn(t.Context()).Then(ops[:125]...).Commit(); err != nil {
			t.Errorf("125 items of 3 operations: %v", err)
		}
		if got := count() - before; got != 3*125 {
			t.Errorf("%d keys were made", got)
		}
	})
	t.Run("comparisons see the state before the transaction", func(t *testing.T) {
		answer, err := client.Txn(t.Context()).Then(
			create("first"),
			clientv3.OpTxn(absent("first"), []clientv3.Op{clientv3.OpPut("second", "value")}, nil),
			clientv3.OpGet("first"),
		).Commit()
		if err != nil {
			t.Fatal(err)
		}
		if !answer.Responses[1].GetResponseTxn().Succeeded {
			t.Error("the second comparison saw the first put")
		}
		if answer.Responses[2].GetResponseRange().Count != 1 {
			t.Error("the read did not see the put before it")
		}
	})
	t.Run("a key in two items refuses all", func(t *testing.T) {
		before := count()
		_, err := client.Txn(t.Context()).Then(create("twice"), create("beside"), create("twice")).Commit()
		if !errors.Is(err, rpctypes.ErrDuplicateKey) || count() != before {
			t.Errorf("%v, and %d keys were made", err, count()-before)
		}
	})
	t.Run("a lease that is gone refuses all", func(t *testing.T) {
		before := count()
		_, err := client.Txn(t.Context()).Then(create("on a lease", on), create("on no lease", clientv3.WithLease(7))).Commit()
		if !errors.Is(err, rpctypes.ErrLeaseNotFound) || count() != before {
			t.Errorf("%v, and %d keys were made", err, count()-before)
		}
	})
	t.Run("a branch that is not taken is not looked at", func(t *testing.T) {
		_, err := client.Txn(t.Context()).Then(create("taken"), create("first", clientv3.WithLease(7))).Commit()
		if err != nil {
			t.Errorf("a put on a lease that is gone, in the other branch: %v", err)
		}
	})
}
