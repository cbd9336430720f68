package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/store"
)

// What one server, key or caller does to itself costs the others nothing.

func TestAHungMasterCostsOnlyItsOwnKeys(t *testing.T) {
	full.Only(t)
	t.Parallel()
	m := startMover(t)
	tag, _ := m.tag() // the first master's
	hung, near := long("{"+tag+"}:hung"), long("foo")
	near.Key = "{foo}:near"
	batch := []store.Renewal{
		{Key: hung.Key, Token: m.create(hung).Token},
		{Key: near.Key, Token: m.create(near).Token},
		m.far,
	}
	master := m.cluster.Masters[0]
	master.Pause()
	defer master.Resume()
	for range 12 { // more pipelines than may be slow at once
		renew := func(limit time.Duration) (others error) {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			answers := m.Renew(ctx, batch)
			if err := answers[0].Err; !errors.Is(err, store.ErrInDoubt) && !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("renew on the hung master: %v", err)
			}
			return errors.Join(answers[1].Err, answers[2].Err)
		}
		err := renew(300 * time.Millisecond)
		if err != nil { // a busy machine may need longer
			err = renew(10 * time.Second)
		}
		want(t, "renew on the other masters", err, nil)
		ctx, cancel := context.WithTimeout(t.Context(), prompt)
		if _, err := m.Get(ctx, near.Key); err != nil {
			t.Errorf("get on another master: %v", err)
		}
		cancel()
	}
	master.Resume()
	eventually(t, "the master answers again", func() bool { return m.renew(batch[0]).Err == nil })
}

// A master that hangs while slots move to it keeps the goroutines that follow referrals to it.
func TestAHungMasterCostsNoReferralsToOthers(t *testing.T) {
	full.Only(t)
	t.Parallel()
	m := startMover(t)
	masters := m.cluster.Masters
	toHung, slot := m.tag()
	m.move(slot)
	toOther, slot := m.tag()
	c := long("{" + toOther + "}:key")
	m.create(c)
	move := m.cluster.Move(slot, masters[0], masters[2])
	move.Carry(move.Left()...)
	masters[1].Pause()
	defer masters[1].Resume()
	for range 200 { // more than may follow referrals at once; no record is there, so each call is referred
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		_, err := m.Get(ctx, "{"+toHung+"}:none")
		cancel()
		want(t, "get from the hung master", err, store.ErrUnavailable)
	}
	_, err := m.Get(t.Context(), c.Key)
	want(t, "get from another master", err, nil)
}

// Another program's huge values are not read for the renewals that meet them, and not
// shipped with refusals.
func TestHugeForeignValues(t *testing.T) {
	t.Parallel()
	b := start(t)
	var batch []store.Renewal
	for i := range 40 {
		key := fmt.Sprintf("key:%d", i)
		batch = append(batch, store.Renewal{Key: key, Token: b.hold(key).Token})
	}
	for _, i := range []int{3, 17} {
		b.do("SETRANGE", batch[i].Key, 32<<20-1, "x")
	}
	for i, answer := range b.Renew(t.Context(), batch) {
		if i != 3 && i != 17 {
			want(t, batch[i].Key, answer.Err, nil)
			continue
		}
		foreign, ok := errors.AsType[*store.ForeignError](answer.Err)
		if !ok || foreign.Record.Value != nil {
			t.Errorf("%s: %v", batch[i].Key, answer.Err)
		}
	}
	if r, err := b.Get(t.Context(), batch[3].Key); err != nil || !r.Foreign() || r.Value != nil {
		t.Errorf("get: a value of %d bytes, %v", len(r.Value), err)
	}
}

// A foreign value of the length of ours is told apart at every write with a value, and
// else within a ttl, however large it is.
func TestLargeValuesAreComparedOnceInATTL(t *testing.T) {
	t.Parallel()
	b := start(t)
	c := claim("key")
	c.Value, c.TTL = []byte(strings.Repeat("a", 64<<10)), 3*time.Second
	token := b.create(c).Token
	w := store.Renewal{Key: "key", Token: token}
	for range 3 {
		want(t, "renew", b.renew(w).Err, nil)
	}
	_, err := b.Create(t.Context(), claim("key"))
	if held, ok := errors.AsType[*store.HeldError](err); !ok || len(held.Record.Value) != len(c.Value) {
		t.Errorf("create: %v", err)
	}
	b.do("SET", "key", strings.Repeat("b", 64<<10), "KEEPTTL")
	want(t, "update", b.Update(t.Context(), store.Update{Key: "key", Token: token, Seq: 1, Value: []byte("v")}), store.ErrForeign)
	eventually(t, "a renew finds it", func() bool {
		err := b.renew(w).Err
		return errors.Is(err, store.ErrForeign) || errors.Is(err, store.ErrLost)
	})
}

