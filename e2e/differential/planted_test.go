package differential_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// planted has stores that do one thing otherwise than memory does, and how many steps,
// or a few more, it takes to show it.
var planted = map[string]struct {
	store func(store.Store) store.Store
	steps int
}{
	"a create that comes again does not restore the ttl": {func(st store.Store) store.Store { return &strict{Store: st} }, 6},
	"an update restarts the ttl":                         {func(st store.Store) store.Store { return generous{st} }, 6},
	"an older value is written":                          {func(st store.Store) store.Store { return careless{st} }, 5},
	"a delete does not stop a create to come":            {func(st store.Store) store.Store { return forgetful{st} }, 2},
	"the prefix of a list is a pattern":                  {func(st store.Store) store.Store { return wild{st} }, 2},
}

// hunts is how often a difference is looked for at most. Of those that are found, some
// are so near to being none that they do not come again and are not cut down.
const hunts = 10

func TestADifferenceIsFoundAndCutShort(t *testing.T) {
	full.Only(t)
	for name, fault := range planted {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				right, wrong := memstore.New(), memstore.New()
				defer right.Close()
				defer wrong.Close()
				st := fault.store(wrong)
				both := []*backend{
					{name: "right", stores: [2]store.Store{right, right}},
					{name: "wrong", stores: [2]store.Store{st, st}},
				}
				var p *programme
				for n := 0; n < hunts && (p == nil || len(p.steps) > fault.steps); n++ {
					p = newHunt(struct{ rapid.TB }{t}, both, 4*lanes).shortest // rapid asks a *testing.T for its deadline, which it has none in a bubble
				}
				switch {
				case p == nil:
					t.Errorf("not found in %d hunts", hunts)
				case len(p.steps) > fault.steps:
					t.Errorf("not cut down to %d steps:\n%s", fault.steps, p)
				default:
					t.Log(p)
				}
			})
		})
	}
}

type strict struct {
	store.Store
	granted sync.Map // tokens by nonce
}

func (s *strict) Create(ctx context.Context, c store.Claim) (store.Grant, error) {
	r, err := s.Get(ctx, c.Key)
	if token, ok := s.granted.Load(c.Nonce); ok && err == nil && r.Token == token {
		return store.Grant{Token: r.Token, Until: time.Now().Add(c.TTL)}, nil
	}
	grant, err := s.Store.Create(ctx, c)
	if err == nil {
		s.granted.Store(c.Nonce, grant.Token)
	}
	return grant, err
}

type generous struct{ store.Store }

func (s generous) Update(ctx context.Context, w store.Update) error {
	err := s.Store.Update(ctx, w)
	if err == nil {
		s.Renew(ctx, []store.Renewal{{Key: w.Key, Token: w.Token}})
	}
	return err
}

type careless struct{ store.Store }

func (s careless) Update(ctx context.Context, w store.Update) error {
	w.Seq = min(w.Seq, 1)
	return s.Store.Update(ctx, w)
}

type forgetful struct{ store.Store }

func (s forgetful) Delete(ctx context.Context, key string, t store.LeaseRef) error {
	if _, err := s.Get(ctx, key); errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return s.Store.Delete(ctx, key, t)
}

type wild struct{ store.Store }

func (s wild) List(ctx context.Context, prefix string) iter.Seq2[store.Record, error] {
	return s.Store.List(ctx, strings.TrimSuffix(prefix, "*"))
}
