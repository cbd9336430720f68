package redisstore_test

import (
	"testing"
	"time"

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
