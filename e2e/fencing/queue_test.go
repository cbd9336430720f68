package fencing_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

// send appends the holder's message with a number, which counts from 1, to a stream. Redis takes no
// message whose id is not above all before it, so it refuses one with the token of an earlier holder.
func send(ctx context.Context, client redis.UniversalClient, stream string, token store.Token, number int, body string) error {
	id := fmt.Sprintf("%d-%d", token, number)
	err := client.XAdd(ctx, &redis.XAddArgs{Stream: stream, ID: id, Values: []any{"body", body}}).Err()
	if err == nil || !strings.Contains(err.Error(), "equal or smaller") {
		return err
	}
	info, err := client.XInfoStream(ctx, stream).Result()
	if err != nil {
		return err
	}
	if strings.HasPrefix(info.LastGeneratedID, fmt.Sprintf("%d-", token)) {
		return nil // it was sent twice because the first reply was lost
	}
	return errStale
}

// stream is a resource: a stream on a Redis server.
type stream struct {
	client redis.UniversalClient
	number *atomic.Int64
}

func (r stream) write(ctx context.Context, l lease.Lease, body string) error {
	return send(ctx, r.client, l.Key(), l.Token(), int(r.number.Add(1)), body)
}

func (r stream) unfenced(ctx context.Context, l lease.Lease, body string) error {
	return r.client.XAdd(ctx, &redis.XAddArgs{Stream: l.Key(), Values: []any{"body", body, "token", uint64(l.Token())}}).Err()
}

func (r stream) last(ctx context.Context, key string) (store.Token, string, error) {
	found, err := r.client.XRevRangeN(ctx, key, "+", "-", 1).Result()
	if err != nil || len(found) == 0 {
		return 0, "", fmt.Errorf("no message: %w", err)
	}
	token, ok := found[0].Values["token"].(string)
	if !ok {
		token, _, _ = strings.Cut(found[0].ID, "-")
	}
	n, err := strconv.ParseUint(token, 10, 64)
	return store.Token(n), found[0].Values["body"].(string), err
}

func TestQueue(t *testing.T) {
	client := redistest.Start(t).Client()
	conform(t, stream{client, new(atomic.Int64)})

	t.Run("a message that is sent twice is there once", func(t *testing.T) {
		f := newFleet(t, "twice")
		first := f.next()
		second := f.next()
		for range 2 {
			if err := send(t.Context(), client, f.key, second.Token(), 1, "one"); err != nil {
				t.Error(err)
			}
		}
		if n, err := client.XLen(t.Context(), f.key).Result(); err != nil || n != 1 {
			t.Errorf("%d messages, %v", n, err)
		}
		// Also once a consumer has deleted all messages.
		if err := client.XTrimMaxLen(t.Context(), f.key, 0).Err(); err != nil {
			t.Fatal(err)
		}
		if err := send(t.Context(), client, f.key, second.Token(), 1, "one"); err != nil {
			t.Error(err)
		}
		if err := send(t.Context(), client, f.key, first.Token(), 1, "late"); err != errStale {
			t.Errorf("of the first holder: %v", err)
		}
		if n, err := client.XLen(t.Context(), f.key).Result(); err != nil || n != 0 {
			t.Errorf("%d messages after the end of all, %v", n, err)
		}
	})
}
