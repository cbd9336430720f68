package memstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ttl = 10 * time.Second

func claim(key string) store.Claim {
	return store.Claim{Key: key, Value: []byte("first"), TTL: ttl, Nonce: store.NewNonce()}
}

func create(t testing.TB, st *memstore.Store, c store.Claim) store.Token {
	t.Helper()
	grant, err := st.Create(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	return grant.Token
}

// renew renews one lease, with a value if v is not empty.
func renew(st *memstore.Store, key string, token store.Token, seq uint64, v string) (time.Time, error) {
	answers := st.Renew(context.Background(), []store.Renewal{{Key: key, Token: token, Seq: seq, Value: []byte(v)}})
	return answers[0].Until, answers[0].Err
}

func update(st *memstore.Store, key string, token store.Token, seq uint64, v string) error {
	return st.Update(context.Background(), store.Update{Key: key, Token: token, Seq: seq, Value: []byte(v)})
}

func holds(t testing.TB, st *memstore.Store, key, want string, left time.Duration) {
	t.Helper()
	r, err := st.Get(context.Background(), key)
	if err != nil || string(r.Value) != want || r.Left != left || r.Key != key {
		t.Errorf("%q: %+v, %v; want %q with %v left", key, r, err, want, left)
	}
}
