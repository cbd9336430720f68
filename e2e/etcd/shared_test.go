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
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
)

// leaseOf returns the lease that a key is on.
func (s stranger) leaseOf(key string) clientv3.LeaseID {
	s.t.Helper()
	ctx, cancel := s.context()
	defer cancel()
	got, err := s.client.Get(ctx, key)
	if err != nil || len(got.Kvs) == 0 {
		s.t.Fatalf("%q: %v", key, err)
	}
	return clientv3.LeaseID(got.Kvs[0].Lease)
}

// leases returns how many leases there are that are not for marks, which have a day.
func (s stranger) leases() (short int) {
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

func (s stranger) revoke(id clientv3.LeaseID) {
	s.t.Helper()
	ctx, cancel := s.context()
	defer cancel()
	if _, err := s.client.Revoke(ctx, id); err != nil {
		s.t.Fatal(err)
	}
}

func (s stranger) keepAlive(id clientv3.LeaseID) {
	s.t.Helper()
	ctx, cancel := s.context()
	defer cancel()
	if _, err := s.client.KeepAliveOnce(ctx, id); err != nil {
		s.t.Fatal(err)
	}
}

func (s stranger) has(key string) bool {
	s.t.Helper()
	_, left := s.get(key)
	return left > 0
}

// bench is a cluster with a store on it, and a stranger beside.
type bench struct {
	testing.TB
	cluster *etcdtest.Cluster
	lines   *lines
	other   stranger
	*etcdstore.Store
}

func start(t testing.TB, s etcdtest.Settings) *bench {
	t.Helper()
	cluster := etcdtest.Start(t, s)
	l := new(lines)
	return &bench{t, cluster, l, stranger{t, cluster.Client()}, open(t, l.client(cluster))}
}

const (
	long  = time.Hour
	brief = 4 * time.Second // that a machine which is busy keeps
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

// kept renews a term, and asks again what the servers had no time to answer.
func kept(st store.Store, key string, token store.Token) (err error) {
	for range 20 {
		err = st.Renew(context.Background(), []store.Renewal{{Key: key, Token: token}})[0].Err
		if !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrInDoubt) {
			break
		}
	}
	return err
}

// want fails the test unless err is all of these.
func want(t testing.TB, what string, err error, all ...error) {
	t.Helper()
	for _, one := range all {
		if !errors.Is(err, one) {
			t.Errorf("%s: got %v, want: %v", what, err, one)
		}
	}
}

func TestRecordsOfOneTTLShareALease(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	for i := range 50 {
		b.create(claim(fmt.Sprint("key ", i), long))
	}
	b.create(claim("another ttl", 2*long))
	if n := b.other.leases(); n != 2 {
		t.Errorf("51 records of two ttls are on %d leases", n)
	}
}

// A shard that loses its last record while another is being put on it must not be given
// back: the record would go with it.
func TestAShardEmptiedWhileACreateIsInFlightKeepsTheRecord(t *testing.T) {
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
		if err := kept(b, next, grant.Token); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		if err := b.Delete(b.Context(), next, store.ByToken(grant.Token)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestARevokedLeaseIsALostTerm(t *testing.T) {
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
		t.Errorf("the old term: %v", r.Err)
	}
}

// A create must not fail, nor be in doubt, because an operator revoked the lease that
// the store was about to use.
func TestACreateOutlivesTheRevokeOfItsShard(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	b.create(claim("first", long))
	b.other.revoke(b.other.leaseOf("first"))
	grant := b.create(claim("second", long))
	if r := b.renew("second", grant.Token); r.Err != nil {
		t.Error(r.Err)
	}
}

// What shares a lease with others must not live on because they do.
func TestARecordThatNobodyRenewsDoesNotLiveOnWithTheOthers(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	b.create(claim("abandoned", brief))
	beside := b.create(claim("beside", brief))
	for began := time.Now(); time.Since(began) < 3*brief; time.Sleep(brief / 4) {
		if err := kept(b, "beside", beside.Token); err != nil {
			t.Fatal(err)
		}
	}
	if b.other.has("abandoned") {
		t.Error("a record that nobody has renewed for three ttls is still there")
	}
	if !b.other.has("beside") {
		t.Error("the record beside it is gone")
	}
}

// silently makes a call that gets no answer: the server is silent, and goes on when the
// call has been given up and its connection is cut.
func (b *bench) silently(call func(context.Context) error) {
	b.Helper()
	b.cluster.Pause()
	b.lines.cut() // or the request would be waiting when the server goes on
	ctx, cancel := context.WithTimeout(b.Context(), 50*time.Millisecond)
	defer cancel()
	if err := call(ctx); err == nil {
		b.Fatal("a call of a silent server succeeded")
	}
	b.cluster.Resume()
}

// keep renews a term until the server confirms that it is longer than it was.
func (b *bench) keep(key string, grant store.Grant) {
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

func TestADeleteThatWasNotConfirmedIsSettledBeforeTheLeaseIsRenewed(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	released := b.create(claim("released", 30*time.Second))
	kept := b.create(claim("kept", 30*time.Second))
	b.silently(func(ctx context.Context) error { return b.Delete(ctx, "released", store.ByToken(released.Token)) })
	b.keep("kept", kept)
	if b.other.has("released") {
		t.Error("the lease was renewed with a record on it that was to be deleted")
	}
}

// A holder that got no answer tries again. Others on its lease must not end its term
// meanwhile.
func TestARenewThatGotNoAnswerDoesNotEndTheTerm(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	unlucky := b.create(claim("unlucky", 30*time.Second))
	kept := b.create(claim("kept", 30*time.Second))
	time.Sleep(2 * time.Second) // so that the keep-alive is not recent any more
	b.silently(func(ctx context.Context) error {
		return b.Renew(ctx, []store.Renewal{{Key: "unlucky", Token: unlucky.Token}})[0].Err
	})
	b.keep("kept", kept)
	b.keep("unlucky", unlucky)
}

func TestAKeeperOfAThousandKeysReleasesHalf(t *testing.T) {
	full.Only(t)
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
				l, err := k.Acquire(b.Context(), fmt.Sprintf("key/%04d", i), []byte("value"))
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
		t.Errorf("a thousand keys are on %d leases", n)
	}
	for i := 0; i < len(held); i += 2 {
		if err := held[i].Release(b.Context()); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(5 * brief)
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

// A record that cannot be deleted any more must neither live on with the others nor end
// their terms.
func TestWhatCannotBeDeletedIsLeftBehindOnItsLease(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	secure(t, cluster.Client(), "app/", "tmp/", "leasehold:")
	root := cluster.Client(asUser("root", "secret"))
	other := stranger{t, root}
	st := open(t, cluster.Client(asUser("app", "secret")))
	terms := make(map[string]store.Token)
	for _, key := range []string{"app/a", "app/b", "tmp/stuck"} {
		grant, err := st.Create(t.Context(), claim(key, brief))
		if err != nil {
			t.Fatal(err)
		}
		terms[key] = grant.Token
	}
	old := other.leaseOf("app/a")
	if _, err := root.RoleRevokePermission(t.Context(), "app", "tmp/", clientv3.GetPrefixRangeEnd("tmp/")); err != nil {
		t.Fatal(err)
	}
	err := st.Delete(t.Context(), "tmp/stuck", store.ByToken(terms["tmp/stuck"]))
	want(t, "delete", err, store.ErrUnavailable, etcdstore.ErrDenied)
	for began := time.Now(); time.Since(began) < 3*brief; time.Sleep(brief / 6) {
		var both sync.WaitGroup
		for _, key := range []string{"app/a", "app/b"} { // one finds the lease left by the other
			both.Go(func() {
				if err := kept(st, key, terms[key]); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
	}
	if other.has("tmp/stuck") {
		t.Error("a record whose delete was refused is still there after three ttls")
	}
	for _, key := range []string{"app/a", "app/b"} {
		if !other.has(key) || other.leaseOf(key) == old {
			t.Errorf("%q has not moved", key)
		}
	}
	if r, err := st.Get(t.Context(), "app/a"); err != nil || r.Token != terms["app/a"] {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestTheMarksOfAKeyStayFew(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	b.create(claim("key:", long)) // whose mark begins as those of "key" would without their length
	last := b.busy("key")
	if b.marks("key:") != 1 {
		t.Error("another key's mark is gone")
	}
	_, err := b.Create(b.Context(), last)
	want(t, "the last create, come again", err, store.ErrEnded)
}

func TestANewKeyOnAnOldLeaseHasItsWholeTTL(t *testing.T) {
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
	if over := second.Until.Sub(asked.Add(ttl)); over > time.Second {
		t.Errorf("until is %v past the ttl", over)
	}
	if b.other.leaseOf("first") != b.other.leaseOf("second") {
		t.Error("they are on two leases")
	}
	for time.Now().Before(second.Until) {
		if !b.other.has("second") {
			t.Fatalf("gone %v before its time", time.Until(second.Until))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Nothing that the store itself calls shows the loss.
func TestAWatchNoticesALossOfDataByItself(t *testing.T) {
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
			t.Fatalf("told of %d: %v", gone, err)
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

func TestCloseGivesEmptyLeasesBackAndNoOthers(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	empty := b.create(claim("released", long))
	if err := b.Delete(b.Context(), "released", store.ByToken(empty.Token)); err != nil {
		t.Fatal(err)
	}
	b.create(claim("kept", 2*long))
	if n := b.other.leases(); n != 2 {
		t.Fatalf("%d leases", n)
	}
	b.Close()
	if n := b.other.leases(); n != 1 || !b.other.has("kept") {
		t.Errorf("after close %d leases are left; the record is there: %v", n, b.other.has("kept"))
	}
}

// A note whose record another program deleted must not stay for as long as the lease is
// kept alive.
func TestTheNoteOfADeletedRecordGoesWithTheNextKeepAlive(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	const ttl = 4 * time.Second
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

// Nobody can tell any more whose the record is, and it must not stay for as long as the
// lease is kept alive.
func TestALostNoteIsALostTermAndItsRecordGoes(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	const ttl = 4 * time.Second
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

// What comes late must find the revision moved, whatever the number of its value.
func TestALateWriteFindsTheRecordMovedOn(t *testing.T) {
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
