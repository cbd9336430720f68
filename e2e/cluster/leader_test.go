package cluster_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

const many = 1000 // terms of one keeper

func TestTermsOutliveTheirLeader(t *testing.T) {
	full.Only(t)
	each(t, removals, func(t *testing.T, r removal) {
		s := setScene(t)
		var b beats
		k := s.keep(s.open(), lease.Config{TTL: long, Heartbeat: time.Second, OnRenew: b.on,
			OnLoss: func(e *lease.LostError) { s.Error(e) }})
		held := s.acquire(k, many)
		for range 2 {
			old := s.Leader()
			r.remove(old)
			s.Leader()
			b.all(s, "under another leader", many)
			r.restore(old)
			b.all(s, "with the old leader back", many)
		}
		s.wantHeld(held)
		if err := k.Close(t.Context()); err != nil {
			t.Errorf("close: %v", err)
		}
		for r, err := range s.open().List(t.Context(), "") {
			t.Fatalf("after the release there is %+v, %v", r, err)
		}
	})
}

// wantHeld checks that the records of terms are just as their holders believe, by the
// word of each member.
func (s *scene) wantHeld(held []lease.Lease) {
	s.Helper()
	for i := range members {
		tokens := make(map[string]store.Token)
		for r, err := range s.open(of(s.Member(i).Endpoint())).List(s.Context(), "") {
			if err != nil {
				s.Fatal(err)
			}
			tokens[r.Key] = r.Token
		}
		for _, h := range held {
			if !h.Valid() || tokens[h.Key()] != h.Token() {
				s.Errorf("%q: valid %v with token %d, %v; member %d has token %d", h.Key(), h.Valid(), h.Token(), h.Err(), i, tokens[h.Key()])
			}
		}
		if len(tokens) != len(held) {
			s.Errorf("member %d has %d records, %d are held", i, len(tokens), len(held))
		}
	}
}

// A new leader lets every lease live on for a ttl from its election; never shorter.
func TestADeadHoldersRecordGoesUnderAnotherLeaderAndNeverEarly(t *testing.T) {
	full.Only(t)
	each(t, removals, func(t *testing.T, r removal) {
		s := setScene(t)
		other := s.Client()
		grant := s.create(s.open(), claim("job", 2*time.Second))
		r.remove(s.Leader())
		var seen time.Time
		s.eventually("the record is gone", func() bool {
			got, err := other.Get(t.Context(), "job", clientv3.WithSerializable())
			seen = time.Now()
			return err == nil && got.Count == 0
		})
		if seen.Before(grant.Until) {
			t.Errorf("gone %v before the end that the holder was told", grant.Until.Sub(seen))
		}
		next := s.create(s.open(of(s.Leader().Endpoint())), claim("job", long))
		if next.Token <= grant.Token {
			t.Errorf("token %d after %d", next.Token, grant.Token)
		}
	})
}

func TestAWaiterTakesOverUnderAnotherLeader(t *testing.T) {
	full.Only(t)
	each(t, removals, func(t *testing.T, r removal) {
		s := setScene(t)
		cfg := lease.Config{TTL: long, Heartbeat: time.Second}
		held := s.acquire(s.keep(s.open(), cfg), 1)[0]
		waiter := s.keep(s.open(), cfg)
		type result struct {
			lease.Lease
			err error
		}
		waited := make(chan result, 1)
		go func() {
			next, err := s.succeed(waiter, held.Key())
			waited <- result{next, err}
		}()
		old := s.Leader()
		r.remove(old)
		s.Leader()
		s.eventually("the release is confirmed", func() bool { return held.Release(t.Context()) == nil })
		released := time.Now()
		next := <-waited
		if next.err != nil {
			t.Fatal(next.err)
		}
		if took := time.Since(released); took > long/2 {
			t.Errorf("it took %v, with a ttl of %v", took, long)
		}
		if next.Token() <= held.Token() {
			t.Errorf("token %d after %d", next.Token(), held.Token())
		}
		r.restore(old)
	})
}

// All members are replaced, one after the other, by such as know nothing.
func TestATermOutlivesEveryMember(t *testing.T) {
	full.Only(t)
	t.Parallel()
	s := setScene(t)
	var b beats
	held := s.acquire(s.keep(s.open(), lease.Config{TTL: long, Heartbeat: time.Second, OnRenew: b.on}), 10)
	last := held[0].Token()
	for i := range members {
		s.Member(i).Kill()
		b.all(s, "without a member", len(held))
		s.Member(i).RestartEmpty()
		b.all(s, "with a new member", len(held))
		s.wantHeld(held)
		st := s.open(of(s.Member(i).Endpoint()))
		grant := s.create(st, claim("next", long))
		if grant.Token <= last {
			t.Errorf("token %d after %d", grant.Token, last)
		}
		last = grant.Token
		if err := st.Delete(t.Context(), "next", store.ByToken(last)); err != nil {
			t.Fatal(err)
		}
	}
	for _, h := range held {
		if err := h.Update(t.Context(), []byte("second")); err != nil {
			t.Error(err)
		}
	}
}

