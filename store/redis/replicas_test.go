package redisstore_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/store"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

func TestWithReplicaAck(t *testing.T) {
	t.Parallel()
	b := start(t, "--repl-diskless-sync-delay", "0")
	replica := redistest.Start(t)
	host, port, _ := net.SplitHostPort(b.server.Addr())
	if err := replica.Client().Do(t.Context(), "REPLICAOF", host, port).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the replica is in step", func() bool {
		b.do("SET", "x", "y")
		info := b.do("INFO", "replication").(string)
		return strings.Contains(info, "state=online") && !strings.Contains(info, "online,offset=0,")
	})
	b.Store = open(t, patient(t, b.server), redisstore.WithReplicaAck(1, 30*time.Second))

	token := b.hold("key").Token
	w := store.Renewal{Key: "key", Token: token}
	want(t, "renew", b.renew(w).Err, nil)
	if err := replica.Client().Get(t.Context(), "key").Err(); err != nil {
		t.Errorf("the replica has no record: %v", err)
	}
	b.do("SCRIPT", "FLUSH")
	want(t, "renew after SCRIPT FLUSH", b.renew(w).Err, nil)

	replica.Pause()
	b.Store = open(t, b.plain, redisstore.WithReplicaAck(1, 50*time.Millisecond))
	c := claim("new")
	_, err := b.Create(t.Context(), c)
	want(t, "create", err, store.ErrInDoubt)
	if got := b.value("new"); got != "first" {
		t.Errorf("value %q", got)
	}
	answers := b.Renew(t.Context(), []store.Renewal{w, {Key: "none", Token: 1}})
	want(t, "renew", answers[0].Err, store.ErrInDoubt)
	want(t, "renew of nothing", answers[1].Err, store.ErrLost)
	if !answers[0].Until.IsZero() {
		t.Error("a renew that too few replicas know extends trust")
	}
	_, err = b.Create(t.Context(), claim("key"))
	want(t, "create of a held key", err, store.ErrHeld)
	want(t, "update, which does not wait", b.Update(t.Context(), store.Update{Key: "key", Token: token, Seq: 1, Value: []byte("x")}), nil)
	want(t, "delete, which does not either", b.Delete(t.Context(), "new", store.ByNonce(c.Nonce)), nil)
	replica.Resume()
}

// A server that refuses the WAIT has done the write nevertheless.
func TestWaitRefused(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.Store = open(t, b.plain, redisstore.WithReplicaAck(1, 50*time.Millisecond))
	b.do("ACL", "SETUSER", "default", "-wait")
	_, err := b.Create(t.Context(), claim("key"))
	want(t, "create", err, store.ErrInDoubt)
}

// Replicas that do not answer hold up the calls that wait for them, and no others.
func TestReplicasThatAreGoneHoldUpNoOtherCalls(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t)
	b.hold("held")
	b.Store = open(t, b.plain, redisstore.WithReplicaAck(1, 2*time.Second))
	ctx, stop := context.WithCancel(t.Context())
	var creates sync.WaitGroup
	for i := range 50 {
		creates.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				limited, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
				_, _ = b.Create(limited, claim(fmt.Sprintf("%d:%d", i, n)))
				cancel()
			}
		})
	}
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		_, err := b.Get(t.Context(), "held")
		want(t, "get", err, nil)
	}
	stop()
	creates.Wait()
}
