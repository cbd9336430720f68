package redisstore_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

// acrossAFailover has two senders wait while another master takes over, and the holder answer on
// the new one.
func (b *bench) acrossAFailover(asker *redisstore.Store, key string, replicated func() bool, failover func()) {
	b.Helper()
	c := long(key)
	token := b.create(c).Token
	q := request("1", time.Hour)
	q.Key = key
	first := ask(b.Context(), asker, q)
	b.awaitOf(key, token, 1)
	q.ID = "2"
	second := ask(b.Context(), asker, q)
	b.awaitOf(key, token, 2)
	eventually(b, "the replica has what the master has", replicated)
	failover()
	if ids := b.awaitOf(key, token, 2); ids[0] != "1" || ids[1] != "2" {
		b.Errorf("the requests are %q", ids)
	}
	for id, result := range map[string]<-chan asked{"1": first, "2": second} {
		eventually(b, "the answer is stored", func() bool { return b.Answer(b.Context(), key, token, answerTo(id)) == nil })
		b.wantDone("request "+id, result)
	}
}

func TestRequestsAcrossAFailoverBySentinel(t *testing.T) {
	full.Only(t)
	t.Parallel()
	sentinel := redistest.StartSentinel(t, 30*time.Second)
	client := sentinel.Client()
	b := &bench{TB: t, plain: client, Store: open(t, client)}
	b.acrossAFailover(open(t, sentinel.Client()), "key",
		func() bool { return sentinel.Master().Client().Wait(t.Context(), 1, 0).Val() >= 1 }, sentinel.Failover)
}

func TestRequestsAcrossAFailoverOfACluster(t *testing.T) {
	full.Only(t)
	t.Parallel()
	m := startMover(t)
	tag, _ := m.tag()
	replica := m.cluster.Follower(m.cluster.Masters[0])
	b := &bench{TB: t, Store: m.Store}
	b.acrossAFailover(m.Store, "{"+tag+"}:key",
		func() bool { return m.nodes[0].Wait(t.Context(), 1, 0).Val() == 1 }, func() { m.cluster.Promote(replica) })
}

// While the master that the store's subscription is on hangs, nothing is heard of the others.
// Calls that wait for their messages read every second then.
func TestRequestsAndLogsGoOnWhileTheMasterOfTheSubscriptionHangs(t *testing.T) {
	full.Only(t)
	t.Parallel()
	m := startMover(t)
	for _, node := range m.nodes { // serves its slots also once the others take the hung one for dead
		if err := node.ConfigSet(t.Context(), "cluster-require-full-coverage", "no").Err(); err != nil {
			t.Fatal(err)
		}
	}
	m.create(long("any"))
	follow(t, m.Store, "any") // has the store subscribe
	eventually(t, "a master has the subscription", func() bool { return m.subscribed() >= 0 })
	hung := m.subscribed()
	tag, _ := m.tag() // the first master's
	if hung == 0 {
		tag = "foo" // the third's
	}
	key := "{" + tag + "}:near"
	token := m.create(long(key)).Token
	r := follow(t, m.Store, key)
	asker := open(t, m.cluster.Client())
	m.cluster.Masters[hung].Pause()
	defer m.cluster.Masters[hung].Resume()
	for n := range uint64(3) {
		eventually(t, "an update with an entry is made", func() bool {
			err, entry := updateLogged(t.Context(), m.Store, key, token, n+1)
			return err == nil && entry == nil
		})
		r.wantRead(t, int(n+1))
		q := request(string(rune('a'+n)), time.Hour)
		q.Key = key
		result := ask(t.Context(), asker, q)
		b := &bench{TB: t, Store: m.Store}
		b.awaitOf(key, token, 1)
		eventually(t, "the answer is stored", func() bool { return m.Answer(t.Context(), key, token, answerTo(q.ID)) == nil })
		b.wantDone("a request", result)
	}
}

// subscribed is the master that has the subscription of the mover's store, or -1.
func (m *mover) subscribed() int {
	return slices.IndexFunc(m.nodes, func(node *redis.Client) bool {
		return strings.Contains(node.Do(m.Context(), "CLIENT", "LIST", "TYPE", "pubsub").String(), "sub=")
	})
}
