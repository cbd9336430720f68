package etcd_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/e2e/internal/answered"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
)

// marks returns how many marks a key has.
func (b *bench) marks(key string) int64 {
	b.Helper()
	prefix := fmt.Sprintf("leasehold:n:%03d:%s:", len(key), key)
	got, err := b.other.client.Get(b.Context(), prefix, clientv3.WithPrefix(), clientv3.WithCountOnly())
	if err != nil {
		b.Fatal(err)
	}
	return got.Count
}

// churn creates and deletes a key until its earlier marks were dropped. It returns the last
// claim.
func (b *bench) churn(key string) (last store.Claim) {
	b.Helper()
	late := time.Now().Add(2 * time.Minute)
	for n := 0; n < 200 || b.marks(key) > 40; n++ {
		last = claim(key, long)
		grant := b.create(last)
		if err := b.Delete(b.Context(), key, store.ByToken(grant.Token)); err != nil {
			b.Fatal(err)
		}
		if time.Now().After(late) {
			b.Fatalf("%q has %d marks", key, b.marks(key))
		}
	}
	return last
}

// createInDoubt makes a create of st that ends in doubt. Then deliver sends its request.
func createInDoubt(t *testing.T, p *interceptor, st *etcdstore.Store, c store.Claim) (deliver func()) {
	t.Helper()
	begun, deliver := p.delay("Txn")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() {
		select {
		case <-begun:
			cancel()
		case <-ctx.Done():
		}
	}()
	_, err := st.Create(ctx, c)
	want(t, "create", err, store.ErrInDoubt)
	return deliver
}

// A request can be under way for long, and the key can have many holders meanwhile.
func TestALateCreateFindsItsNonceEndedAfterManyOthers(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	for name, end := range map[string]func(*etcdstore.Store, store.Claim) error{
		"by nonce": func(st *etcdstore.Store, c store.Claim) error {
			return st.Delete(t.Context(), c.Key, store.ByNonce(c.Nonce))
		},
		"by token, after it was repeated": func(st *etcdstore.Store, c store.Claim) error {
			grant, err := st.Create(t.Context(), c)
			if err != nil {
				return err
			}
			return st.Delete(t.Context(), c.Key, store.ByToken(grant.Token))
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := new(interceptor)
			st := open(t, p.client(b.cluster))
			c := claim(name, long)
			deliver := createInDoubt(t, p, st, c)
			if err := end(st, c); err != nil {
				t.Fatal(err)
			}
			b.churn(name)
			deliver()
			if b.other.has(name) {
				t.Error("a create made a record after its nonce was ended")
			}
		})
	}
}

// A create in doubt must not hold its key for as long as its store keeps other records alive,
// whether its request arrives before the store ends its nonce or after.
func TestACreateInDoubtEndsWithoutBeingSettled(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	const ttl = brief
	for name, early := range map[string]bool{"comes before": true, "comes after": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := new(interceptor)
			st := open(t, p.client(b.cluster))
			beside, err := st.Create(t.Context(), claim("beside "+name, ttl))
			if err != nil {
				t.Fatal(err)
			}
			deliver := createInDoubt(t, p, st, claim(name, ttl))
			if early {
				deliver()
			}
			for began := time.Now(); time.Since(began) < 2*ttl; time.Sleep(ttl / 4) {
				if err := renewed(st, "beside "+name, beside.Token); err != nil {
					t.Fatal(err)
				}
			}
			if !early {
				deliver()
			}
			if b.other.has(name) {
				t.Errorf("%s: the record of a create that was not settled is there", name)
			}
		})
	}
}

