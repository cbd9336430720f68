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

// busy has a key created and deleted until the marks of what was before are gone. It
// returns the last claim.
func (b *bench) busy(key string) (last store.Claim) {
	b.Helper()
	late := time.Now().Add(30 * time.Second)
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

// doubtful has a create of st end in doubt, and returns what has its request arrive.
func doubtful(t *testing.T, p *post, st *etcdstore.Store, c store.Claim) (deliver func()) {
	t.Helper()
	deliver = p.delay("Txn")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := st.Create(ctx, c)
	want(t, "create", err, store.ErrInDoubt)
	return deliver
}

// A request can stand before a server for long, and a key can change hands often
// meanwhile.
func TestACreateThatIsLateFindsItsNonceEndedHoweverManyCameAfter(t *testing.T) {
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
			p := new(post)
			st := open(t, p.client(b.cluster))
			c := claim(name, long)
			deliver := doubtful(t, p, st, c)
			if err := end(st, c); err != nil {
				t.Fatal(err)
			}
			b.busy(name)
			deliver()
			if b.other.has(name) {
				t.Error("a create whose nonce was ended made a record")
			}
		})
	}
}

// A create that nobody settles must not hold its key for as long as its store has others
// to keep alive, whether its request comes before or after it was given up.
func TestACreateInDoubtThatNobodySettlesEnds(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	const ttl = brief
	for name, early := range map[string]bool{"comes before": true, "comes after": false} {
		p := new(post)
		st := open(t, p.client(b.cluster))
		beside, err := st.Create(t.Context(), claim("beside "+name, ttl))
		if err != nil {
			t.Fatal(err)
		}
		deliver := doubtful(t, p, st, claim(name, ttl))
		if early {
			deliver()
		}
		for began := time.Now(); time.Since(began) < 2*ttl; time.Sleep(ttl / 4) {
			if err := kept(st, "beside "+name, beside.Token); err != nil {
				t.Fatal(err)
			}
		}
		if !early {
			deliver()
		}
		if b.other.has(name) {
			t.Errorf("%s: the record of a create that nobody settled is there", name)
		}
	}
}

// A call may come when the time is over that the holder was told, and its record still be
// there, because the servers are late. Then either it is kept, or the term has ended: what
// is answered has to be so.
func TestACallThatComesTooLateIsToldTheTruth(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	const ttl = 4 * time.Second
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
			p := new(post)
			st := open(t, p.client(b.cluster))
			one := claim(name, ttl)
			if c.doubt {
				doubtful(t, p, st, one)()
			} else if _, err := st.Create(t.Context(), one); err != nil {
				t.Fatal(err)
			}
			over := time.Now().Add(ttl)
			time.Sleep(time.Until(over) - ttl/2)
			b.other.keepAlive(b.other.leaseOf(name)) // as a server that is late
			time.Sleep(time.Until(over) + ttl/8)
			r, _ := st.Get(t.Context(), name) // which keeps nothing alive
			until, err := c.call(st, one, r.Token)
			switch there := b.other.has(name); {
			case err == nil && !there && time.Now().Before(until):
				t.Errorf("it is good for %v more, and the record is gone", time.Until(until))
			case err != nil && there || err != nil && !errors.Is(err, store.ErrEnded) && !errors.Is(err, store.ErrLost):
				t.Errorf("got %v, and the record is there: %v", err, there)
			}
		})
	}
}

