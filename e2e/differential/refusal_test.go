package differential_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
)

// bad are calls with an argument that breaks a rule.
var bad = map[string]func(context.Context, store.Store) error{
	"create without a key":     badCreate(func(c *store.Claim) { c.Key = "" }),
	"create of a reserved key": badCreate(func(c *store.Claim) { c.Key = store.Reserved + "x" }),
	"create of a long key":     badCreate(func(c *store.Claim) { c.Key = strings.Repeat("k", store.MaxKey+1) }),
	"create of a broken key":   badCreate(func(c *store.Claim) { c.Key = "\xff" }),
	"create without a value":   badCreate(func(c *store.Claim) { c.Value = nil }),
	"create of a large value":  badCreate(func(c *store.Claim) { c.Value = make([]byte, store.MaxValue+1) }),
	"create without a nonce":   badCreate(func(c *store.Claim) { c.Nonce = store.Nonce{} }),
	"create without a ttl":     badCreate(func(c *store.Claim) { c.TTL = 0 }),
	"renew without a token": func(ctx context.Context, st store.Store) error {
		return st.Renew(ctx, []store.Renewal{{Key: "k"}})[0].Err
	},
	"renew of a value without a number": func(ctx context.Context, st store.Store) error {
		return st.Renew(ctx, []store.Renewal{{Key: "k", Token: 1, Value: []byte("v")}})[0].Err
	},
	"update without a value": func(ctx context.Context, st store.Store) error {
		return st.Update(ctx, store.Update{Key: "k", Token: 1, Seq: 1})
	},
	"delete of no term": func(ctx context.Context, st store.Store) error {
		return st.Delete(ctx, "k", store.LeaseRef{})
	},
	"delete of two terms": func(ctx context.Context, st store.Store) error {
		return st.Delete(ctx, "k", store.LeaseRef{Token: 1, Nonce: store.NewNonce()})
	},
	"get without a key": func(ctx context.Context, st store.Store) error {
		_, err := st.Get(ctx, "")
		return err
	},
	"list of a broken prefix": func(ctx context.Context, st store.Store) (last error) {
		for _, err := range st.List(ctx, "\xff") {
			last = err
		}
		return last
	},
	"watch of a reserved prefix": func(ctx context.Context, st store.Store) (last error) {
		for _, err := range st.Watch(ctx, store.Reserved) {
			last = err
		}
		return last
	},
}

func badCreate(spoil func(*store.Claim)) func(context.Context, store.Store) error {
	return func(ctx context.Context, st store.Store) error {
		c := store.Claim{Key: "k", Value: []byte("v"), TTL: time.Hour, Nonce: store.NewNonce()}
		spoil(&c)
		_, err := st.Create(ctx, c)
		return err
	}
}

// The smallest ttl is each backend's own; all else of a refusal is the same.
func TestBadArgumentsAreRefusedAlike(t *testing.T) {
	full.Only(t)
	all := start(t)
	for name, call := range bad {
		p := newProgramme(all)
		p.compare(p.ask(func(s *side) []said {
			a := s.refusal(call(t.Context(), s.stores[0]))
			a.words = strings.ReplaceAll(a.words, max(s.caps.MinTTL, store.MinTTL).String(), "its minimum")
			if !strings.HasPrefix(a.words, store.ErrInvalid.Error()) {
				a.words += ", " + s.name
			}
			return []said{a}
		}))
		if p.story != "" {
			t.Errorf("%s: %s", name, p.story)
		}
	}
}
