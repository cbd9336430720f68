package etcd_test

import (
	"fmt"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
)

// The servers refuse each put on an etcd lease, and each keep-alive of it, to a user who may
// not write every key on it.
func TestARightThatIsTakenAwayCostsOnlyItsOwnRecord(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	secure(t, cluster.Client(), "app/", "tmp/", "leasehold:")
	root := cluster.Client(asUser("root", "secret"))
	other := otherProgram{t, root}
	st := open(t, cluster.Client(asUser("app", "secret")))
	var batch []store.Renewal
	add := func(key string) {
		t.Helper()
		grant, err := st.Create(t.Context(), claim(key, brief))
		if err != nil {
			t.Fatalf("create of %q: %v", key, err)
		}
		batch = append(batch, store.Renewal{Key: key, Token: grant.Token})
	}
	add("tmp/denied")
	for i := range 3 {
		add(fmt.Sprint("app/", i))
	}
	old := other.leaseOf("app/0")
	if _, err := root.RoleRevokePermission(t.Context(), "app", "tmp/", clientv3.GetPrefixRangeEnd("tmp/")); err != nil {
		t.Fatal(err)
	}
	add("app/created later")
	for began := time.Now(); time.Since(began) < 2*brief; time.Sleep(brief / 8) {
		for i, r := range st.Renew(t.Context(), batch) {
			if i == 0 {
				want(t, "renew of tmp/denied", r.Err, store.ErrUnavailable, etcdstore.ErrDenied)
			} else if r.Err != nil {
				if err := renewed(st, batch[i].Key, batch[i].Token); err != nil {
					t.Fatalf("renew of %q after %v: %v, then %v", batch[i].Key, time.Since(began), r.Err, err)
				}
			}
		}
	}
	if other.has("tmp/denied") {
		t.Error("the record that cannot be renewed has not ended")
	}
	for _, w := range batch[1:] {
		if !other.has(w.Key) || other.leaseOf(w.Key) == old {
			t.Errorf("%q is not on another etcd lease", w.Key)
		}
	}
}