// A record has one end for the store that keeps it, however often its create came.
func TestACreateAgainThatEndsInDoubtLeavesTheTermAlone(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	p := new(post)
	st := open(t, p.client(b.cluster))
	c := claim("key", brief)
	grant, err := st.Create(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	p.lose("Txn")
	_, err = st.Create(t.Context(), c)
	want(t, "the create again", err, store.ErrInDoubt)
	p.behave()
	for began := time.Now(); time.Since(began) < 2*brief; time.Sleep(brief / 8) {
		if err := kept(st, "key", grant.Token); err != nil || !b.other.has("key") {
			t.Fatalf("after %v: %v", time.Since(began), err)
		}
	}
}

func TestAnAnswerThatComesLateDoesNotEndTheTermAfterIt(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	p := new(post)
	st := open(t, p.client(b.cluster))
	if _, err := st.Create(t.Context(), claim("beside", brief)); err != nil { // so that the leases are there
		t.Fatal(err)
	}
	answer := p.hold("Txn")
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		st.Create(t.Context(), claim("key", brief)) // what it says is of no use to anybody
	}()
	for !b.other.has("key") {
		time.Sleep(10 * time.Millisecond)
	}
	p.behave() // for the calls to come
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
		if err := kept(st, "key", next.Token); err != nil {
			t.Fatalf("after %v: %v", time.Since(began), err)
		}
	}
}

// However many creates are in doubt, they do not cost the others their lease, and what one
// keep-alive cannot get rid of the next goes on with.
func TestManyCreatesInDoubtAreSettledInAsManyTriesAsItTakes(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	p := new(post)
	b := &bench{TB: t, Store: open(t, p.client(cluster)), cluster: cluster}
	const ttl, doubted, atOnce = 12 * time.Second, 60, 15
	kept := b.create(claim("kept", ttl))
	p.lose("Txn")
	for i := range doubted {
		_, err := b.Create(b.Context(), claim(fmt.Sprint("key ", i), ttl))
		want(t, "create", err, store.ErrInDoubt)
	}
	p.behave()
	over := time.Now().Add(ttl) // then nobody wants them any more
	time.Sleep(time.Until(kept.Until) - ttl/2)
	if r := b.renew("kept", kept.Token); r.Err != nil {
		t.Fatal(r.Err)
	}
	time.Sleep(time.Until(over))
	tries := 0
	for settled := false; !settled; tries++ {
		p.ration("Txn", 2*atOnce) // to end a nonce takes two, one for its mark and one for its record
		r := b.renew("kept", kept.Token)
		settled = r.Err == nil
		if tries > 2*doubted/atOnce {
			t.Fatalf("not in %d tries: %v", tries, r.Err)
		}
	}
	if tries < doubted/atOnce {
		t.Errorf("renewed at try %d, before all that was in doubt was settled", tries)
	}
}

func TestCreatesAtOnceShareAGrant(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	p := new(post)
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
	time.Sleep(300 * time.Millisecond) // for those who would ask too; it makes nobody else late
	grant()
	all.Wait()
	if n := p.seen("LeaseGrant") - before; n != 1 {
		t.Errorf("64 creates at once had %d leases granted", n)
	}
}

// A record whose create was answered only after its lease was left must neither end with
// that lease nor keep it alive.
func TestACreateInFlightWhenItsLeaseIsLeftKeepsItsRecord(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	secure(t, cluster.Client(), "app/", "tmp/", "leasehold:")
	root := cluster.Client(asUser("root", "secret"))
	other := stranger{t, root}
	p := new(post)
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
	p.behave() // for the calls to come
	if _, err := root.RoleRevokePermission(t.Context(), "app", "tmp/", clientv3.GetPrefixRangeEnd("tmp/")); err != nil {
		t.Fatal(err)
	}
	want(t, "delete", st.Delete(t.Context(), "tmp/stuck", store.ByToken(stuck.Token)), store.ErrUnavailable)
	time.Sleep(ttl / 4)
	if _, err := st.Create(t.Context(), claim("app/next", ttl)); err != nil { // finds that the lease has to be left
		t.Fatal(err)
	}
	answer()
	token := <-tokens
	for began := time.Now(); time.Since(began) < 3*ttl; time.Sleep(ttl / 6) {
		if err := kept(st, "app/key", token); err != nil {
			t.Fatal(err)
		}
	}
	if other.has("tmp/stuck") {
		t.Error("the old lease was kept alive")
	}
	if !other.has("app/key") || other.leaseOf("app/key") == old {
		t.Error("the record is not on a lease of its own")
	}
}

