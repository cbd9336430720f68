package redisstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/store"
)

// Masters that have left a Cluster leave nothing behind once another has come.
func TestMastersThatHaveLeftLeaveNothing(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	var last atomic.Int32
	client := redis.NewClusterClient(&redis.ClusterOptions{
		ClusterSlots: func(context.Context) ([]redis.ClusterSlot, error) {
			address := fmt.Sprintf("10.0.0.%d:6379", last.Load())
			return []redis.ClusterSlot{{Start: 0, End: slots - 1, Nodes: []redis.ClusterNode{{Addr: address}}}}, nil
		},
		Dialer: func(context.Context, string, string) (net.Conn, error) { return net.Dial("tcp", server.Addr()) },
	})
	defer client.Close()
	s, err := New(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 5 {
		before, _ := client.MasterForKey(t.Context(), "key")
		last.Add(1)
		for now := before; now == before; time.Sleep(10 * time.Millisecond) {
			client.ReloadState(t.Context())
			now, _ = client.MasterForKey(t.Context(), "key")
		}
		if _, err := s.Get(t.Context(), "key"); !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
	}
	s.transport.mu.RLock()
	defer s.transport.mu.RUnlock()
	if n := len(s.transport.senders); n > 2 {
		t.Errorf("%d senders", n)
	}
}