// If the servers are late a record can still exist after its until. A call that comes then
// either keeps the record or finds that the lease has ended, and its answer has to be true.
func TestALateCallReportsWhetherTheRecordIsKept(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	const ttl = 2 * brief
	again := func(st *etcdstore.Store, c store.Claim, _ store.Token) (time.Time, error) {
		grant, err := st.Create(t.Context(), c)
		return grant.Until, err
	}
	renew := func(st *etcdstore.Store, c store.Claim, token store.Token) (time.Time, error) {
		r := st.Renew(t.Context(), []store.Renewal{{Key: c.Key, Token: token}})[0]
		return r.Until, r.Err
	}
	for name, c := range map[string]struct {
		doubt bool
		call  func(*etcdstore.Store, store.Claim, store.Token) (time.Time, error)
	}{
		"a renew":                           {false, renew},
		"the create again":                  {false, again},
		"the create again, in doubt before": {true, again},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := new(interceptor)
			st := open(t, p.client(b.cluster))
			one := claim(name, ttl)
			if c.doubt {
				createInDoubt(t, p, st, one)()
			} else if _, err := st.Create(t.Context(), one); err != nil {
				t.Fatal(err)
			}
			over := time.Now().Add(ttl)
			time.Sleep(time.Until(over) - ttl/2)
			b.other.keepAlive(b.other.leaseOf(name)) // now the server drops the record late
			time.Sleep(time.Until(over) + ttl/8)
			r, _ := st.Get(t.Context(), name) // a read does not extend the record
			until, err := c.call(st, one, r.Token)
			switch there := b.other.has(name); {
			case err == nil && !there && time.Now().Before(until):
				t.Errorf("until is in %v, and the record is gone", time.Until(until))
			case err != nil && there || err != nil && !errors.Is(err, store.ErrEnded) && !errors.Is(err, store.ErrLost):
				t.Errorf("got %v, and the record is there: %v", err, there)
			}
		})
	}
}

// A repeated create does not give its record a second deadline in the store.
func TestARepeatedCreateInDoubtDoesNotEndTheLease(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	p := new(interceptor)
	st := open(t, p.client(b.cluster))
	c := claim("key", brief)
	grant, err := st.Create(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	p.lose("Txn")
	_, err = st.Create(t.Context(), c)
	want(t, "the create again", err, store.ErrInDoubt)
	p.clearRule()
	for began := time.Now(); time.Since(began) < 2*brief; time.Sleep(brief / 8) {
		if err := renewed(st, "key", grant.Token); err != nil || !b.other.has("key") {
			t.Fatalf("after %v: %v", time.Since(began), err)
		}
	}
}

func TestALateAnswerDoesNotEndTheNextLease(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	p := new(interceptor)
	st := open(t, p.client(b.cluster))
	if _, err := st.Create(t.Context(), claim("beside", brief)); err != nil { // so that the etcd leases are granted
		t.Fatal(err)
	}
	answer := p.hold("Txn")
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		st.Create(t.Context(), claim("key", brief)) // its answer does not matter
	}()
	for !b.other.has("key") {
		time.Sleep(10 * time.Millisecond)
	}
	p.clearRule() // the held call stays held
	r, err := b.Get(t.Context(), "key")
	if err == nil {
		err = b.Delete(t.Context(), "key", store.ByToken(r.Token))
	}
	if err != nil {
		t.Fatal(err)
	}
	next, err := st.Create(t.Context(), claim("key", brief))
	if err != nil {
		t.Fatal(err)
	}
	answer()
	<-answered
	for began := time.Now(); time.Since(began) < brief; time.Sleep(brief / 8) {
		if err := renewed(st, "key", next.Token); err != nil {
			t.Fatalf("after %v: %v", time.Since(began), err)
		}
	}
}

// Creates in doubt do not end the other records of their shared etcd lease, however many they
// are. If one keep-alive cannot settle all of them, the next one settles the rest.
func TestManyCreatesInDoubtAreSettledOverSeveralKeepAlives(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	p := new(interceptor)
	b := &bench{TB: t, Store: open(t, p.client(cluster)), cluster: cluster}
	const ttl, doubted, atOnce = 12 * time.Second, 60, 15
	kept := b.create(claim("kept", ttl))
	p.lose("Txn")
	for i := range doubted {
		_, err := b.Create(b.Context(), claim(fmt.Sprint("key ", i), ttl))
		want(t, "create", err, store.ErrInDoubt)
	}
	p.clearRule()
	over := time.Now().Add(ttl)                           // then they are leftovers
	for ; time.Until(over) > ttl/4; time.Sleep(ttl / 8) { // late enough for a busy machine to make the tries in time
		if err := renewed(b, "kept", kept.Token); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(time.Until(over))
	tries := 0
	for settled := false; !settled; tries++ {
		p.ration("Txn", 2*atOnce) // two for each nonce: its mark and its record
		r := b.renew("kept", kept.Token)
		settled = r.Err == nil
		if tries > 2*doubted/atOnce {
			t.Fatalf("not in %d tries: %v", tries, r.Err)
		}
	}
	if tries < doubted/atOnce {
		t.Errorf("renewed at try %d, before all creates in doubt were settled", tries)
	}
}

func TestConcurrentCreatesShareOneGrant(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	p := new(interceptor)
	st := open(t, p.client(cluster))
	before := p.seen("LeaseGrant")
	grant := p.hold("LeaseGrant")
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			if _, err := st.Create(t.Context(), claim(fmt.Sprint("key ", i), long)); err != nil {
				t.Error(err)
			}
		})
	}
	time.Sleep(300 * time.Millisecond) // time for the other creates to ask for a grant
	grant()
	all.Wait()
	if n := p.seen("LeaseGrant") - before; n != 2 {
		t.Errorf("64 concurrent creates made %d grants, want one for records and one for marks", n)
	}
}

