package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/e2e/internal/account"
	"github.com/leasehold-go/leasehold/e2e/network"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
)

// writer makes random changes to some keys of its own.
type writer struct {
	*scene
	store  store.Store
	prefix string
	held   map[string]*store.Renewal
	n      int
}

func (s *scene) writer(prefix string) *writer {
	return &writer{scene: s, store: s.open(), prefix: prefix, held: make(map[string]*store.Renewal)}
}

func (w *writer) scribble(changes int) {
	w.Helper()
	for range changes {
		key := fmt.Sprintf("%s%d", w.prefix, rand.IntN(8))
		w.n++
		var err error
		switch held := w.held[key]; {
		case held == nil:
			c := claim(key, long)
			c.Value = fmt.Append(nil, "value ", w.n)
			w.held[key] = &store.Renewal{Key: key, Token: w.create(w.store, c).Token}
		case rand.IntN(3) == 0:
			delete(w.held, key)
			err = w.store.Delete(w.Context(), key, store.ByToken(held.Token))
		default:
			held.Seq++
			held.Value = fmt.Append(nil, "value ", w.n)
			err = w.store.Update(w.Context(), store.Update(*held))
		}
		if err != nil {
			w.Error(err)
		}
	}
}

// compact forgets all revisions before the present one.
func (s *scene) compact(client *clientv3.Client) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	now, err := client.Get(ctx, "x")
	if err != nil {
		s.Fatal(err)
	}
	_, err = client.Compact(ctx, now.Header.Revision, clientv3.WithCompactPhysical())
	if err != nil && !errors.Is(err, rpctypes.ErrCompacted) { // nothing was written since the last time
		s.Fatal(err)
	}
}

func (s *scene) defragment(client *clientv3.Client, m int) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	if _, err := client.Defragment(ctx, s.Member(m).Endpoint()); err != nil {
		s.Fatal(err)
	}
}

// proxied puts a proxy before each member, and opens a store behind them.
func (s *scene) proxied() (store.Store, []*network.Proxy) {
	s.Helper()
	var proxies []*network.Proxy
	var endpoints []string
	for _, addr := range s.Endpoints() {
		p := network.Start(s, addr, network.GRPC)
		proxies, endpoints = append(proxies, p), append(endpoints, p.Addr())
	}
	return s.open(of(endpoints...)), proxies
}

// What is forgotten while a watch cannot hear is what it would have been told next.
func TestWatchesEqualTheListThroughCompactionAndDefragmentation(t *testing.T) {
	full.Only(t)
	t.Parallel()
	s := setScene(t)
	other, near := s.Client(), s.open()
	far, proxies := s.proxied()
	var accounts []*account.Account
	for _, st := range []store.Store{near, far} {
		for _, prefix := range []string{"", "w0/", "w1/3"} {
			accounts = append(accounts, account.Keep(t, st, prefix))
		}
	}
	writers := []*writer{s.writer("w0/"), s.writer("w1/"), s.writer("w2/")}
	for round := range 2 * members {
		deaf := round%2 == 0
		if deaf {
			for _, p := range proxies {
				p.Refuse()
				p.Cut()
			}
		}
		var all sync.WaitGroup
		for _, w := range writers {
			all.Go(func() { w.scribble(30) })
		}
		all.Go(func() {
			for range 5 {
				s.compact(other)
				time.Sleep(rand.N(20 * time.Millisecond))
			}
		})
		all.Go(func() { s.defragment(other, round%members) })
		all.Wait()
		s.compact(other)
		for _, p := range proxies {
			p.Heal()
		}
		if !deaf {
			continue
		}
		for _, a := range accounts {
			a.Equals(fmt.Sprint("round ", round), near)
		}
	}
	for i, a := range accounts {
		a.Equals("in the end", near)
		if resyncs, _ := a.Counts(); i >= len(accounts)/2 && resyncs == 0 {
			t.Error("what was compacted away came without a resync")
		}
	}
}