// A store that knows only one member says so while that is away, and goes on when it
// is back.
func TestAStoreOfOneMemberGoesOnWhenItIsBack(t *testing.T) {
	full.Only(t)
	each(t, map[string]removal{
		"killed":           removals["killed"],
		"paused":           removals["paused"],
		"without its data": {etcdtest.Member.Kill, etcdtest.Member.RestartEmpty},
	}, func(t *testing.T, r removal) {
		s := setScene(t)
		m := s.Member(1)
		st := s.open(of(m.Endpoint()))
		var b beats
		held := s.acquire(s.keep(st, lease.Config{TTL: long, Heartbeat: time.Second, OnRenew: b.on}), 10)
		r.remove(m)
		s.eventually("heartbeats fail", func() bool { return b.failedWith(store.ErrUnavailable)+b.failedWith(store.ErrInDoubt) >= len(held) })
		r.restore(m)
		b.all(s, "with the member back", len(held))
		s.wantHeld(held)
	})
}

// The leader that is cut off believes for a while that it leads, and so does a holder
// that knows no other member.
func TestAHolderOnALeaderThatIsCutOffGivesUpBeforeItsSuccessorComes(t *testing.T) {
	full.Only(t)
	t.Parallel()
	s := setScene(t)
	old := s.Leader()
	held := s.acquire(s.keep(s.open(of(old.Endpoint())), lease.Config{TTL: 3 * time.Second}), 1)[0]
	others := slices.DeleteFunc(s.Endpoints(), func(addr string) bool { return addr == old.Endpoint() })
	successor := s.keep(s.open(of(others...)), lease.Config{TTL: long})
	old.Pause()
	s.Leader()
	next, err := s.succeed(successor, held.Key())
	if held.Valid() {
		t.Error("two trust their terms")
	}
	if err != nil {
		t.Fatal(err)
	}
	old.Resume()
	<-held.Done()
	if err := held.Update(t.Context(), []byte("late")); !errors.Is(err, store.ErrLost) {
		t.Errorf("update: %v", err)
	}
	if err := held.Release(t.Context()); err != nil {
		t.Errorf("release: %v", err)
	}
	r, err := s.open(of(old.Endpoint())).Get(t.Context(), held.Key())
	if err != nil || r.Token != next.Token() || string(r.Value) != "second" || !next.Valid() {
		t.Errorf("%+v, %v; the successor has token %d, %v", r, err, next.Token(), next.Err())
	}
}

// A leader that was cut off, or stopped for a while, still confirms keep-alives when it comes back,
// until it hears of its successor, by whose clock the records expire.
func TestALeaderThatComesBackDoesNotProlongALease(t *testing.T) {
	full.Only(t)
	t.Parallel()
	s := setScene(t)
	const ttl = 6 * time.Second
	for round := range 6 { // in some of them it hears of its successor first
		old := s.Leader()
		st := s.open(of(old.Endpoint()))
		held := claim(store.NewNonce().String(), ttl)
		grant := s.create(st, held)
		old.Pause()
		client := s.Client(of(s.Leader().Endpoint()))
		time.Sleep(ttl / 2)
		resumed := make(chan struct{})
		time.AfterFunc(20*time.Millisecond, func() { // once the keep-alive is on its way
			defer close(resumed)
			old.Resume()
		})
		if round%2 == 0 {
			s.eventually("the lease is renewed, unless its term is over", func() bool {
				r := st.Renew(t.Context(), []store.Renewal{{Key: held.Key, Token: grant.Token}})[0]
				if errors.Is(r.Err, store.ErrLost) && !time.Now().Before(grant.Until) {
					return true // the machine stood still
				}
				if r.Err == nil {
					grant.Until = r.Until
				}
				return r.Err == nil
			})
		} else { // on the same etcd lease
			held.Key = store.NewNonce().String()
			grant = s.create(st, held)
		}
		<-resumed
		for now := time.Now(); now.Before(grant.Until); now = time.Now() {
			if got, err := client.Get(t.Context(), held.Key, clientv3.WithSerializable()); err == nil && got.Count == 0 {
				t.Fatalf("round %d: the record is gone %v before the end that its holder was told", round, grant.Until.Sub(now))
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// A leader that was stopped does not know of the etcd leases that were granted meanwhile, until it
// hears of its successor.
func TestALeaderThatComesBackDoesNotHideARecord(t *testing.T) {
	full.Only(t)
	t.Parallel()
	s := setScene(t)
	for round := range 8 { // in some of them it hears of its successor first
		old := s.Leader()
		st := s.open()
		old.Pause()
		held := claim(store.NewNonce().String(), long)
		grant := s.create(s.open(of(s.Leader().Endpoint())), held)
		var reads sync.WaitGroup
		for range 16 {
			reads.Go(func() {
				r, err := st.Get(t.Context(), held.Key)
				if err == nil && r.Token != grant.Token || err != nil && !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("round %d: token %d, want %d: %v", round, r.Token, grant.Token, err)
				}
			})
		}
		time.Sleep(500 * time.Millisecond) // until some reads ask the old leader for the time left
		old.Resume()
		reads.Wait()
	}
}
