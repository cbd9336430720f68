package redisstore_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/store"
)

// holdMany creates records with a ttl, some at a time.
func (b *bench) holdMany(keys []string, ttl time.Duration) {
	b.Helper()
	const workers = 64
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := w; i < len(keys); i += workers {
				c := claim(keys[i])
				c.TTL = ttl
				if _, err := b.Create(b.Context(), c); err != nil {
					b.Errorf("create %q: %v", c.Key, err)
				}
			}
		})
	}
	all.Wait()
}

func tenants(prefix string, n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("%stenant:%06d", prefix, i)
	}
	return keys
}

// A process has ended and its records have expired. A store of another process that only
// renews takes their entries out of the index, a page at a time, and nobody lists.
func TestEntriesOfExpiredRecordsAreSweptWithoutAList(t *testing.T) {
	t.Run("single", func(t *testing.T) {
		t.Parallel()
		client := redistest.Start(t).Client()
		b := &bench{TB: t, plain: client, Store: open(t, client)}
		b.testSweep("middle", append(tenants("a", 400), tenants("z", 400)...), client)
	})
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		cluster := redistest.StartCluster(t, 3)
		var nodes []*redis.Client
		for _, master := range cluster.Masters {
			nodes = append(nodes, master.Client())
		}
		client := cluster.Client()
		b := &bench{TB: t, plain: client, Store: open(t, client)}
		slot := func(key string) int64 { return client.ClusterKeySlot(t.Context(), key).Val() }
		keys := tenants("{t}:", 300)
		for i := 0; len(keys) < 305; i++ { // in the hundred slots behind that one
			if key := strconv.Itoa(i); slot(key) > slot("t") && slot(key) <= slot("t")+100 {
				keys = append(keys, key)
			}
		}
		b.testSweep("{t}:held", keys, nodes...)
	})
}

func (b *bench) testSweep(key string, keys []string, nodes ...*redis.Client) {
	held := store.Renewal{Key: key, Token: b.create(long(key)).Token}
	dead := &bench{TB: b, plain: b.plain, Store: open(b, b.plain)}
	dead.holdMany(keys, 200*time.Millisecond)
	want(b, "close", dead.Close(), nil)
	eventually(b, "the entries are gone", func() bool {
		want(b, "renew", b.renew(held).Err, nil)
		time.Sleep(100 * time.Millisecond)
		return entries(b, nodes) == 1
	})
	if got := b.list(""); len(got) != 1 || got[key].Token != held.Token {
		b.Errorf("list: %v", got)
	}
}

// entries counts the entries of all indices.
func entries(t testing.TB, nodes []*redis.Client) (n int64) {
	t.Helper()
	for _, node := range nodes {
		for _, name := range node.Keys(t.Context(), "leasehold:*index").Val() {
			n += node.ZCard(t.Context(), name).Val()
		}
	}
	return n
}

// The package's doc states what a used key costs until its fence expires, and an entry.
func TestCostOfAUsedKey(t *testing.T) {
	t.Parallel()
	const records = 20_000
	b := start(t)
	b.holdMany(tenants("", 64), ttl) // so that buffers have their sizes
	b.do("FLUSHALL")
	empty := b.usedMemory()
	keys := tenants("", records)
	b.holdMany(keys, ttl)
	for some := range slices.Chunk(keys, 1000) {
		check(t, b.plain.Del(t.Context(), some...).Err())
	}
	both := b.usedMemory()
	b.do("DEL", "leasehold:index")
	fences := b.usedMemory()
	perFence, perEntry := (fences-empty)/records, (both-fences)/records
	t.Logf("%d bytes for a fence, %d for an entry", perFence, perEntry)
	if perFence > 360 || perEntry > 140 {
		t.Errorf("a used key costs %d bytes and %d for its entry; the doc of the package says less", perFence, perEntry)
	}
}

func (b *bench) usedMemory() int {
	b.Helper()
	_, rest, _ := strings.Cut(b.do("INFO", "memory").(string), "used_memory:")
	text, _, _ := strings.Cut(rest, "\r\n")
	n, err := strconv.Atoi(text)
	check(b, err)
	return n
}
