package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// Stores with some of the optional interfaces.
type (
	plain    struct{ store.Store }
	logs     struct{ store.Logger }
	asks     struct{ store.Requester }
	notifies struct{ store.DeleteNotifier }
	defines  struct{ store.Definer }
	both     struct {
		plain
		logs
		asks
	}
)

func (b both) UpdateWith(ctx context.Context, u store.Update, with store.Addition) error {
	return b.logs.UpdateWith(ctx, u, with)
}

func interfaces(st store.Store) string {
	_, l := st.(store.Logger)
	_, r := st.(store.Requester)
	_, d := st.(store.DeleteNotifier)
	_, f := store.DefinerOf(st)
	return fmt.Sprintf("logs %v, asks %v, notifies %v, defines %v", l, r, d, f)
}

func TestAnObservedStoreHasTheOptionalInterfacesOfItsStore(t *testing.T) {
	m := memstore.New()
	defer m.Close()
	p, l, r, d := plain{m}, logs{m}, asks{m}, notifies{m}
	seen := make(map[string]bool)
	for _, st := range []store.Store{
		m, p, both{p, l, r},
		struct {
			plain
			logs
		}{p, l},
		struct {
			plain
			asks
		}{p, r},
		struct {
			plain
			notifies
		}{p, d},
		struct {
			plain
			logs
			notifies
		}{p, l, d},
		struct {
			plain
			asks
			notifies
		}{p, r, d},
		struct {
			plain
			defines
		}{p, defines{m}},
	} {
		want := interfaces(st)
		seen[want] = true
		if got := interfaces(store.Observe(st, func(context.Context, store.Call) {})); got != want {
			t.Errorf("a store that %s is observed as one that %s", want, got)
		}
	}
	if len(seen) != 9 {
		t.Errorf("%d of 9 kinds of stores", len(seen))
	}
}

func TestObserveTellsOfEachCall(t *testing.T) {
	m := memstore.New()
	defer m.Close()
	var got []string
	type inContext struct{}
	ctx := context.WithValue(t.Context(), inContext{}, "x")
	st := store.Observe(m, func(ctx context.Context, c store.Call) {
		if ctx.Value(inContext{}) != "x" || c.Began.IsZero() || c.Duration < 0 {
			t.Errorf("%+v in %v", c, ctx)
		}
		if c.Endless != slices.Contains([]string{"watch", "watch key", "requests", "follow log", "deletions"}, c.Verb) {
			t.Errorf("%s: endless is %v", c.Verb, c.Endless)
		}
		got = append(got, fmt.Sprintf("%s %q %d-%d %s", c.Verb, c.Key, c.Items, c.Failed, store.Outcome(c.Err)))
	})
	full := st.(interface {
		store.Store
		store.Logger
		store.Requester
		store.DeleteNotifier
	})
	grant, err := st.Create(ctx, store.Claim{Key: "a", Value: []byte("v"), TTL: time.Minute, Nonce: store.NewNonce()})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = st.Create(ctx, store.Claim{Key: "a", Value: []byte("v"), TTL: time.Minute, Nonce: store.NewNonce()})
	_, _ = st.Create(ctx, store.Claim{})
	st.Renew(ctx, []store.Renewal{{Key: "a", Token: grant.Token, Seq: 1}, {Key: "b", Token: 9, Seq: 1}})
	_ = st.Update(ctx, store.Update{Key: "a", Token: grant.Token, Seq: 2, Value: []byte("w")})
	_ = full.UpdateWith(ctx, store.Update{Key: "a", Token: grant.Token, Seq: 1, Value: []byte("w")}, store.Addition{Answer: &store.Answer{ID: "q", Body: []byte("x"), TTL: time.Minute}})
	_, _ = st.Get(ctx, "b")
	entries := store.LogEntries{First: 1, Values: [][]byte{{1}, {2}}, Limits: store.LogLimits{Entries: 10, Age: time.Hour}}
	_ = full.AppendLog(ctx, "a", grant.Token, entries)
	for range full.ReadLog(ctx, "a", store.LogQuery{}) {
	}
	for range full.FollowLog(ctx, "a", store.LogPosition{}) {
		break
	}
	for range st.List(ctx, "") {
	}
	for range st.Watch(ctx, "") {
		break
	}
	for range st.WatchKey(ctx, "a") {
		break
	}
	_, _ = full.Ask(ctx, store.Request{Key: "b", ID: "q", Body: []byte("x"), TTL: time.Minute})
	_ = full.Answer(ctx, "b", 9, store.Answer{ID: "q", Body: []byte("x"), TTL: time.Minute, Final: true})
	_, _ = store.GetBatch(ctx, st, []string{"a", "b"})
	_, _ = store.GetBatch(ctx, st, []string{"a", ""})
	store.DeleteBatch(ctx, st, []store.Deletion{{Key: "a", Ref: store.ByToken(grant.Token)}, {Key: "", Ref: store.ByToken(9)}})
	_ = st.Delete(ctx, "a", store.ByToken(grant.Token))
	ended, cancel := context.WithCancel(ctx)
	cancel()
	for range full.Deletions(ended) {
	}
	for range full.Requests(ended, "a", grant.Token) {
	}
	definer, _ := store.DefinerOf(st)
	_ = definer.PutDefinition(ctx, []byte("d"), time.Hour)
	_, _ = definer.GetDefinition(ctx, store.DefinitionID([]byte("d")))
	_, _ = definer.GetDefinition(ctx, store.DefinitionID([]byte("e")))
	want := []string{
		`create "a" 0-0 ok`, `create "a" 0-0 held`, `create "" 0-0 invalid`,
		`renew "" 2-1 lost`,
		`update "a" 0-0 ok`, `update "a" 0-0 stale`,
		`get "b" 0-0 not_found`,
		`append log "a" 0-0 ok`, `read log "a" 2-0 ok`, `follow log "a" 1-0 ok`,
		`list "" 1-0 ok`, `watch "" 1-0 ok`, `watch key "a" 1-0 ok`,
		`ask "b" 0-0 not_found`, `answer "b" 0-0 lost`,
		`get batch "" 2-0 ok`, `get batch "" 2-2 invalid`,
		`delete batch "" 2-1 invalid`, `delete "a" 0-0 ok`,
		`deletions "" 0-0 ok`, `requests "a" 0-0 canceled`,
		`put definition "18ac3e7343f016890c510e93f9352611" 0-0 ok`, `get definition "18ac3e7343f016890c510e93f9352611" 0-0 ok`,
		`get definition "3f79bb7b435b05321651daefd374cdc6" 0-0 not_found`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestOutcomeIsAWordForEachCondition(t *testing.T) {
	words := make(map[string]error)
	for _, condition := range append(conditions, store.ErrFull, store.ErrExpired) {
		word := store.Outcome(&store.Error{Op: "renew", Key: "k", Condition: condition})
		if words[word] != nil || word == "error" || word == "ok" {
			t.Errorf("%v is %q, as %v", condition, word, words[word])
		}
		words[word] = condition
	}
	for want, err := range map[string]error{
		"ok": nil, "error": errors.New("x"),
		"canceled": &store.Error{Condition: store.ErrUnavailable, Err: context.Canceled},
		"in_doubt": &store.Error{Condition: store.ErrInDoubt, Err: context.Canceled},
		"held":     &store.HeldError{}, "foreign": &store.ForeignError{},
	} {
		if got := store.Outcome(err); got != want {
			t.Errorf("%v is %q, want %q", err, got, want)
		}
	}
}