// Whoever knows a token may renew, from any process.
func TestARecordRenewedByAnotherStoreIsItsAlone(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	heir := open(t, b.cluster.Client())
	const ttl = brief
	taken, beside := b.create(claim("taken", ttl)), b.create(claim("beside", ttl))
	for began := time.Now(); time.Since(began) < 3*ttl; time.Sleep(ttl / 4) {
		if err := errors.Join(kept(heir, "taken", taken.Token), kept(b, "beside", beside.Token)); err != nil {
			t.Fatalf("after %v: %v", time.Since(began), err)
		}
	}
	if b.other.leaseOf("taken") == b.other.leaseOf("beside") {
		t.Error("two stores keep one lease alive")
	}
	if err := kept(b, "taken", taken.Token); err != nil {
		t.Errorf("the first store, which knows another revision: %v", err)
	}
}

// What a process that has died held must not live on because another has taken over a
// part of it.
func TestALeaseIsNotKeptAliveByWhoTookOverOneOfItsRecords(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	heir := open(t, b.cluster.Client())
	const ttl = brief
	taken, repeated := b.create(claim("taken", ttl)), claim("repeated", ttl)
	b.create(repeated)
	b.create(claim("abandoned", ttl))
	if _, err := heir.Create(t.Context(), repeated); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); time.Since(began) < 3*ttl; time.Sleep(ttl / 4) {
		if r := heir.Renew(t.Context(), []store.Renewal{{Key: "taken", Token: taken.Token, Seq: 1, Value: []byte("second")}})[0]; r.Err != nil {
			t.Fatal(r.Err)
		}
		if _, err := heir.Create(t.Context(), repeated); err != nil {
			t.Fatal(err)
		}
	}
	if b.other.has("abandoned") || !b.other.has("taken") || !b.other.has("repeated") {
		t.Errorf("abandoned: %v, taken: %v, repeated: %v", b.other.has("abandoned"), b.other.has("taken"), b.other.has("repeated"))
	}
}

// The store that was asked last keeps the record alive, and none of them ends it.
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
		t.Errorf("the record was on %d leases", len(leases))
	}
	second.Close()
	b.Close()
	if !b.other.has("key") {
		t.Error("the record ended when a store was closed")
	}
}

func TestAStoreThatCreatesNothingLeavesNoLease(t *testing.T) {
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
	open(t, b.cluster.Client()).Close()
	if after := count(); after != before {
		t.Errorf("%d leases became %d", before, after)
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

// With authentication on, a stream costs the servers a comparison of passwords.
func TestAHeartbeatDoesNotAuthenticateEachTime(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	secure(t, cluster.Client(), "app/", "leasehold:")
	p := new(post)
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
		b.lines.cut()
		time.Sleep(200 * time.Millisecond)
		if _, err := b.Get(t.Context(), "key"); err != nil { // returns once there is a connection
			t.Fatal(err)
		}
		if r := b.renew("key", grant.Token); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
}

// The keep-alive of one caller serves others, who must not pay for his having given up.
func TestACallerThatGivesUpDoesNotFailTheOthers(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	const ttl = 20 * time.Second
	first, second := b.create(claim("first", ttl)), b.create(claim("second", ttl))
	time.Sleep(ttl / 12) // so that the keep-alive is not recent any more
	b.cluster.Pause()
	ctx, giveUp := context.WithCancel(t.Context())
	var both sync.WaitGroup
	both.Go(func() {
		r := b.Renew(ctx, []store.Renewal{{Key: "first", Token: first.Token}})[0]
		if r.Err == nil || errors.Is(r.Err, store.ErrLost) {
			t.Errorf("who gave up: %v", r.Err)
		}
	})
	time.Sleep(50 * time.Millisecond)
	both.Go(func() {
		if r := b.renew("second", second.Token); r.Err != nil || !r.Until.After(second.Until) {
			t.Errorf("who waited: until %v, %v", r.Until, r.Err)
		}
	})
	time.Sleep(50 * time.Millisecond)
	giveUp()
	time.Sleep(50 * time.Millisecond)
	b.cluster.Resume()
	both.Wait()
}
