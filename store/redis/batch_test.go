package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// The calls of a batch are used again. Callers that leave while their batches are under way must
// not get, or change, the answers of others: each key has a ttl of its own.
func TestBatchesKeepTheirAnswersApart(t *testing.T) {
	t.Parallel()
	b := start(t)
	var callers sync.WaitGroup
	for caller := range 8 {
		callers.Go(func() {
			ttl := time.Duration(caller+1) * time.Hour
			batch := make([]store.Renewal, 40)
			for i := range batch {
				c := claim(fmt.Sprintf("%d:%d", caller, i))
				c.TTL = ttl
				batch[i] = store.Renewal{Key: c.Key, Token: b.create(c).Token}
			}
			for range 200 {
				ctx, cancel := context.WithTimeout(t.Context(), rand.N(4*time.Millisecond))
				began := time.Now()
				for i, r := range b.Renew(ctx, batch[:1+rand.N(len(batch))]) {
					switch {
					case r.Err == nil:
						if left := r.Until.Sub(began); left < ttl || left > ttl+10*time.Minute {
							t.Errorf("%s: renewed for %v, not %v", batch[i].Key, left, ttl)
						}
					case !errors.Is(r.Err, store.ErrUnavailable) && !errors.Is(r.Err, store.ErrInDoubt):
						t.Errorf("%s: %v", batch[i].Key, r.Err)
					}
				}
				cancel()
			}
			deletions := make([]store.Deletion, len(batch))
			for i, r := range batch {
				deletions[i] = store.Deletion{Key: r.Key, Ref: store.ByToken(r.Token)}
			}
			for i, err := range b.DeleteBatch(t.Context(), deletions) {
				want(t, deletions[i].Key, err, nil)
			}
		})
	}
	callers.Wait()
	if left := b.list(""); len(left) > 0 {
		t.Errorf("%d records are left", len(left))
	}
}
