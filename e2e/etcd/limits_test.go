package etcd_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/internal/full"
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

// A watch takes one stream for as long as it lasts, and then there is none for requests.
func TestServersWithTooFewStreamsAreRefused(t *testing.T) {
	full.Only(t)
	t.Parallel()
	_, err := etcdstore.New(t.Context(), etcdtest.Start(t, etcdtest.Settings{Streams: 1}).Client())
	if refused := new(etcdstore.ServerError); !errors.As(err, &refused) || !errors.Is(err, store.ErrUnavailable) || !strings.Contains(refused.Rule, "--max-concurrent-streams") {
		t.Errorf("one stream: %v", err)
	}
}

// Watched keys share streams. Each hears of its record.
func TestAllCallsSucceedWithMoreWatchedKeysThanStreams(t *testing.T) {
	t.Parallel()
	const streams, watched = 20, 150
	b := start(t, etcdtest.Settings{Streams: streams})
	ctx, leave := context.WithCancel(t.Context())
	var watches sync.WaitGroup
	synced, heard := make(chan error, watched), make(chan error, watched)
	for i := range watched {
		watches.Go(func() {
			news := synced
			for e, err := range b.WatchKey(ctx, fmt.Sprintf("key/%05d", i)) {
				if err == nil && e.Kind == store.EventSynced {
					synced <- nil
					news = heard
				} else if err != nil || e.Kind == store.EventPut {
					news <- err
					return
				}
			}
		})
	}
	for range watched {
		want(t, "watch", <-synced)
	}
	batch := b.createMany("key", watched)
	for range watched {
		want(t, "event", <-heard)
	}
	b.allRenewed(batch, "", 0)
	b.allRenewed(batch, "second", 1)
	for i, err := range b.DeleteBatch(t.Context(), batch) {
		want(t, "delete of "+batch[i].Key, err)
	}
	leave()
	watches.Wait()
}

func TestAllCallsSucceedWithFourOperationsInATransaction(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{Operations: 4})
	batch := b.createMany("key", 40)
	b.allRenewed(batch, "", 0)
	b.allRenewed(batch, "second", 1)
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

// Each of the limits is far below the default. A value that does not fit costs its own call
// alone.
func TestSmallMessageLimitsCostOnlyTheValuesThatDoNotFit(t *testing.T) {
	t.Parallel()
	const limit = 64 << 10
	for name, c := range map[string]struct {
		settings etcdtest.Settings
		client   func(*clientv3.Config)
	}{
		"--max-request-bytes": {etcdtest.Settings{RequestBytes: limit}, func(*clientv3.Config) {}},
		"MaxCallSendMsgSize":  {etcdtest.Settings{}, func(cfg *clientv3.Config) { cfg.MaxCallSendMsgSize = limit }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := etcdtest.Start(t, c.settings)
			b := &bench{t, cluster, nil, otherProgram{t, cluster.Client()}, open(t, cluster.Client(c.client))}
			batch := b.createMany(strings.Repeat("k", 400), 300)
			b.allRenewed(batch, "", 0)
			b.allRenewed(batch, strings.Repeat("v", 2000), 1)
			first, huge := batch[0], strings.Repeat("v", 100<<10)
			unfit := claim("unfit", long)
			unfit.Value = []byte(huge)
			_, err := b.Create(t.Context(), unfit)
			for what, err := range map[string]error{
				"create": err,
				"update": b.update(first.Key, first.Ref.Token, 2, huge),
				"renew":  b.Renew(t.Context(), []store.Renewal{{Key: first.Key, Token: first.Ref.Token, Seq: 3, Value: []byte(huge)}})[0].Err,
			} {
				invalid := new(store.InvalidError)
				if !errors.As(err, &invalid) || invalid.What != "value" || !strings.Contains(invalid.Error(), "102400 bytes") || !strings.Contains(invalid.Rule, name) {
					t.Errorf("%s: %v", what, err)
				}
			}
			for range 2 { // so that the store has learned the limit
				b.allRenewed(batch, strings.Repeat("w", 2000), 4)
			}
			if n := b.count(""); n != 300 {
				t.Errorf("%d records are listed", n)
			}
			for i, err := range b.DeleteBatch(t.Context(), batch) {
				want(t, "delete of "+batch[i].Key, err)
			}
		})
	}
}

// A client can take less than others put. It then cannot read their values, and must not lose
// its own records.
func TestASmallLimitOfAnswersCostsOnlyTheValuesThatDoNotFit(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	b := &bench{t, cluster, nil, otherProgram{t, cluster.Client()}, open(t, cluster.Client(func(cfg *clientv3.Config) {
		cfg.MaxCallSendMsgSize, cfg.MaxCallRecvMsgSize = 16<<10, 16<<10
	}))}
	batch := b.createMany(strings.Repeat("k", 400), 150)
	b.allRenewed(batch, strings.Repeat("v", 2000), 1)
	huge := []byte(strings.Repeat("v", 100<<10))
	b.other.put("foreign", huge, store.Forever)
	_, err := b.Create(t.Context(), claim("foreign", long))
	want(t, "create under a foreign value", err, store.ErrUnavailable)
	peer := open(t, cluster.Client())
	c := claim("held", long)
	c.Value = huge
	if _, err := peer.Create(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	_, err = b.Create(t.Context(), claim("held", long))
	want(t, "create of a held key", err, store.ErrUnavailable)
	want(t, "delete by nonce", b.Delete(t.Context(), c.Key, store.ByNonce(c.Nonce)))
	if b.other.has(c.Key) {
		t.Error("a record with a large value was not deleted")
	}
	b.other.overwrite(batch[0].Key, huge)
	for i, r := range b.Renew(t.Context(), renewals(batch, "", 0)) {
		if i > 0 && r.Err != nil {
			t.Errorf("renew of %q: %v", batch[i].Key, r.Err)
		}
	}
	b.allRenewed(batch[1:], strings.Repeat("w", 2000), 2)
	b.other.delete(batch[0].Key)
	if n := b.count(strings.Repeat("k", 400)); n != 149 {
		t.Errorf("%d records are listed", n)
	}
	for i, err := range b.DeleteBatch(t.Context(), batch) {
		want(t, "delete of "+batch[i].Key, err)
	}
}

// allRenewed renews records, with a value unless it is empty.
func (b *bench) allRenewed(batch []store.Deletion, value string, seq uint64) {
	b.Helper()
	for i, r := range b.Renew(b.Context(), renewals(batch, value, seq)) {
		if r.Err != nil {
			b.Errorf("renew of %q: %v", batch[i].Key[max(len(batch[i].Key)-8, 0):], r.Err)
		}
	}
}
