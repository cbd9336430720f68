package redisstore_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/store"
)

// braces are keys of which a Cluster takes a part for the whole, or nearly does.
var braces = []string{
	"{", "}", "{}", "}{", "{{", "}}", "a}b", "{}x", "a{}b", "{a", "{a}", "a{b}", "{a}{b}", "{}{a}", "{{a}}", "{a}}", "}{a}",
	"{\n}", "{ }", "{\x00}", "{é}ü", "{leasehold:}",
	"{" + strings.Repeat("k", store.MaxKey-2) + "}", strings.Repeat("k", store.MaxKey-3) + "{k}", strings.Repeat("k", store.MaxKey-2) + "{}",
	strings.Repeat("{", store.MaxKey), strings.Repeat("}", store.MaxKey), strings.Repeat("{}", store.MaxKey/2),
}

func TestKeysWithBracesOnACluster(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := redistest.StartCluster(t, 3)
	client := cluster.Client()
	b := &bench{TB: t, plain: client, Store: open(t, client)}
	t.Run("through all verbs", func(t *testing.T) { throughAllVerbs(b.in(t), braces) })
	t.Run("as prefixes", func(t *testing.T) { testPrefixesWithBraces(b.in(t), cluster.Masters) })
	t.Run("watched", func(t *testing.T) { testWatchWithBraces(b.in(t)) })
	t.Run("drawn", func(t *testing.T) { testDrawnBraces(b.in(t)) })
}

// in is the same bench in a subtest.
func (b *bench) in(t testing.TB) *bench {
	inner := *b
	inner.TB = t
	return &inner
}

func testPrefixesWithBraces(b *bench, nodes []*redistest.Server) {
	tokens := make(map[string]store.Token)
	for _, key := range braces {
		tokens[key] = b.hold(key).Token
	}
	for i, node := range nodes {
		if node.Client().DBSize(b.Context()).Val() == 0 {
			b.Errorf("node %d has none of the keys: they try nothing", i)
		}
	}
	for _, prefix := range slices.Concat(braces, []string{"", "a", "k", "{a}{", "{{{"}) {
		want := make(map[string]store.Token)
		for key, token := range tokens {
			if strings.HasPrefix(key, prefix) {
				want[key] = token
			}
		}
		got := make(map[string]store.Token)
		for key, r := range b.list(prefix) {
			got[key] = r.Token
		}
		if diff := cmp.Diff(want, got); diff != "" {
			b.Errorf("list %.20q (-want +got):\n%s", prefix, diff)
		}
	}
	for key, token := range tokens {
		check(b, b.Delete(b.Context(), key, store.ByToken(token)))
	}
}

func testWatchWithBraces(b *bench) {
	all, some := watch(b, ""), watch(b, "{")
	all.expect(b, synced, 0)
	some.expect(b, synced, 0)
	for _, key := range braces {
		listeners := []*watcher{all}
		if strings.HasPrefix(key, "{") {
			listeners = append(listeners, some)
		}
		token := b.hold(key).Token
		for _, w := range listeners {
			w.expect(b, put(key, token, "first"), 0)
		}
		check(b, b.Update(b.Context(), store.Update{Key: key, Token: token, Seq: 1, Value: []byte("second")}))
		for _, w := range listeners {
			w.expect(b, put(key, token, "second"), 0)
		}
		check(b, b.Delete(b.Context(), key, store.ByToken(token)))
		for _, w := range listeners {
			w.expect(b, gone(key, token, store.CauseDeleted), 0)
		}
	}
}

// testDrawnBraces leaves the records where they are, for one list at the end: that
// reads all slots.
func testDrawnBraces(b *bench) {
	word := rapid.StringOfN(rapid.SampledFrom([]rune("{}{}{}ab\né")), 1, 60, -1)
	held := make(map[string]string)
	rapid.Check(b, func(t *rapid.T) {
		for _, key := range rapid.SliceOfNDistinct(word, 1, 8, rapid.ID[string]).Draw(t, "keys") {
			if _, twice := held[key]; twice {
				continue
			}
			token := b.hold(key).Token
			value := fmt.Sprint("of ", token)
			for verb, err := range map[string]error{
				"renew":     b.renew(store.Renewal{Key: key, Token: token}).Err,
				"update":    b.Update(b.Context(), store.Update{Key: key, Token: token, Seq: 1, Value: []byte("second")}),
				"replace":   b.renew(store.Renewal{Key: key, Token: token, Seq: 2, Value: []byte(value)}).Err,
				"not ours":  b.Delete(b.Context(), key, store.ByToken(token+1)),
				"no longer": b.Delete(b.Context(), key, store.ByNonce(store.NewNonce())),
			} {
				if err != nil {
					t.Fatalf("%s of %q: %v", verb, key, err)
				}
			}
			if r, err := b.Get(b.Context(), key); err != nil || string(r.Value) != value || r.Token != token {
				t.Fatalf("get %q: %+v, %v", key, r, err)
			}
			held[key] = value
		}
	})
	listed := make(map[string]string)
	for key, r := range b.list("") {
		listed[key] = string(r.Value)
	}
	if diff := cmp.Diff(held, listed); diff != "" {
		b.Errorf("list (-held +listed):\n%s", diff)
	}
}
