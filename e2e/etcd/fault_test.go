package etcd_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/namespace"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
)

func (b *bench) update(key string, token store.Token, seq uint64, value string) error {
	return b.Update(b.Context(), store.Update{Key: key, Token: token, Seq: seq, Value: []byte(value)})
}

func TestABarePutOverARecordIsForeign(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	for name, put := range map[string]func(string){
		"without a lease":    func(key string) { b.other.put(key, []byte("first"), store.Forever) },
		"with another lease": func(key string) { b.other.put(key, []byte("first"), long) },
		"with its own lease": func(key string) { b.other.overwrite(key, []byte("first")) },
		"after a delete": func(key string) {
			b.other.delete(key)
			b.other.put(key, []byte("first"), long)
		},
	} {
		t.Run(name, func(t *testing.T) {
			grant := b.create(claim(name, long))
			put(name)
			want(t, "renew", b.renew(name, grant.Token).Err, store.ErrForeign)
			want(t, "update", b.update(name, grant.Token, 1, "ours"), store.ErrForeign)
			_, err := b.Create(b.Context(), claim(name, long))
			want(t, "create", err, store.ErrForeign)
			if err := b.Delete(b.Context(), name, store.ByToken(grant.Token)); err != nil {
				t.Error(err)
			}
			if value, _ := b.other.get(name); string(value) != "first" {
				t.Errorf("the foreign value became %q", value)
			}
		})
	}
}

// A record and a note that were written by hand are ours only if one transaction wrote both.
func TestARecordWrittenByHandIsForeign(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	b.create(claim("model", long))
	note, _ := b.other.get("leasehold:o:model")
	b.other.put("leasehold:o:key", note, long)
	b.other.put("key", []byte("by hand"), long)
	r, err := b.Get(b.Context(), "key")
	if err != nil || !r.Foreign() {
		t.Errorf("%+v, %v", r, err)
	}
	_, err = b.Create(b.Context(), claim("key", long))
	want(t, "create", err, store.ErrForeign)
}

func TestALargeBatchFindsRecordsThatOtherProgramsChanged(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	var batch []store.Renewal
	for i := range 600 {
		key := fmt.Sprintf("key/%04d", i)
		batch = append(batch, store.Renewal{Key: key, Token: b.create(claim(key, time.Minute)).Token})
	}
	check := func(when string, touched map[int]error) {
		t.Helper()
		for i, r := range b.Renew(b.Context(), batch) {
			if touched[i] == nil && r.Err != nil {
				t.Errorf("%s: %q: %v", when, batch[i].Key, r.Err)
			} else if touched[i] != nil {
				want(t, when, r.Err, touched[i])
			}
		}
	}
	check("untouched", nil)
	b.other.delete(batch[7].Key)
	b.other.put(batch[8].Key, []byte("first"), store.Forever)
	b.other.put(batch[599].Key, []byte("first"), long)
	time.Sleep(4 * time.Second) // until the list of attached keys is a sixteenth of the ttl old
	check("touched", map[int]error{7: store.ErrLost, 8: store.ErrForeign, 599: store.ErrForeign})
}

func TestAFullDatabaseIsReportedAndTheLeaseGoesOn(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{Quota: 8 << 20})
	grant := b.create(claim("key", 30*time.Second))
	other := b.create(claim("other", 30*time.Second))
	big := bytes.Repeat([]byte("v"), 1<<20)
	var err error
	seq := uint64(0)
	for seq < 100 && err == nil {
		seq++
		err = b.Update(b.Context(), store.Update{Key: "key", Token: grant.Token, Seq: seq, Value: big})
	}
	want(t, "update", err, store.ErrUnavailable, etcdstore.ErrNoSpace, rpctypes.ErrNoSpace)
	_, err = b.Create(b.Context(), claim("next", 30*time.Second))
	want(t, "create", err, store.ErrUnavailable, etcdstore.ErrNoSpace)
	if b.other.has("next") {
		t.Error("a create that was unavailable made a record")
	}
	if r := b.renew("key", grant.Token); r.Err != nil {
		t.Errorf("renew without a value: %v", r.Err)
	}
	r, err := b.Get(b.Context(), "key")
	if err != nil || r.Token != grant.Token {
		t.Errorf("get: %+v, %v", r, err)
	}
	if err := b.Delete(b.Context(), "other", store.ByToken(other.Token)); err != nil {
		t.Errorf("delete by token: %v", err)
	}
	want(t, "delete of a nonce that never came", b.Delete(b.Context(), "next", store.ByNonce(store.NewNonce())), store.ErrUnavailable, etcdstore.ErrNoSpace)
}

