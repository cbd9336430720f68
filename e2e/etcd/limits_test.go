package etcd_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/store"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
)

func TestServersWithTooFewOperationsInATransactionAreRefused(t *testing.T) {
	t.Parallel()
	for ops := 1; ops < 4; ops++ {
		_, err := etcdstore.New(t.Context(), etcdtest.Start(t, etcdtest.Settings{Operations: ops}).Client())
		if refused := new(etcdstore.ServerError); !errors.As(err, &refused) || errors.Is(err, store.ErrUnavailable) || !strings.Contains(refused.Rule, "at least 4 operations in a transaction: raise --max-txn-ops") {
			t.Errorf("%d operations: %v", ops, err)
		}
	}
}

func TestAllCallsSucceedWithFourOperationsInATransaction(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{Operations: 4})
	batch := b.createMany("key", 40)
	for i, r := range b.Renew(t.Context(), renewals(batch, "", 0)) {
		if r.Err != nil {
			t.Errorf("renew of %q: %v", batch[i].Key, r.Err)
		}
	}
	for i, r := range b.Renew(t.Context(), renewals(batch, "second", 1)) {
		if r.Err != nil {
			t.Errorf("renew of %q with a value: %v", batch[i].Key, r.Err)
		}
	}
	if n := b.count("key"); n != 40 {
		t.Errorf("%d records are listed", n)
	}
	want(t, "update", b.update(batch[0].Key, batch[0].Ref.Token, 2, "third"))
	c := claim("by nonce", long)
	b.create(c)
	want(t, "delete by nonce", b.Delete(t.Context(), c.Key, store.ByNonce(c.Nonce)))
	want(t, "delete of a nonce that never came", b.Delete(t.Context(), c.Key, store.ByNonce(store.NewNonce())))
	for i, err := range b.DeleteBatch(t.Context(), batch) {
		want(t, "delete of "+batch[i].Key, err)
	}
}
