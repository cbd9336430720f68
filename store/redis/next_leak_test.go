package redisstore

import (
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/store"
)

// A store keeps nothing of a claim that is not next, gets its lease, or is withdrawn.
func TestClaimsThatComeAndGoLeaveNothing(t *testing.T) {
	t.Parallel()
	s, err := New(t.Context(), redistest.Start(t).Client())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	fresh := func(key string) store.Claim {
		return store.Claim{Key: key, Value: []byte("v"), TTL: time.Minute, Nonce: store.NewNonce()}
	}
	ask := func(c store.Claim) bool {
		_, next, _ := s.CreateNext(t.Context(), c, func(store.Grant) {})
		return next
	}
	ask(fresh("key"))
	first := fresh("key")
	if !ask(first) || ask(fresh("key")) || ask(fresh("")) {
		t.Fatal("not the first one is next")
	}
	if n := len(s.next.claims); n != 1 {
		t.Errorf("%d claims are known beside the one that is next", n-1)
	}
	if err := s.Withdraw(t.Context(), "key", first.Nonce); err != nil || len(s.next.claims) > 0 {
		t.Errorf("%d claims are known after the last was withdrawn: %v", len(s.next.claims), err)
	}
}
