package cluster_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/e2e/internal/account"
	"github.com/leasehold-go/leasehold/e2e/internal/horizon"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
)

const (
	limit     = 2 * time.Second  // of the first call while there is no quorum
	mostLimit = 20 * time.Second // of the later ones
	prompt    = 2 * time.Second  // that it may be late: a tenth of a second is the promise
)

// verbs are the calls of a store on a record that it holds.
var verbs = map[string]func(context.Context, store.Store, store.Token) error{
	"Create": func(ctx context.Context, st store.Store, _ store.Token) error {
		_, err := st.Create(ctx, claim("other", long))
		return err
	},
	"Renew": func(ctx context.Context, st store.Store, token store.Token) error {
		return st.Renew(ctx, []store.Renewal{{Key: "job", Token: token}})[0].Err
	},
	"Renew with a value": func(ctx context.Context, st store.Store, token store.Token) error {
		return st.Renew(ctx, []store.Renewal{{Key: "job", Token: token, Seq: 1, Value: []byte("second")}})[0].Err
	},
	"Update": func(ctx context.Context, st store.Store, token store.Token) error {
		return st.Update(ctx, store.Update{Key: "job", Token: token, Seq: 2, Value: []byte("third")})
	},
	"Delete": func(ctx context.Context, st store.Store, _ store.Token) error {
		return st.Delete(ctx, "other", store.ByNonce(store.NewNonce()))
	},
	"Get": func(ctx context.Context, st store.Store, _ store.Token) error {
		_, err := st.Get(ctx, "job")
		return err
	},
	"List": func(ctx context.Context, st store.Store, _ store.Token) error {
		for _, err := range st.List(ctx, "") {
			return err
		}
		return nil
	},
	"Watch": func(ctx context.Context, st store.Store, _ store.Token) error {
		for _, err := range st.Watch(ctx, "") {
			return err
		}
		return nil
	},
}

// Each verb says ErrNoQuorum sooner or later: a call can be under way when the quorum
// is lost, or be sent to a member that is. Each has more time than the last, so that it
// is enough on a busy machine, too.
func TestEveryVerbSaysThatTheQuorumIsLost(t *testing.T) {
	full.Only(t)
	each(t, removals, func(t *testing.T, r removal) {
		s := setScene(t)
		st := s.open(pinging)
		token := s.create(st, claim("job", long)).Token
		restore := s.loseQuorum(r)
		var all sync.WaitGroup
		for name, call := range verbs {
			all.Go(func() {
				t.Run(name, func(t *testing.T) { wantNoQuorum(t, func(ctx context.Context) error { return call(ctx, st, token) }) })
			})
		}
		all.Wait()
		restore()
		s.eventually("the record is renewed", func() bool {
			return st.Renew(t.Context(), []store.Renewal{{Key: "job", Token: token, Seq: 3, Value: []byte("fourth")}})[0].Err == nil
		})
		if r, err := s.open().Get(t.Context(), "job"); err != nil || r.Token != token || string(r.Value) != "fourth" {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

func wantNoQuorum(t *testing.T, call func(context.Context) error) {
	t.Helper()
	var err error
	tardy, limit := 0, limit
	for late := time.Now().Add(2 * patience); !errors.Is(err, etcdstore.ErrNoQuorum); time.Sleep(10 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		began := time.Now()
		err = call(ctx)
		took := time.Since(began)
		cancel()
		if took > limit+prompt {
			tardy++
		}
		if tardy > 2 { // one or two may have been because the machine stood still
			t.Fatalf("it came back after %v, its context ended after %v", took, limit)
		}
		if time.Now().After(late) {
			t.Fatalf("the last word is %v", err)
		}
		limit = min(limit+limit/2, mostLimit)
	}
	if !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrInDoubt) {
		t.Errorf("%v is neither unavailable nor in doubt", err)
	}
}

func TestAHolderLearnsOfALostQuorumBeforeItsTrustEnds(t *testing.T) {
	full.Only(t)
	const ttl = 12 * time.Second
	each(t, removals, func(t *testing.T, r removal) {
		s := setScene(t)
		h := &horizon.Store{Store: s.open()}
		learnt := make(chan time.Time, 1000)
		held := s.acquire(s.keep(h, lease.Config{TTL: ttl, Heartbeat: time.Second, OnRenew: func(b lease.RenewAttempt) {
			if errors.Is(b.Err, etcdstore.ErrNoQuorum) {
				learnt <- time.Now()
			}
		}}), 1)[0]
		restore := s.loseQuorum(r)
		trusted := s.lastTrusted(held)
		latest := h.Until().Add(-ttl / 100)
		if trusted.After(latest) {
			t.Errorf("still trusted %v after the window had ended", trusted.Sub(latest))
		}
		select {
		case at := <-learnt:
			if at.After(trusted) {
				t.Errorf("a heartbeat said so only %v after the trust ended", at.Sub(trusted))
			}
		default:
			t.Error("no heartbeat said so")
		}
		<-held.Done()
		if err := held.Err(); !errors.Is(err, lease.ErrExpired) || !errors.Is(err, store.ErrLost) {
			t.Errorf("the term ended with %v", err)
		}
		restore()
		next, err := s.succeed(s.keep(s.open(), lease.Config{TTL: long}), held.Key())
		if err != nil {
			t.Fatal(err)
		}
		if next.Token() <= held.Token() || held.Valid() {
			t.Errorf("token %d after %d, and the lost term is valid: %v", next.Token(), held.Token(), held.Valid())
		}
	})
}

// lastTrusted waits for the end of a term and returns the last instant at which it was
// seen to be valid.
func (s *scene) lastTrusted(held lease.Lease) (trusted time.Time) {
	s.Helper()
	s.eventually("the trust ends", func() bool {
		now := time.Now()
		if held.Valid() {
			trusted = now
			return false
		}
		return true
	})
	return trusted
}

// Nobody calls anything again: holder, waiter and watch go on by themselves.
func TestEverythingGoesOnWhenTheQuorumIsBack(t *testing.T) {
	full.Only(t)
	each(t, removals, func(t *testing.T, r removal) {
		s := setScene(t)
		var b beats
		cfg := lease.Config{TTL: long, Heartbeat: time.Second, OnRenew: b.on}
		held := s.acquire(s.keep(s.open(), cfg), 10)
		told := account.Keep(t, s.open(), "")
		cfg.OnRenew = nil
		waiter := s.keep(s.open(), cfg)
		waited := make(chan error, 1)
		go func() {
			_, err := s.succeed(waiter, held[0].Key())
			waited <- err
		}()
		told.Equals("at first", s.open())

		restore := s.loseQuorum(r)
		s.eventually("heartbeats say so", func() bool { return b.failedWith(etcdstore.ErrNoQuorum) >= len(held) })
		restore()
		b.all(s, "with a quorum again", len(held))
		s.wantHeld(held)
		for _, h := range held[1:] {
			if err := h.Update(t.Context(), []byte("third")); err != nil {
				t.Error(err)
			}
		}
		if err := held[0].Release(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-waited; err != nil {
			t.Errorf("the waiter: %v", err)
		}
		told.Equals("in the end", s.open())
	})
}