// The server applies the write that fills the database and answers that it has no space. The
// store's answer has to be true.
func TestTheWriteThatFillsTheDatabaseReportsItsEffect(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, etcdtest.Settings{Quota: 8 << 20})
	big := bytes.Repeat([]byte("v"), 256<<10)
	var all sync.WaitGroup
	for writer := range 16 { // with one writer each write is refused before it is applied
		all.Go(func() {
			for i := range 100 {
				c := claim(fmt.Sprint("key ", writer, " ", i), 30*time.Second)
				c.Value = big
				_, err := b.Create(b.Context(), c)
				if there := b.other.has(c.Key); there != (err == nil) {
					t.Errorf("create %q: %v, and the record is there: %v", c.Key, err, there)
				}
				if err != nil {
					want(t, "create", err, store.ErrUnavailable, etcdstore.ErrNoSpace)
					return
				}
			}
			t.Error("the database never filled")
		})
	}
	all.Wait()
}

func TestATTLBelowTheServersMinimumIsRefusedWithTheMinimum(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{Election: 2500 * time.Millisecond})
	least := b.Capabilities().MinTTL
	if least < 3*time.Second {
		t.Fatalf("the minimum is %v", least)
	}
	before := b.other.leases()
	_, err := b.Create(b.Context(), claim("key", least-time.Second))
	want(t, "create", err, store.ErrInvalid)
	if !strings.Contains(err.Error(), least.String()) {
		t.Errorf("%q does not name the minimum of %v", err, least)
	}
	if after := b.other.leases(); after != before {
		t.Errorf("%d etcd leases became %d", before, after)
	}
	b.create(claim("key", least))
}

// An operator can raise the servers' minimum, which follows from their election timeout.
func TestARaisedMinimumIsNoticedAndTheEtcdLeaseRevoked(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	b.cluster.Election = 2500 * time.Millisecond
	b.cluster.Restart()
	before := b.other.leases()
	_, err := b.Create(b.Context(), claim("key", 2*time.Second))
	want(t, "create", err, store.ErrInvalid)
	if least := b.Capabilities().MinTTL; least < 3*time.Second || !strings.Contains(err.Error(), least.String()) {
		t.Errorf("%q does not name the minimum, which is now known as %v", err, least)
	}
	if after := b.other.leases(); after != before {
		t.Errorf("%d etcd leases became %d", before, after)
	}
	b.create(claim("key", 5*time.Second))
}

// secure turns authentication on, with a user that may read and write under some prefixes.
func secure(t *testing.T, client *clientv3.Client, rights ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(client.UserAdd(ctx, "root", "secret"))
	must(client.UserGrantRole(ctx, "root", "root"))
	must(client.UserAdd(ctx, "app", "secret"))
	must(client.RoleAdd(ctx, "app"))
	for _, prefix := range rights {
		must(client.RoleGrantPermission(ctx, "app", prefix, clientv3.GetPrefixRangeEnd(prefix), clientv3.PermissionType(clientv3.PermReadWrite)))
	}
	must(client.UserGrantRole(ctx, "app", "app"))
	must(client.AuthEnable(ctx))
}

func asUser(name, password string) func(*clientv3.Config) {
	return func(cfg *clientv3.Config) { cfg.Username, cfg.Password = name, password }
}

func TestAUserNeedsItsKeysAndTheLibrarysNames(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	secure(t, cluster.Client(), "app/", "leasehold:")
	st := open(t, cluster.Client(asUser("app", "secret")))
	grant, err := st.Create(t.Context(), claim("app/key", long))
	if err != nil {
		t.Fatal(err)
	}
	if r := st.Renew(t.Context(), []store.Renewal{{Key: "app/key", Token: grant.Token, Seq: 1, Value: []byte("second")}})[0]; r.Err != nil {
		t.Error(r.Err)
	}
	_, err = st.Create(t.Context(), claim("theirs/key", long))
	want(t, "create", err, store.ErrUnavailable, etcdstore.ErrDenied, rpctypes.ErrPermissionDenied)
	_, err = st.Get(t.Context(), "theirs/key")
	want(t, "get", err, store.ErrUnavailable, etcdstore.ErrDenied)
	for _, prefix := range []string{"app/", "", "a"} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		for e, err := range st.Watch(ctx, prefix) {
			if err != nil {
				t.Errorf("watch of %q: %v", prefix, err)
			} else if e.Kind == store.EventPut {
				err = st.Update(ctx, store.Update{Key: "app/key", Token: grant.Token, Seq: 100, Value: []byte(prefix)})
				want(t, "update", err)
			}
			if e.Kind == store.EventSynced {
				break
			}
		}
		cancel()
	}
}

func TestAUserWithoutTheLibrarysNamesIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	secure(t, cluster.Client(), "app/")
	_, err := etcdstore.New(t.Context(), cluster.Client(asUser("app", "secret")))
	refused := new(etcdstore.ServerError)
	if !errors.As(err, &refused) {
		t.Fatalf("%v", err)
	}
	want(t, "new", err, etcdstore.ErrDenied, store.ErrUnavailable)
	if addr := cluster.Endpoints()[0]; !strings.Contains(err.Error(), "etcd server "+refused.Server+": "+refused.What+": "+refused.Rule+": ") || !strings.Contains(refused.Server, addr) {
		t.Errorf("%q does not say where, what and which rule: %+v", err, refused)
	}
}

// The client does not refuse missing credentials itself, as it does wrong ones.
func TestAClientWithoutCredentialsIsRefused(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	anonymous := cluster.Client()
	secure(t, anonymous)
	_, err := etcdstore.New(t.Context(), anonymous)
	want(t, "new", err, etcdstore.ErrDenied, store.ErrUnavailable)
	if refused := new(etcdstore.ServerError); !errors.As(err, &refused) || !strings.Contains(refused.Rule, "set Username and Password") {
		t.Error(err)
	}
}

func TestANamespaceOnAllInterfacesIsLikeAClusterOfItsOwn(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	other := otherProgram{t, cluster.Client()}
	client := cluster.Client()
	client.KV = namespace.NewKV(client.KV, "tenant/")
	client.Watcher = namespace.NewWatcher(client.Watcher, "tenant/")
	client.Lease = namespace.NewLease(client.Lease, "tenant/")
	st := open(t, client)
	if _, err := st.Create(t.Context(), claim("key", long)); err != nil {
		t.Fatal(err)
	}
	if !other.has("tenant/key") || other.has("key") {
		t.Error("the record is not in the namespace")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for e, err := range st.Watch(ctx, "") {
		switch {
		case err != nil:
			t.Fatal(err)
		case e.Kind == store.EventSynced:
			other.delete("tenant/key")
		case e.Kind == store.EventGone:
			return
		}
	}
}

func TestANamespaceOnOneInterfaceAloneIsRefused(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	client := cluster.Client()
	client.KV = namespace.NewKV(client.KV, "tenant/")
	_, err := etcdstore.New(t.Context(), client)
	if err == nil || !strings.Contains(err.Error(), "namespace") {
		t.Errorf("%v", err)
	}
	if refused := new(etcdstore.ServerError); !errors.As(err, &refused) || refused.What != "watch" || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("%v is not a refusal of servers that answer", err)
	}
}

func TestWatchErrIsSetWhileTheServerIsDown(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	eventually := func(what string, ok func(error) bool) {
		t.Helper()
		for late := time.Now().Add(60 * time.Second); !ok(b.WatchErr()); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(late) {
				t.Fatalf("%s: the watch error is %v", what, b.WatchErr())
			}
		}
	}
	isNil := func(err error) bool { return err == nil }
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	synced := make(chan store.EventKind, 100)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for e, err := range b.Watch(ctx, "") {
			if err == nil && e.Kind != store.EventPut {
				synced <- e.Kind
			}
		}
	}()
	<-synced
	if err := b.WatchErr(); err != nil {
		t.Errorf("while the server is up: the watch error is %v", err)
	}
	b.cluster.Member(0).Stop()
	eventually("while the server is down", func(err error) bool { return err != nil })
	b.cluster.Member(0).Restart()
	eventually("once the server is back", isNil)
	if kind := <-synced; kind != store.EventResync {
		t.Errorf("the watch went on with %v, want %v", kind, store.EventResync)
	}
	b.cluster.Member(0).Stop()
	eventually("while it is down again", func(err error) bool { return err != nil })
	cancel()
	<-ended
	eventually("when nobody watches", isNil)
}

