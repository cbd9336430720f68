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
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
)

// leaseOf returns the etcd lease that a key is on.
func (s otherProgram) leaseOf(key string) clientv3.LeaseID {
	s.t.Helper()
	ctx, cancel := s.context()
	defer cancel()
	got, err := s.client.Get(ctx, key)
	if err != nil || len(got.Kvs) == 0 {
		s.t.Fatalf("%q: %v", key, err)
	}
	return clientv3.LeaseID(got.Kvs[0].Lease)
}

// leases returns the number of etcd leases without those of marks, which have a longer ttl.
func (s otherProgram) leases() (short int) {
	s.t.Helper()
	ctx, cancel := s.context()
	defer cancel()
	all, err := s.client.Leases(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, l := range all.Leases {
		one, err := s.client.TimeToLive(ctx, l.ID)
		if err != nil {
			s.t.Fatal(err)
		}
		if 0 < one.GrantedTTL && one.GrantedTTL < 80_000 {
			short++
		}
	}
	return short
}

func (s otherProgram) revoke(id clientv3.LeaseID) {
	s.t.Helper()
	ctx, cancel := s.context()
	defer cancel()
	if _, err := s.client.Revoke(ctx, id); err != nil {
		s.t.Fatal(err)
	}
}

func (s otherProgram) keepAlive(id clientv3.LeaseID) {
	s.t.Helper()
	ctx, cancel := s.context()
	defer cancel()
	if _, err := s.client.KeepAliveOnce(ctx, id); err != nil {
		s.t.Fatal(err)
	}
}

func (s otherProgram) has(key string) bool {
	s.t.Helper()
	_, left := s.get(key)
	return left > 0
}

// bench is a cluster with a store and another program on it.
type bench struct {
	testing.TB
	cluster *etcdtest.Cluster
	conns   *connections
	other   otherProgram
	*etcdstore.Store
}

func start(t testing.TB, s etcdtest.Settings) *bench {
	t.Helper()
	cluster := etcdtest.Start(t, s)
	l := new(connections)
	return &bench{t, cluster, l, otherProgram{t, cluster.Client()}, open(t, l.client(cluster))}
}

const (
	long  = time.Hour
	brief = 6 * time.Second // long enough for a busy machine to renew in time
)

func claim(key string, ttl time.Duration) store.Claim {
	return store.Claim{Key: key, Value: []byte("first"), TTL: ttl, Nonce: store.NewNonce()}
}

func (b *bench) create(c store.Claim) store.Grant {
	b.Helper()
	grant, err := b.Create(b.Context(), c)
	if err != nil {
		b.Fatal(err)
	}
	return grant
}

func (b *bench) renew(key string, token store.Token) store.RenewResult {
	b.Helper()
	return b.Renew(b.Context(), []store.Renewal{{Key: key, Token: token}})[0]
}

// renewed renews a lease, and tries again while the servers do not answer.
func renewed(st store.Store, key string, token store.Token) (err error) {
	for range 20 {
		err = st.Renew(context.Background(), []store.Renewal{{Key: key, Token: token}})[0].Err
		if !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrInDoubt) {
			break
		}
	}
	return err
}

// want fails the test unless err is each of all.
func want(t testing.TB, what string, err error, all ...error) {
	t.Helper()
	for _, one := range all {
		if !errors.Is(err, one) {
			t.Errorf("%s: got %v, want: %v", what, err, one)
		}
	}
}

func TestRecordsOfOneTTLShareAnEtcdLease(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	for i := range 50 {
		b.create(claim(fmt.Sprint("key ", i), long))
	}
	b.create(claim("another ttl", 2*long))
	if n := b.other.leases(); n != 2 {
		t.Errorf("51 records of two ttls are on %d etcd leases", n)
	}
}

