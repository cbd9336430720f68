package redisstore

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/store"
)

// Between the look of a reader and its drop a key can be created.
func TestDropLeavesKeysThatCameBack(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string][]string{
		"all gone":  {"gone:1", "gone:2"},
		"some gone": {"gone:1", "held:1", "gone:2", "held:2"},
		"none gone": {"held:1", "held:2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := redistest.Start(t).Client()
			s, err := New(t.Context(), client)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for _, key := range []string{"held:1", "held:2"} {
				claim := store.Claim{Key: key, Value: []byte("v"), TTL: time.Minute, Nonce: store.NewNonce()}
				if _, err := s.Create(t.Context(), claim); err != nil {
					t.Fatal(err)
				}
			}
			client.ZAdd(t.Context(), "leasehold:index", redis.Z{Member: "gone:1"}, redis.Z{Member: "gone:2"})
			gone := 0
			for _, key := range keys {
				if strings.HasPrefix(key, "gone") {
					gone++
				}
			}
			c := s.index.drop("leasehold:index", keys)
			s.transport.do(t.Context(), c)
			if answer, err := c.reply(); err != nil || answer != int64(gone) {
				t.Errorf("it took out %v, %v, want %d", answer, err, gone)
			}
			left, err := client.ZRange(t.Context(), "leasehold:index", 0, -1).Result()
			if err != nil || len(left) != 4-gone || !slices.Contains(left, "held:1") || !slices.Contains(left, "held:2") {
				t.Errorf("the index has %q, %v", left, err)
			}
		})
	}
}
