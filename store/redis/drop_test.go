package redisstore

import (
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/store"
)

// Between the look of a reader and its drop a key can be created.
func TestDropLeavesKeysThatCameBack(t *testing.T) {
	t.Parallel()
	s, err := New(t.Context(), redistest.Start(t).Client())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	claim := store.Claim{Key: "key", Value: []byte("v"), TTL: time.Minute, Nonce: store.NewNonce()}
	if _, err := s.Create(t.Context(), claim); err != nil {
		t.Fatal(err)
	}
	s.index.sweep(t.Context(), map[string]struct{}{"key": {}, "gone": {}})
	for r, err := range s.List(t.Context(), "") {
		if err != nil || r.Key != "key" {
			t.Errorf("list yields %+v, %v", r, err)
		}
		return
	}
	t.Error("the entry of a live record was dropped")
}