// A layout that this version does not know is neither free nor foreign.
func TestUnknownLayoutIsUnavailable(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(*bench, string){
		"of a later version": func(b *bench, fence string) { b.do("SET", fence, "6"+strings.Repeat("0", 200)) },
		"with nonces":        func(b *bench, fence string) { b.do("SET", fence, "3"+strings.Repeat("0", 200)) },
		"with sums":          func(b *bench, fence string) { b.do("SET", fence, "2"+strings.Repeat("0", 200)) },
		"an earlier string":  func(b *bench, fence string) { b.do("SET", fence, "1"+strings.Repeat("0", 200)) },
		"an earlier hash":    func(b *bench, fence string) { b.do("DEL", fence); b.do("HSET", fence, "t", "1") },
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t)
			token := b.hold("key").Token
			write(b, b.fence("key"))
			_, create := b.Create(t.Context(), claim("key"))
			_, get := b.Get(t.Context(), "key")
			for verb, err := range map[string]error{
				"create": create,
				"get":    get,
				"renew":  b.renew(store.Renewal{Key: "key", Token: token}).Err,
				"update": b.Update(t.Context(), store.Update{Key: "key", Token: token, Seq: 1, Value: []byte("v")}),
				"delete": b.Delete(t.Context(), "key", store.ByToken(token)),
			} {
				if want(t, verb, err, store.ErrUnavailable); errors.Is(err, store.ErrInDoubt) {
					t.Errorf("%s is in doubt", verb)
				}
			}
			if got := b.value("key"); got != "first" {
				t.Errorf("value %q", got)
			}
		})
	}
}

// A replica's data may be behind, so what it says is no answer.
func TestAReplicaGivesNoDefiniteAnswer(t *testing.T) {
	t.Parallel()
	b := start(t)
	token := b.hold("key").Token
	b.do("REPLICAOF", "127.0.0.1", "1")
	_, held := b.Create(t.Context(), claim("key"))
	for verb, err := range map[string]error{
		"a held create":    held,
		"a lost renew":     b.renew(store.Renewal{Key: "none", Token: token}).Err,
		"a lost update":    b.Update(t.Context(), store.Update{Key: "none", Token: token, Seq: 1, Value: []byte("v")}),
		"a delete of none": b.Delete(t.Context(), "none", store.ByToken(token)),
	} {
		want(t, verb, err, store.ErrUnavailable)
	}
}

// A call that its caller was told did nothing is never sent, whenever its context ends.
func TestWhatWasNotSentIsNeverSent(t *testing.T) {
	t.Parallel()
	b := start(t)
	const callers, rounds = 32, 40
	var mu sync.Mutex
	told := make(map[string]bool) // keys that nothing happened to
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for n := range rounds {
				ctx, cancel := context.WithTimeout(t.Context(), rand.N(1200*time.Microsecond))
				c := claim(fmt.Sprintf("key:%d:%d", i, n))
				_, err := b.Create(ctx, c)
				cancel()
				if errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrInDoubt) {
					mu.Lock()
					told[c.Key] = true
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	b.Close() // waits for what is under way
	if len(told) == 0 {
		t.Fatal("no context ended before its call was sent")
	}
	for key := range told {
		if got := b.value(key); got != "" {
			t.Errorf("%s was reported unavailable and is %q", key, got)
		}
	}
}

// Clients that may read from replicas learn of a new master as others do.
func TestClientsThatReadFromReplicasLearnOfAFailover(t *testing.T) {
	full.Only(t)
	t.Parallel()
	clients := map[string]func(*redis.ClusterOptions){
		"ReadOnly":       func(o *redis.ClusterOptions) { o.ReadOnly = true },
		"RouteRandomly":  func(o *redis.ClusterOptions) { o.RouteRandomly = true },
		"RouteByLatency": func(o *redis.ClusterOptions) { o.RouteByLatency = true },
	}
	if raceDetector { // go-redis 9.23.0 has a data race of its own in that one
		delete(clients, "RouteByLatency")
	}
	for name, change := range clients {
		t.Run(name, func(t *testing.T) {
			cluster := redistest.StartCluster(t, 3)
			options := &redis.ClusterOptions{Addrs: cluster.Addrs(), ClusterStateReloadInterval: time.Hour}
			change(options)
			client := redis.NewClusterClient(options)
			t.Cleanup(func() { client.Close() })
			b := &bench{TB: t, plain: client, Store: open(t, client)}
			var batch []store.Renewal
			for i := range 24 {
				c := long(fmt.Sprintf("%s:%d", name, i))
				batch = append(batch, store.Renewal{Key: c.Key, Token: b.create(c).Token})
			}
			master := cluster.Masters[0]
			replica := cluster.Follower(master)
			plain := master.Client()
			eventually(t, "the replica has what the master has", func() bool { return plain.Wait(t.Context(), 1, 0).Val() == 1 })
			cluster.Promote(replica)
			eventually(t, "all leases are renewed", func() bool {
				renewed := 0
				for _, answer := range b.Renew(t.Context(), batch) {
					switch {
					case answer.Err == nil:
						renewed++
					case !errors.Is(answer.Err, store.ErrUnavailable) && !errors.Is(answer.Err, store.ErrInDoubt):
						t.Fatal(answer.Err)
					}
				}
				return renewed == len(batch)
			})
		})
	}
}
