package redisstore_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/store"
)

// A client that reads from replicas does not do so for the store, which would miss
// what has not come there yet. The control shows that it otherwise does.
func TestReplicasAreNotRead(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := redistest.StartCluster(t, 3)
	replica := cluster.Follower(cluster.Masters[0])
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: cluster.Addrs(), ReadOnly: true})
	t.Cleanup(func() { client.Close() })
	b := &bench{TB: t, plain: client, Store: open(t, client)}
	read := func() bool {
		stats := replica.Client().Info(t.Context(), "commandstats").Val()
		return strings.Contains(stats, "cmdstat_get:") || strings.Contains(stats, "cmdstat_zrangebylex:") ||
			strings.Contains(stats, "cmdstat_evalsha:")
	}
	const key = "{bar}:key" // in slot 5061, the first master's
	b.hold(key)
	for range 20 {
		if len(b.list(key)) != 1 || len(b.list("")) != 1 {
			t.Error("the record is not listed")
		}
		if _, err := b.Get(t.Context(), key); err != nil {
			t.Error(err)
		}
	}
	if read() {
		t.Error("a replica was read")
	}
	eventually(t, "the client itself reads from the replica", func() bool {
		client.ReloadState(t.Context()) // while the masters did not hear of the replica they did not refer to it
		b.value(key)
		return read()
	})
}

func kill(c *redistest.Cluster, master *redistest.Server, replica *redistest.Server) {
	master.Stop()
	c.Promote(replica, "TAKEOVER")
}

// The record goes on under the new master as if nothing had happened, for it has all
// that the old one had.
func TestFailoverOfAMaster(t *testing.T) {
	full.Only(t)
	t.Parallel()
	for name, fail := range map[string]func(c *redistest.Cluster, master, replica *redistest.Server){
		"asked for": func(c *redistest.Cluster, _, replica *redistest.Server) { c.Promote(replica) },
		"by death":  kill,
	} {
		t.Run(name, func(t *testing.T) { testFailover(startMover(t), fail) })
	}
}

func testFailover(m *mover, fail func(c *redistest.Cluster, master, replica *redistest.Server)) {
	master := m.cluster.Masters[0]
	replica := m.cluster.Follower(master)
	tag, _ := m.tag()
	c := long("{" + tag + "}:key")
	token := m.create(c).Token
	w := watch(m.bench, c.Key)
	w.expect(m, put(c.Key, token, "first"), 0)
	m.awaitReplica(m.nodes[0])
	fail(m.cluster, master, replica)
	for _, call := range calls {
		eventually(m, call.name+" has an answer", func() bool { return m.hasAnswer(call.name, call.do(m, c, token), call.right) })
	}
	want(m, "renew of what has no part in it", m.renew(m.far).Err, nil)
	eventually(m, "watch and list agree", func() bool { return w.agrees(m.bench, c.Key) })
	want(m, "delete", m.Delete(m.Context(), c.Key, store.ByToken(token)), nil)
	w.expect(m, gone(c.Key, token, store.CauseDeleted), 0)
}

// awaitReplica returns once a replica has all that its master has.
func (m *mover) awaitReplica(master *redis.Client) {
	m.Helper()
	eventually(m, "the replica has what the master has", func() bool { return master.Wait(m.Context(), 1, 0).Val() == 1 })
}

// Nobody calls a verb: the subscription alone must find out that its server is dead,
// and which took its place.
func TestAWatchIsHeardAgainAfterAFailover(t *testing.T) {
	full.Only(t)
	t.Parallel()
	m := startMover(t)
	w := watch(m.bench, "")
	w.expect(t, synced, 0)
	n := slices.IndexFunc(m.nodes, func(node *redis.Client) bool {
		return strings.Contains(node.Do(t.Context(), "CLIENT", "LIST", "TYPE", "pubsub").String(), "psub=1")
	})
	master := m.cluster.Masters[n]
	replica := m.cluster.Follower(master)
	m.awaitReplica(m.nodes[n])
	kill(m.cluster, master, replica)
	w.expect(t, resync, 0)
	eventually(t, "the watch hears again", func() bool { return m.WatchErr() == nil })
	token := m.hold("key").Token
	w.expect(t, put("key", token, "first"), 0)
}
