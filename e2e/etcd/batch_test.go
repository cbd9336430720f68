package etcd_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/e2e/internal/answered"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
)

// createMany creates n keys under a prefix, concurrently.
func (b *bench) createMany(name string, n int) (batch []store.Deletion) {
	b.Helper()
	batch = make([]store.Deletion, n)
	var all sync.WaitGroup
	for part := range 64 {
		all.Go(func() {
			for i := part; i < n; i += 64 {
				key := fmt.Sprintf("%s/%05d", name, i)
				c := claim(key, long)
				grant, err := answered.Acquire(b.Context(), func() (store.Grant, error) { return b.Create(b.Context(), c) })
				if err != nil {
					b.Error(err)
					return
				}
				batch[i] = store.Deletion{Key: key, Ref: store.ByToken(grant.Token)}
			}
		})
	}
	all.Wait()
	return batch
}

func (b *bench) count(prefix string) (n int) {
	b.Helper()
	for _, err := range b.List(b.Context(), prefix) {
		if err != nil {
			b.Fatal(err)
		}
		n++
	}
	return n
}

func TestEachDeleteOfABatchHasItsOwnResult(t *testing.T) {
	t.Parallel()
	for name, ops := range map[string]int{"128 operations": 128, "20 operations": 20, "4 operations": 4} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t, etcdtest.Settings{Operations: ops})
			peer := open(t, b.cluster.Client())
			own := b.createMany("own", 300)
			batch := append([]store.Deletion{}, own...)
			gone := make(map[string]bool) // whether the key is empty afterwards
			add := func(key string, ref store.LeaseRef, empty bool) {
				batch = append(batch, store.Deletion{Key: key, Ref: ref})
				gone[key] = empty
			}
			theirs, err := peer.Create(t.Context(), claim("created by another store", long))
			if err != nil {
				t.Fatal(err)
			}
			add("created by another store", store.ByToken(theirs.Token), true)

			before := b.create(claim("of another lease", long))
			if err := peer.Delete(t.Context(), "of another lease", store.ByToken(before.Token)); err != nil {
				t.Fatal(err)
			}
			if _, err := peer.Create(t.Context(), claim("of another lease", long)); err != nil {
				t.Fatal(err)
			}
			add("of another lease", store.ByToken(before.Token), false)

			ended := b.create(claim("ended", long))
			b.other.delete("ended")
			add("ended", store.ByToken(ended.Token), true)

			foreign := b.create(claim("foreign", long))
			b.other.put("foreign", []byte("other"), store.Forever)
			add("foreign", store.ByToken(foreign.Token), false)

			byNonce := claim("by nonce", long)
			b.create(byNonce)
			add("by nonce", store.ByNonce(byNonce.Nonce), true)
			add("never created", store.ByNonce(store.NewNonce()), true)
			batch = append(batch, batch[0]) // twice
			batch = append(batch, store.Deletion{Key: "", Ref: store.ByToken(1)}, store.Deletion{Key: "no lease"})

			errs := b.DeleteBatch(t.Context(), batch)
			for i, err := range errs {
				if invalid := i >= len(batch)-2; invalid != errors.Is(err, store.ErrInvalid) || !invalid && err != nil {
					t.Errorf("%q: %v", batch[i].Key, err)
				}
			}
			if n := b.count("own/"); n != 0 {
				t.Errorf("%d of 300 records are still there", n)
			}
			for key, empty := range gone {
				if b.other.has(key) == empty {
					t.Errorf("%q is empty: %v, want %v", key, !empty, empty)
				}
			}
			if _, err := b.Create(t.Context(), byNonce); !errors.Is(err, store.ErrEnded) {
				t.Errorf("the create whose nonce was ended, again: %v", err)
			}
		})
	}
}

// The servers refuse the whole transaction because of one delete. The others still succeed.
func TestADeleteThatIsDeniedFailsAlone(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	secure(t, cluster.Client(), "app/", "leasehold:")
	b := &bench{t, cluster, nil, otherProgram{t, cluster.Client(asUser("root", "secret"))}, open(t, cluster.Client(asUser("app", "secret")))}
	batch := b.createMany("app", 200)
	batch[77].Key, batch[177].Key = "other/a", "other/b"
	for i, err := range b.DeleteBatch(t.Context(), batch) {
		if denied := i == 77 || i == 177; denied != errors.Is(err, store.ErrUnavailable) || !denied && err != nil {
			t.Errorf("%q: %v", batch[i].Key, err)
		}
	}
	if n := b.count("app/"); n != 2 {
		t.Errorf("%d records are there", n)
	}
}

// A write transaction adds one to the cluster's revision, so that the revision tells how many
// there were.
func TestTwentyThousandLeasesAreDeletedInFewTransactions(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	batch := b.createMany("key", 20_000)
	before := b.revision()
	for late := time.Now().Add(time.Minute); len(batch) > 0; {
		var again []store.Deletion // a busy machine answers late, and deletes in doubt may be repeated
		for i, err := range b.DeleteBatch(t.Context(), batch) {
			if errors.Is(err, store.ErrInDoubt) && time.Now().Before(late) {
				again = append(again, batch[i])
			} else if err != nil {
				t.Fatalf("%q: %v", batch[i].Key, err)
			}
		}
		batch = again
	}
	if n := b.revision() - before; n > 400 {
		t.Errorf("%d transactions", n)
	}
	if n := b.count("key/"); n != 0 {
		t.Errorf("%d records are there", n)
	}
}

// revision returns the cluster's revision.
func (b *bench) revision() int64 {
	b.Helper()
	answer, err := b.cluster.Client().Get(b.Context(), "key", clientv3.WithCountOnly())
	if err != nil {
		b.Fatal(err)
	}
	return answer.Header.Revision
}

// pauseFollower has a member hang that is not the leader, until the test ends.
func (b *bench) pauseFollower(members int) {
	b.Helper()
	leader := b.cluster.Leader()
	for i := range members {
		if m := b.cluster.Member(i); m.Endpoint() != leader.Endpoint() {
			m.Pause()
			b.Cleanup(m.Resume)
			return
		}
	}
	b.Fatal("there is no follower")
}

// The deletes that are sent to the etcd member that hangs are sent again to another.
func TestABatchOfDeletesSucceedsWhileAMemberHangs(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{Members: 3})
	b := &bench{t, cluster, nil, otherProgram{t, cluster.Client()}, open(t, cluster.Client())}
	batch := b.createMany("key", 2000)
	b.pauseFollower(3)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for i, err := range b.DeleteBatch(ctx, batch) {
		if err != nil {
			t.Fatalf("%q: %v", batch[i].Key, err)
		}
	}
}