// A create is answered after the store left its etcd lease. Its record must neither end with
// that etcd lease nor keep it alive.
func TestACreateInFlightKeepsItsRecordWhenItsEtcdLeaseIsLeft(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	secure(t, cluster.Client(), "app/", "tmp/", "leasehold:")
	root := cluster.Client(asUser("root", "secret"))
	other := otherProgram{t, root}
	p := new(interceptor)
	st := open(t, p.client(cluster, asUser("app", "secret")))
	const ttl = brief
	stuck, err := st.Create(t.Context(), claim("tmp/stuck", ttl))
	if err != nil {
		t.Fatal(err)
	}
	answer := p.hold("Txn")
	tokens := make(chan store.Token)
	go func() {
		grant, err := st.Create(t.Context(), claim("app/key", ttl))
		if err != nil {
			t.Error(err)
		}
		tokens <- grant.Token
	}()
	for !other.has("app/key") {
		time.Sleep(10 * time.Millisecond)
	}
	old := other.leaseOf("app/key")
	p.clearRule() // the held call stays held
	if _, err := root.RoleRevokePermission(t.Context(), "app", "tmp/", clientv3.GetPrefixRangeEnd("tmp/")); err != nil {
		t.Fatal(err)
	}
	want(t, "delete", st.Delete(t.Context(), "tmp/stuck", store.ByToken(stuck.Token)), store.ErrUnavailable)
	time.Sleep(ttl / 4)
	if _, err := st.Create(t.Context(), claim("app/next", ttl)); err != nil { // this keep-alive leaves the etcd lease
		t.Fatal(err)
	}
	answer()
	token := <-tokens
	for began := time.Now(); time.Since(began) < 2*ttl; time.Sleep(ttl / 6) {
		if err := renewed(st, "app/key", token); err != nil {
			t.Fatal(err)
		}
	}
	if other.has("tmp/stuck") {
		t.Error("the old etcd lease was kept alive")
	}
	if !other.has("app/key") || other.leaseOf("app/key") == old {
		t.Error("the record is not on another etcd lease")
	}
}

// Any process that knows the token may renew.
func TestARecordRenewedByAnotherStoreMovesToItsEtcdLease(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	second := open(t, b.cluster.Client())
	const ttl = brief
	taken, beside := b.create(claim("taken", ttl)), b.create(claim("beside", ttl))
	for began := time.Now(); time.Since(began) < 2*ttl; time.Sleep(ttl / 4) {
		if err := errors.Join(renewed(second, "taken", taken.Token), renewed(b, "beside", beside.Token)); err != nil {
			t.Fatalf("after %v: %v", time.Since(began), err)
		}
	}
	if b.other.leaseOf("taken") == b.other.leaseOf("beside") {
		t.Error("two stores keep one etcd lease alive")
	}
	if err := renewed(b, "taken", taken.Token); err != nil {
		t.Errorf("the first store, which knows another revision: %v", err)
	}
}

