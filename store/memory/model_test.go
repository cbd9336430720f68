package memstore_test

import (
	"errors"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
	"pgregory.net/rapid"
)

// model is the expected state of one key.
type model struct {
	token, last store.Token
	value       string
	seq         uint64
	expires     time.Time
}

func (m *model) live() bool { return m.token != 0 && time.Now().Before(m.expires) }

func (m *model) create(token store.Token) {
	*m = model{token: token, last: token, value: "first", expires: time.Now().Add(ttl)}
}

// write returns the expected error of a write.
func (m *model) write(token store.Token, seq uint64, v string, extend bool) error {
	switch {
	case !m.live() || token != m.token:
		return store.ErrLost
	case v != "" && seq < m.seq:
		return store.ErrStale
	}
	if v != "" {
		m.value, m.seq = v, seq
	}
	if extend {
		m.expires = time.Now().Add(ttl)
	}
	return nil
}

func TestStoreMatchesItsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rapid.SyncTest(t, func(t *rapid.T) {
			st := memstore.New()
			keys := map[string]*model{"a": {}, "b": {}, "ab": {}}
			key := rapid.SampledFrom([]string{"a", "b", "ab"})
			token := rapid.Uint64Range(1, 8)
			seq := rapid.Uint64Range(1, 5)
			v := rapid.StringMatching(`[a-z]{1,3}`)
			t.Repeat(map[string]func(*rapid.T){
				"create": func(t *rapid.T) {
					k := key.Draw(t, "key")
					grant, err := st.Create(t.Context(), claim(k))
					if m := keys[k]; m.live() {
						same(t, err, store.ErrHeld)
					} else if same(t, err, nil); grant.Token <= m.last {
						t.Fatalf("token %d after %d", grant.Token, m.last)
					} else {
						m.create(grant.Token)
					}
				},
				"renew": func(t *rapid.T) {
					k, tok, n, v := key.Draw(t, "key"), store.Token(token.Draw(t, "token")), seq.Draw(t, "seq"), rapid.OneOf(v, rapid.Just("")).Draw(t, "value")
					_, err := renew(st, k, tok, n, v)
					same(t, err, keys[k].write(tok, n, v, true))
				},
				"update": func(t *rapid.T) {
					k, tok, n, v := key.Draw(t, "key"), store.Token(token.Draw(t, "token")), seq.Draw(t, "seq"), v.Draw(t, "value")
					same(t, update(st, k, tok, n, v), keys[k].write(tok, n, v, false))
				},
				"delete": func(t *rapid.T) {
					k, tok := key.Draw(t, "key"), store.Token(token.Draw(t, "token"))
					same(t, st.Delete(t.Context(), k, store.ByToken(tok)), nil)
					if m := keys[k]; m.token == tok {
						m.token = 0
					}
				},
				"wait": func(t *rapid.T) {
					time.Sleep(time.Duration(rapid.Int64Range(1, int64(ttl)).Draw(t, "pause")))
				},
				"": func(t *rapid.T) {
					listed := make(map[string]store.Record)
					for r, err := range st.List(t.Context(), "") {
						same(t, err, nil)
						listed[r.Key] = r
					}
					for k, m := range keys {
						r, is := listed[k]
						if is != m.live() || is && (r.Token != m.token || string(r.Value) != m.value || r.Left != time.Until(m.expires)) {
							t.Fatalf("%q is %+v, want %+v", k, r, *m)
						}
					}
				},
			})
		})
	})
}

func same(t *rapid.T, got, want error) {
	if !errors.Is(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}