// A watch goes on after revisions were compacted that it has not received.
func TestAWatchGoesOnAcrossCompactionAndDefragmentation(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	grant := b.create(claim("key", long))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	events := make(chan store.Event, 1000)
	ended := make(chan error, 1)
	go func() {
		for e, err := range b.Watch(ctx, "") {
			if err != nil {
				ended <- err
				return
			}
			events <- e
		}
	}()
	seen := func(what string, ok func(store.Event) bool) {
		t.Helper()
		for {
			select {
			case e := <-events:
				if ok(e) {
					return
				}
			case err := <-ended:
				t.Fatalf("%s: %v", what, err)
			case <-ctx.Done():
				t.Fatalf("%s: no such event", what)
			}
		}
	}
	seen("synced", func(e store.Event) bool { return e.Kind == store.EventSynced })
	for round := range uint64(3) {
		b.cluster.Pause() // the updates after the resume have revisions that the watch has not received
		b.conns.closeAll()
		b.cluster.Resume()
		for i := range uint64(20) {
			seq := round*100 + i + 1
			for b.update("key", grant.Token, seq, fmt.Sprint("value ", seq)) != nil {
				time.Sleep(20 * time.Millisecond)
			}
		}
		got, err := b.other.client.Get(ctx, "key")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.other.client.Compact(ctx, got.Header.Revision, clientv3.WithCompactPhysical()); err != nil {
			t.Fatal(err)
		}
		if _, err := b.other.client.Defragment(ctx, b.cluster.Endpoints()[0]); err != nil {
			t.Fatal(err)
		}
		last := fmt.Sprint("value ", round*100+20)
		seen(last, func(e store.Event) bool { return string(e.Record.Value) == last })
	}
}

func TestALostQuorumIsReportedAndTheLeaseGoesOnAfterIt(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, etcdtest.Settings{Members: 3})
	grant := b.create(claim("key", 5*time.Minute))
	b.cluster.Member(1).Kill()
	b.cluster.Member(2).Kill()
	began := time.Now()
	var err error
	for time.Since(began) < 90*time.Second && !errors.Is(err, rpctypes.ErrNoLeader) {
		ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
		err = b.Update(ctx, store.Update{Key: "key", Token: grant.Token, Seq: 1, Value: []byte("second")})
		cancel()
		if err == nil {
			t.Fatal("an update without a quorum succeeded")
		}
	}
	want(t, "update without a quorum", err, store.ErrUnavailable, etcdstore.ErrNoQuorum, rpctypes.ErrNoLeader)
	b.cluster.Member(1).Restart()
	for late := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if r := b.renew("key", grant.Token); r.Err == nil {
			return
		} else if time.Now().After(late) || errors.Is(r.Err, store.ErrLost) {
			t.Fatalf("renew with a quorum again: %v", r.Err)
		}
	}
}

// What a caller is told while nothing can be reached.
func TestACallWithoutAConnectionSaysSo(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	grant := b.create(claim("key", long))
	b.cluster.Stop()
	for name, call := range map[string]func(context.Context) error{
		"create": func(ctx context.Context) error { _, err := b.Create(ctx, claim("other", long)); return err },
		"renew": func(ctx context.Context) error {
			return b.Renew(ctx, []store.Renewal{{Key: "key", Token: grant.Token}})[0].Err
		},
		"update": func(ctx context.Context) error {
			return b.Update(ctx, store.Update{Key: "key", Token: grant.Token, Seq: 1, Value: []byte("second")})
		},
		"get": func(ctx context.Context) error { _, err := b.Get(ctx, "key"); return err },
		"delete": func(ctx context.Context) error {
			return b.Delete(ctx, "key", store.ByToken(grant.Token))
		},
	} {
		for late := time.Now().Add(time.Minute); ; { // the first call may find that a connection has ended
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			err := call(ctx)
			cancel()
			if strings.Contains(err.Error(), "no connection to an etcd server") && errors.Is(err, context.DeadlineExceeded) {
				break
			}
			if time.Now().After(late) {
				t.Errorf("%s: %v", name, err)
				break
			}
		}
	}
}
