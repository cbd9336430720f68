package redistest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
)

const keys = 20

// set puts a value under keys of many slots.
func set(t *testing.T, client redis.UniversalClient) {
	t.Helper()
	for i := range keys {
		if err := client.Set(t.Context(), fmt.Sprint(i), "value", 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func wantCount(t *testing.T, when string, client redis.UniversalClient, want int) {
	t.Helper()
	got := 0
	for i := range keys {
		n, err := client.Exists(t.Context(), fmt.Sprint(i)).Result()
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		got += int(n)
	}
	if got != want {
		t.Errorf("%s: %d keys, want %d", when, got, want)
	}
}

func TestAClusterKeepsItsSlotsThroughRestarts(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := redistest.StartCluster(t, 3)
	client := cluster.Client()
	set(t, client)
	for i, s := range cluster.Masters {
		if n := s.Client().DBSize(t.Context()).Val(); n == 0 || n == keys {
			t.Errorf("node %d has %d keys of %d", i, n, keys)
		}
	}
	cluster.Restart()
	wantCount(t, "after a restart", client, keys)
	cluster.RestartEmpty()
	wantCount(t, "after a restart without data", client, 0)
	cluster.Pause()
	cluster.Resume()
	set(t, client)
}

func TestAFailoverKeepsTheDataAndCanBeRepeated(t *testing.T) {
	full.Only(t)
	t.Parallel()
	s := redistest.StartSentinel(t, 5*time.Second)
	client := s.Client()
	set(t, client)
	for range 3 {
		master := s.Master().Addr()
		s.Failover()
		if s.Replica().Addr() != master {
			t.Error("the master is not the replica")
		}
		wantCount(t, "after a failover", client, keys)
	}
	s.RestartEmpty()
	wantCount(t, "after a restart without data", client, 0)
	s.Pause()
	s.Resume()
	set(t, client)
}
