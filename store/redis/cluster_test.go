package redisstore_test

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/store"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// lateLine is a connection on which answers come late from a moment on.
type lateLine struct {
	net.Conn
	slow *atomic.Bool
}

func (l lateLine) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	if l.slow.Load() {
		time.Sleep(1200 * time.Millisecond) // in a quarter of a second a pipeline is slow; eight such are a hung master
	}
	return n, err
}

// The thousands of reads of a List do not have slow masters taken for hung ones.
func TestListOnASlowClusterIsNotRefused(t *testing.T) {
	full.Only(t)
	t.Parallel()
	var slow atomic.Bool
	client := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: redistest.StartCluster(t, 3).Addrs(),
		Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			return lateLine{conn, &slow}, err
		},
	})
	t.Cleanup(func() { client.Close() })
	b := &bench{TB: t, plain: client, Store: open(t, client)}
	b.hold("key")
	slow.Store(true)
	defer slow.Store(false)
	if all := b.list(""); len(all) != 1 {
		t.Errorf("got %v", all)
	}
}

func TestCluster(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := redistest.StartCluster(t, 3)
	client := cluster.Client()
	var nodes []*redis.Client
	for _, master := range cluster.Masters {
		nodes = append(nodes, master.Client())
	}
	on := func(t *testing.T, st *redisstore.Store) *bench { return &bench{TB: t, plain: client, Store: st} }
	st := open(t, client)
	t.Run("new leaves nothing behind", func(t *testing.T) {
		for _, node := range nodes {
			if n := node.DBSize(t.Context()).Val(); n != 0 {
				t.Errorf("%d keys: %q", n, node.Keys(t.Context(), "*").Val())
			}
		}
	})
	t.Run("hostile keys", func(t *testing.T) {
		throughAllVerbs(on(t, st), hostile)
	})
	t.Run("scripts are loaded again", func(t *testing.T) {
		for _, node := range nodes {
			check(t, node.ScriptFlush(t.Context()).Err())
		}
		throughAllVerbs(on(t, st), []string{"a", "b", "c", "d", "e", "f"})
	})
	t.Run("watch", func(t *testing.T) {
		b := on(t, st)
		w := watch(b, "watched:")
		w.expect(t, synced, 0)
		for i := range 20 {
			key := fmt.Sprintf("watched:%d", i)
			grant := b.hold(key)
			w.expect(t, put(key, grant.Token, "first"), 0)
			check(t, b.Delete(t.Context(), key, store.ByToken(grant.Token)))
			w.expect(t, gone(key, grant.Token, store.CauseDeleted), 0)
		}
	})
	t.Run("a slot beyond one page", func(t *testing.T) {
		b := on(t, st)
		const records = 200
		for i := range records {
			b.hold(fmt.Sprintf("page:{x}:%d", i))
		}
		for _, prefix := range []string{"page:", "page:{x}:"} {
			if n := len(b.list(prefix)); n != records {
				t.Errorf("list %q yields %d of %d", prefix, n, records)
			}
		}
	})
	t.Run("moved slots", func(t *testing.T) { testMovedSlots(on(t, open(t, client)), nodes) })
	t.Run("replicas", func(t *testing.T) {
		_, err := open(t, client, redisstore.WithReplicaAck(1, time.Millisecond)).Create(t.Context(), claim("key"))
		want(t, "create", err, store.ErrInDoubt)
	})
	t.Run("a cluster's node is refused", func(t *testing.T) {
		refused(t, nodes[0], "cluster_enabled", false)
	})
}

// A slot moves while it is empty, and the client learns of it from the answers.
func testMovedSlots(b *bench, nodes []*redis.Client) {
	source, target, slot, tag := nodes[0], nodes[1], int64(0), ""
	for i := 0; tag == ""; i++ {
		slot = source.ClusterKeySlot(b.Context(), strconv.Itoa(i)).Val()
		if slot < 16384/3 && source.ClusterCountKeysInSlot(b.Context(), int(slot)).Val() == 0 {
			tag = strconv.Itoa(i)
		}
	}
	id := target.Do(b.Context(), "CLUSTER", "MYID").Val()
	for _, node := range []*redis.Client{target, source, nodes[2]} {
		check(b, node.Do(b.Context(), "CLUSTER", "SETSLOT", slot, "NODE", id).Err())
	}
	var batch []store.Renewal
	for i := range 10 {
		key := fmt.Sprintf("moved:{%s}:%d", tag, i)
		batch = append(batch, store.Renewal{Key: key, Token: 1})
	}
	for _, answer := range b.Renew(b.Context(), batch) {
		want(b, "renew of what is not there", answer.Err, store.ErrLost)
	}
	for i, w := range batch {
		batch[i].Token = b.hold(w.Key).Token
	}
	for _, answer := range b.Renew(b.Context(), batch) {
		want(b, "renew", answer.Err, nil)
	}
	if got := b.list("moved:"); len(got) != len(batch) {
		b.Errorf("list yields %d of %d", len(got), len(batch))
	}
}