// A shared etcd lease must not be revoked if its last record is deleted while another create
// is in flight: the new record would be deleted with it.
func TestASharedLeaseEmptiedWhileACreateIsInFlightKeepsTheRecord(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	for i := range 100 {
		last := b.create(claim("last", brief))
		next := fmt.Sprint("next ", i)
		var both sync.WaitGroup
		both.Go(func() {
			if err := b.Delete(b.Context(), "last", store.ByToken(last.Token)); err != nil {
				t.Error(err)
			}
		})
		var grant store.Grant
		both.Go(func() {
			var err error
			if grant, err = b.Create(b.Context(), claim(next, brief)); err != nil {
				t.Error(err)
			}
		})
		both.Wait()
		if err := renewed(b, next, grant.Token); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		if err := b.Delete(b.Context(), next, store.ByToken(grant.Token)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestARevokedEtcdLeaseIsALostLease(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	grant := b.create(claim("key", long))
	b.other.revoke(b.other.leaseOf("key"))
	r := b.renew("key", grant.Token)
	want(t, "renew", r.Err, store.ErrLost, etcdstore.ErrLeaseGone)
	err := b.Update(b.Context(), store.Update{Key: "key", Token: grant.Token, Seq: 1, Value: []byte("late")})
	want(t, "update", err, store.ErrLost)
	if next := b.create(claim("key", long)); next.Token <= grant.Token {
		t.Errorf("token %d follows %d", next.Token, grant.Token)
	}
	if r := b.renew("key", grant.Token); !errors.Is(r.Err, store.ErrLost) {
		t.Errorf("the old lease: %v", r.Err)
	}
}

// A create must not fail, nor be in doubt, because an operator revoked the shared etcd lease
// that the store was about to use.
func TestACreateSucceedsAfterTheRevokeOfItsSharedLease(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	b.create(claim("first", long))
	b.other.revoke(b.other.leaseOf("first"))
	grant := b.create(claim("second", long))
	if r := b.renew("second", grant.Token); r.Err != nil {
		t.Error(r.Err)
	}
}

// The store deletes a record that is not renewed before it renews the shared etcd lease.
func TestARecordDoesNotOutliveItsTTLOnASharedLease(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	b.create(claim("abandoned", brief))
	beside := b.create(claim("beside", brief))
	for began := time.Now(); time.Since(began) < 2*brief; time.Sleep(brief / 4) {
		if err := renewed(b, "beside", beside.Token); err != nil {
			t.Fatal(err)
		}
	}
	if b.other.has("abandoned") {
		t.Error("a record that was not renewed for two ttls is still there")
	}
	if !b.other.has("beside") {
		t.Error("the record beside it is gone")
	}
}

// withoutAnswer makes a call that gets no answer: the server is paused until the call has
// ended.
func (b *bench) withoutAnswer(call func(context.Context) error) {
	b.Helper()
	b.cluster.Pause()
	b.conns.closeAll() // or the server would find the request when it goes on
	ctx, cancel := context.WithTimeout(b.Context(), 50*time.Millisecond)
	defer cancel()
	if err := call(ctx); err == nil {
		b.Fatal("a call of a paused server succeeded")
	}
	b.cluster.Resume()
}

// extend renews a lease until its until is later than that of the grant.
func (b *bench) extend(key string, grant store.Grant) {
	b.Helper()
	for late := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		r := b.renew(key, grant.Token)
		if r.Err == nil && r.Until.After(grant.Until) {
			return
		}
		if time.Now().After(late) {
			b.Fatalf("not renewed: %v", r.Err)
		}
	}
}

func TestAnUnconfirmedDeleteIsMadeBeforeTheNextKeepAlive(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	released := b.create(claim("released", 30*time.Second))
	kept := b.create(claim("kept", 30*time.Second))
	b.withoutAnswer(func(ctx context.Context) error { return b.Delete(ctx, "released", store.ByToken(released.Token)) })
	b.extend("kept", kept)
	if b.other.has("released") {
		t.Error("the shared etcd lease was renewed before the record was deleted")
	}
}

// A holder whose renew got no answer tries again. A renew of another record on the shared etcd
// lease must not delete its record meanwhile.
func TestARenewWithoutAnAnswerDoesNotEndTheLease(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	unlucky := b.create(claim("unlucky", 30*time.Second))
	kept := b.create(claim("kept", 30*time.Second))
	time.Sleep(2 * time.Second) // until the last keep-alive is no longer recent
	b.withoutAnswer(func(ctx context.Context) error {
		return b.Renew(ctx, []store.Renewal{{Key: "unlucky", Token: unlucky.Token}})[0].Err
	})
	b.extend("kept", kept)
	b.extend("unlucky", unlucky)
}

func TestAKeeperOfAThousandKeysReleasesHalf(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	k, err := lease.NewKeeper(b.Store, lease.Config{TTL: 2 * brief, Heartbeat: brief / 2})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close(context.Background())
	held := make([]lease.Lease, 1000)
	var all sync.WaitGroup
	for part := range 8 {
		all.Go(func() {
			for i := part; i < len(held); i += 8 {
				l, err := answered.Acquire(b.Context(), func() (lease.Lease, error) {
					return k.Acquire(b.Context(), fmt.Sprintf("key/%04d", i), []byte("value"))
				})
				if err != nil {
					t.Error(err)
					return
				}
				held[i] = l
			}
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	if n := b.other.leases(); n != 1 {
		t.Errorf("a thousand keys are on %d etcd leases", n)
	}
	for i := 0; i < len(held); i += 2 {
		if err := held[i].Release(b.Context()); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(3 * brief)
	n := 0
	for _, err := range b.List(b.Context(), "key/") {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 500 {
		t.Errorf("half of a thousand keys was released and %d are there", n)
	}
	for i := 1; i < len(held); i += 2 {
		if !held[i].Valid() {
			t.Fatalf("%s: %v", held[i].Key(), held[i].Err())
		}
	}
}

// A record that cannot be deleted any more must neither outlive its ttl nor end the other
// leases on its shared etcd lease.
func TestARecordThatCannotBeDeletedIsLeftOnItsEtcdLease(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	secure(t, cluster.Client(), "app/", "tmp/", "leasehold:")
	root := cluster.Client(asUser("root", "secret"))
	other := otherProgram{t, root}
	st := open(t, cluster.Client(asUser("app", "secret")))
	tokens := make(map[string]store.Token)
	for _, key := range []string{"app/a", "app/b", "tmp/stuck"} {
		grant, err := st.Create(t.Context(), claim(key, brief))
		if err != nil {
			t.Fatal(err)
		}
		tokens[key] = grant.Token
	}
	old := other.leaseOf("app/a")
	if _, err := root.RoleRevokePermission(t.Context(), "app", "tmp/", clientv3.GetPrefixRangeEnd("tmp/")); err != nil {
		t.Fatal(err)
	}
	err := st.Delete(t.Context(), "tmp/stuck", store.ByToken(tokens["tmp/stuck"]))
	want(t, "delete", err, store.ErrUnavailable, etcdstore.ErrDenied)
	for began := time.Now(); time.Since(began) < 2*brief; time.Sleep(brief / 6) {
		var both sync.WaitGroup
		for _, key := range []string{"app/a", "app/b"} { // one of them leaves the etcd lease, the other finds it left
			both.Go(func() {
				if err := renewed(st, key, tokens[key]); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
	}
	if other.has("tmp/stuck") {
		t.Error("a record whose delete was refused is still there after two ttls")
	}
	for _, key := range []string{"app/a", "app/b"} {
		if !other.has(key) || other.leaseOf(key) == old {
			t.Errorf("%q has not moved", key)
		}
	}
	if r, err := st.Get(t.Context(), "app/a"); err != nil || r.Token != tokens["app/a"] {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestTheMarksOfAKeyStayFew(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	b.create(claim("key:", long)) // without the length its mark would have the prefix of "key"
	last := b.churn("key")
	if b.marks("key:") != 1 {
		t.Error("another key's mark is gone")
	}
	_, err := b.Create(b.Context(), last)
	want(t, "the last create, repeated", err, store.ErrEnded)
}

// An ended mark stays however many marks come after it, and those around it go.
func TestATrimKeepsEndedMarks(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	var ended []store.Claim
	for range 5 {
		c := claim("key", long)
		ended = append(ended, c)
		want(t, "delete by nonce", b.Delete(t.Context(), c.Key, store.ByNonce(c.Nonce)))
	}
	b.churn("key")
	for _, c := range ended {
		_, err := b.Create(t.Context(), c)
		want(t, "late create", err, store.ErrEnded)
	}
}

func TestANewRecordOnAnOldSharedLeaseHasItsWholeTTL(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	const ttl = 8 * time.Second
	b.create(claim("first", ttl))
	time.Sleep(ttl / 2)
	asked := time.Now()
	second := b.create(claim("second", ttl))
	if short := asked.Add(ttl).Sub(second.Until); short > ttl/16 {
		t.Errorf("until is %v short of the ttl", short)
	}
	if over := time.Until(second.Until) - ttl; over > time.Second {
		t.Errorf("until is %v past the ttl", over)
	}
	if b.other.leaseOf("first") != b.other.leaseOf("second") {
		t.Error("they are on two etcd leases")
	}
	for time.Now().Before(second.Until) {
		if !b.other.has("second") {
			t.Fatalf("gone %v before its time", time.Until(second.Until))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// No call of the store other than the watch's own shows the loss.
func TestAWatchNoticesALossOfDataWithoutOtherCalls(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	for i := range 50 {
		b.create(claim(fmt.Sprint("key ", i), long)) // so that the new revisions are smaller
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	gone := 0
	for e, err := range b.Watch(ctx, "") {
		switch {
		case err != nil:
			t.Fatalf("after %d events: %v", gone, err)
		case e.Kind == store.EventSynced && gone == 0:
			b.cluster.RestartEmpty()
		case e.Kind == store.EventGone:
			gone++
		}
		if gone == 50 {
			return
		}
	}
}

func TestCloseRevokesOnlyEmptySharedLeases(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	empty := b.create(claim("released", long))
	if err := b.Delete(b.Context(), "released", store.ByToken(empty.Token)); err != nil {
		t.Fatal(err)
	}
	b.create(claim("kept", 2*long))
	if n := b.other.leases(); n != 2 {
		t.Fatalf("%d etcd leases", n)
	}
	b.Close()
	if n := b.other.leases(); n != 1 || !b.other.has("kept") {
		t.Errorf("after close %d etcd leases are left; the record is there: %v", n, b.other.has("kept"))
	}
}

// A note whose record another program deleted must not outlive its ttl on a shared etcd lease.
func TestTheNoteOfADeletedRecordIsDeletedBeforeTheNextKeepAlive(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	const ttl = brief
	deleted, kept := b.create(claim("deleted", ttl)), b.create(claim("kept", ttl))
	b.other.delete("deleted")
	want(t, "renew", b.renew("deleted", deleted.Token).Err, store.ErrLost)
	time.Sleep(ttl / 4)
	if r := b.renew("kept", kept.Token); r.Err != nil {
		t.Fatal(r.Err)
	}
	if b.other.has("leasehold:o:deleted") || !b.other.has("leasehold:o:kept") {
		t.Error("the note is still there")
	}
}

// A record without its note is foreign. It must not outlive its ttl on a shared etcd lease.
func TestARecordWithoutItsNoteIsForeignAndDeletedBeforeTheNextKeepAlive(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	const ttl = brief
	robbed, kept := b.create(claim("robbed", ttl)), b.create(claim("kept", ttl))
	b.other.delete("leasehold:o:robbed")
	want(t, "renew", b.renew("robbed", robbed.Token).Err, store.ErrForeign)
	want(t, "update", b.update("robbed", robbed.Token, 1, "late"), store.ErrForeign)
	time.Sleep(ttl / 4)
	if r := b.renew("kept", kept.Token); r.Err != nil {
		t.Fatal(r.Err)
	}
	if b.other.has("robbed") {
		t.Error("the record is still there")
	}
}

// The store knows the revision of its own last write only. After another store's write it reads
// the record again, and compares the number of the value.
func TestAnOlderWriteIsStaleAndANewerOneSucceeds(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	grant := b.create(claim("key", 30*time.Second))
	peer := open(t, b.cluster.Client())
	if err := peer.Update(t.Context(), store.Update{Key: "key", Token: grant.Token, Seq: 2, Value: []byte("newer")}); err != nil {
		t.Fatal(err)
	}
	want(t, "an older update", b.update("key", grant.Token, 1, "older"), store.ErrStale)
	if err := b.update("key", grant.Token, 3, "newest"); err != nil {
		t.Error(err)
	}
	if value, _ := b.other.get("key"); string(value) != "newest" {
		t.Errorf("%q", value)
	}
}

// The terms of a cluster that was restored from a backup with larger revisions begin again.
func TestAStoreGoesOnWhenTheTermsBeginAgain(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	for range 5 { // each has an election
		b.cluster.Restart()
	}
	client := b.cluster.Client()
	eventually := func(what string, ok func() error) {
		t.Helper()
		for late := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			err := ok()
			if err == nil {
				return
			}
			if time.Now().After(late) {
				t.Fatalf("%s: %v", what, err)
			}
		}
	}
	put := func() error {
		_, err := client.Put(b.Context(), "other", "value")
		return err
	}
	eventually("after the restarts", put)
	var grant store.Grant
	create := func(key string) {
		t.Helper()
		eventually("create", func() (err error) {
			grant, err = b.Create(b.Context(), claim(key, brief))
			return err
		})
	}
	create("before")
	before, err := client.Status(b.Context(), b.cluster.Endpoints()[0])
	if err != nil {
		t.Fatal(err)
	}
	b.cluster.RestartEmpty()
	for range before.Header.Revision + 10 {
		eventually("with no data", put)
	}
	create("after")
	for range 3 {
		time.Sleep(brief / 8) // until the last keep-alive is no longer recent
		eventually("renew", func() error {
			r := b.Renew(b.Context(), []store.Renewal{{Key: "after", Token: grant.Token}})[0]
			if errors.Is(r.Err, store.ErrLost) {
				t.Fatal(r.Err)
			}
			return r.Err
		})
	}
	after, err := client.Status(b.Context(), b.cluster.Endpoints()[0])
	if err != nil || after.Header.RaftTerm >= before.Header.RaftTerm || after.Header.Revision <= before.Header.Revision {
		t.Errorf("terms %d and %d, revisions %d and %d: %v", before.Header.RaftTerm, after.Header.RaftTerm, before.Header.Revision, after.Header.Revision, err)
	}
}