// The records of a process that died must not outlive their ttl because another process
// renews some of them.
func TestTakingOverARecordDoesNotKeepItsEtcdLeaseAlive(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	second := open(t, b.cluster.Client())
	const ttl = brief
	taken, repeated := b.create(claim("taken", ttl)), claim("repeated", ttl)
	b.create(repeated)
	b.create(claim("abandoned", ttl))
	if _, err := second.Create(t.Context(), repeated); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); time.Since(began) < 2*ttl; time.Sleep(ttl / 4) {
		_, err := answered.Acquire(t.Context(), func() (store.Grant, error) {
			r := second.Renew(t.Context(), []store.Renewal{{Key: "taken", Token: taken.Token, Seq: 1, Value: []byte("second")}})[0]
			if r.Err != nil {
				return store.Grant{}, r.Err
			}
			return second.Create(t.Context(), repeated)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if b.other.has("abandoned") || !b.other.has("taken") || !b.other.has("repeated") {
		t.Errorf("abandoned: %v, taken: %v, repeated: %v", b.other.has("abandoned"), b.other.has("taken"), b.other.has("repeated"))
	}
}

// The store of the last create keeps the record alive, and no store ends it.
func TestARepeatedCreateIsAnsweredByAnyStore(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	second := open(t, b.cluster.Client())
	c := claim("key", long)
	first := b.create(c)
	leases := make(map[clientv3.LeaseID]bool)
	for _, st := range []*etcdstore.Store{second, b.Store, second} {
		grant, err := st.Create(t.Context(), c)
		if err != nil || grant.Token != first.Token || grant.Until.Before(first.Until) {
			t.Fatalf("%+v after %+v, %v", grant, first, err)
		}
		leases[b.other.leaseOf("key")] = true
	}
	if len(leases) != 2 {
		t.Errorf("the record was on %d etcd leases", len(leases))
	}
	second.Close()
	b.Close()
	if !b.other.has("key") {
		t.Error("the record ended when a store was closed")
	}
}

func TestAStoreThatCreatesNothingLeavesNoEtcdLease(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	count := func() int {
		all, err := b.other.client.Leases(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(all.Leases)
	}
	before := count()
	idle := open(t, b.cluster.Client()) // its process could crash before it closes the store
	if after := count(); after != before {
		t.Errorf("%d etcd leases became %d", before, after)
	}
	idle.Close()
	if after := count(); after != before {
		t.Errorf("%d etcd leases became %d after close", before, after)
	}
	c := claim("key", 2*time.Second)
	st := open(t, b.cluster.Client())
	grant, err := st.Create(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "delete", st.Delete(t.Context(), "key", store.ByToken(grant.Token)))
	st.Close()
	_, err = b.Create(t.Context(), c)
	want(t, "the same create after its store was closed", err, store.ErrEnded)
}

func TestATTLThatNoServerGrantsIsRefused(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	for _, ttl := range []time.Duration{store.Forever, 150 * 365 * 24 * time.Hour} {
		_, err := b.Create(t.Context(), claim("key", ttl))
		want(t, "create", err, store.ErrInvalid)
		if !strings.Contains(fmt.Sprint(err), "at most") {
			t.Errorf("%v", err)
		}
	}
	b.create(claim("key", 99*365*24*time.Hour))
	if r, err := b.Get(t.Context(), "key"); err != nil || r.Foreign() {
		t.Errorf("%+v, %v", r, err)
	}
}

// With authentication on, each new stream costs the servers a comparison of passwords.
func TestAHeartbeatDoesNotAuthenticateEachTime(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	secure(t, cluster.Client(), "app/", "leasehold:")
	p := new(interceptor)
	st := open(t, p.client(cluster, asUser("app", "secret")))
	const ttl = 10 * time.Second
	grant, err := st.Create(t.Context(), claim("app/key", ttl))
	if err != nil {
		t.Fatal(err)
	}
	before, until := p.seen("Authenticate"), grant.Until
	for range 8 {
		time.Sleep(ttl / 10)
		r := st.Renew(t.Context(), []store.Renewal{{Key: "app/key", Token: grant.Token}})[0]
		if r.Err != nil || !r.Until.After(until) {
			t.Fatalf("until %v after %v: %v", r.Until, until, r.Err)
		}
		until = r.Until
	}
	if n := p.seen("Authenticate") - before; n > 1 { // the first opens the stream
		t.Errorf("8 heartbeats authenticated %d times", n)
	}
}

func TestAKeepAliveOutlivesItsConnection(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	grant := b.create(claim("key", 8*time.Second)) // so that half a second later the keep-alive is not recent any more
	for range 3 {
		time.Sleep(500 * time.Millisecond)
		b.conns.closeAll()
		time.Sleep(200 * time.Millisecond)
		if _, err := b.Get(t.Context(), "key"); err != nil { // returns once there is a connection
			t.Fatal(err)
		}
		if r := b.renew("key", grant.Token); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
}

// Callers share a keep-alive. It must not fail for the others when its caller gives up.
func TestACallerThatGivesUpDoesNotFailTheOthers(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	const ttl = 20 * time.Second
	first, second := b.create(claim("first", ttl)), b.create(claim("second", ttl))
	time.Sleep(ttl / 12) // until the last keep-alive is no longer recent
	b.cluster.Pause()
	ctx, giveUp := context.WithCancel(t.Context())
	var both sync.WaitGroup
	both.Go(func() {
		r := b.Renew(ctx, []store.Renewal{{Key: "first", Token: first.Token}})[0]
		if r.Err == nil || errors.Is(r.Err, store.ErrLost) {
			t.Errorf("the caller that gave up: %v", r.Err)
		}
	})
	time.Sleep(50 * time.Millisecond)
	both.Go(func() {
		if r := b.renew("second", second.Token); r.Err != nil || !r.Until.After(second.Until) {
			t.Errorf("the caller that waited: until %v, %v", r.Until, r.Err)
		}
	})
	time.Sleep(50 * time.Millisecond)
	giveUp()
	time.Sleep(50 * time.Millisecond)
	b.cluster.Resume()
	both.Wait()
}

// A mark that ends between the read and the delete of a trim is kept.
func TestATrimKeepsAMarkThatEndsMeanwhile(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	old := claim("key", long)
	grant := b.create(old)
	want(t, "delete", b.Delete(t.Context(), old.Key, store.ByToken(grant.Token)))
	p := new(interceptor)
	trimmer := open(t, p.client(b.cluster))
	trimmed := make(chan struct{})
	var once sync.Once
	p.setRule("Range", func(ctx context.Context, send func(context.Context) error) error {
		err := send(ctx)
		once.Do(func() {
			if err := b.Delete(t.Context(), old.Key, store.ByNonce(old.Nonce)); err != nil {
				t.Error(err)
			}
			close(trimmed)
		})
		return err
	})
	for read := false; !read || b.marks("key") > 40; {
		c := claim("key", long)
		grant, err := trimmer.Create(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "delete", trimmer.Delete(t.Context(), "key", store.ByToken(grant.Token)))
		select {
		case <-trimmed:
			read = true
		default:
		}
	}
	if mark, _ := b.other.get(markOf(old)); string(mark) != "2" {
		t.Errorf("the mark is %q", mark)
	}
	_, err := b.Create(t.Context(), old)
	want(t, "late create", err, store.ErrEnded)
}

// markOf returns the name of the mark of a claim's nonce.
func markOf(c store.Claim) string {
	return fmt.Sprintf("leasehold:n:%03d:%s:%v", len(c.Key), c.Key, c.Nonce)
}

// Another store does not know the ttl of the create.
func TestADeleteByNonceDoesNotShortenTheLifeOfItsMark(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	c := claim("key", 10*time.Hour)
	b.create(c)
	other := open(t, b.cluster.Client())
	want(t, "delete", other.Delete(t.Context(), c.Key, store.ByNonce(c.Nonce)))
	if mark, left := b.other.get(markOf(c)); string(mark) != "2" || left < 44*time.Hour {
		t.Errorf("mark %q has %v left", mark, left)
	}
	never := claim("key", 10*time.Hour)
	want(t, "delete of a nonce that never came", other.Delete(t.Context(), "key", store.ByNonce(never.Nonce)))
	if mark, left := b.other.get(markOf(never)); string(mark) != "2" || left < 24*time.Hour {
		t.Errorf("mark %q has %v left", mark, left)
	}
}

func TestAMarkIsEndedOnceAFullDatabaseHasSpaceAgain(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, etcdtest.Settings{Quota: 8 << 20})
	c := claim("key", long)
	b.create(c)
	fill := []byte(strings.Repeat("v", 1<<20))
	var err error
	for i := 0; i < 100 && err == nil; i++ {
		_, err = b.other.client.Put(t.Context(), fmt.Sprint("filling ", i), string(fill))
	}
	if err == nil {
		t.Fatal("the database never filled")
	}
	want(t, "delete by nonce", b.Delete(t.Context(), c.Key, store.ByNonce(c.Nonce)))
	if b.other.has(c.Key) {
		t.Error("the record is there")
	}
	deleted, err := b.other.client.Delete(t.Context(), "filling ", clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.other.client.Compact(t.Context(), deleted.Header.Revision, clientv3.WithCompactPhysical()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.other.client.Defragment(t.Context(), b.cluster.Endpoints()[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := b.other.client.AlarmDisarm(t.Context(), &clientv3.AlarmMember{}); err != nil {
		t.Fatal(err)
	}
	for late := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if mark, _ := b.other.get(markOf(c)); string(mark) == "2" {
			return
		} else if time.Now().After(late) {
			t.Fatalf("the mark is %q", mark)
		}
	}
}
