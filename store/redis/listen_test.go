package redisstore_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/store"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

// deletions collects the keys that Deletions yields until the test ends.
type deletions struct {
	mu   sync.Mutex
	keys map[string]bool
}

func listen(b *bench) *deletions {
	d := &deletions{keys: make(map[string]bool)}
	ctx, stop := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() {
		for key := range b.Deletions(ctx) {
			d.mu.Lock()
			d.keys[key] = true
			d.mu.Unlock()
		}
	})
	b.Cleanup(func() { stop(); running.Wait() })
	return d
}

// has reports whether a key was yielded since the last call.
func (d *deletions) has(key string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	has := d.keys[key]
	delete(d.keys, key)
	return has
}

// hears returns once deletes through another store are told of. Nothing says when Deletions has
// begun to listen.
func (d *deletions) hears(b *bench, other *redisstore.Store) {
	b.Helper()
	eventually(b, "a delete through another store is told", func() bool {
		token := b.hold("app:deleted").Token
		want(b, "delete", other.Delete(b.Context(), "app:deleted", store.ByToken(token)), nil)
		return d.has("app:deleted")
	})
}

// selectFive selects database 5 on each new connection, which the client's options do not tell.
func selectFive(ctx context.Context, conn *redis.Conn) error { return conn.Select(ctx, 5).Err() }

// Whatever makes a client select a database, its store hears of the changes that the stores of
// other clients make there.
func TestStoresOfOneDatabaseHearEachOther(t *testing.T) {
	t.Parallel()
	sentinel := redistest.StartSentinel(t, 20*time.Second)
	failover := redis.FailoverOptions{MasterName: redistest.MasterName, SentinelAddrs: []string{sentinel.Addr()}, DB: 5}
	address := sentinel.Master().Addr()
	clients := map[string]redis.UniversalClient{
		"failover client":         redis.NewFailoverClient(&failover),
		"failover cluster client": redis.NewFailoverClusterClient(&failover),
		"universal client by latency": redis.NewUniversalClient(&redis.UniversalOptions{
			MasterName: redistest.MasterName, Addrs: []string{sentinel.Addr()}, RouteByLatency: true, DB: 5}),
		"client that selects when it connects": redis.NewClient(&redis.Options{Addr: address, OnConnect: selectFive}),
		"cluster client that selects when it connects": redis.NewClusterClient(&redis.ClusterOptions{
			OnConnect: selectFive,
			ClusterSlots: func(context.Context) ([]redis.ClusterSlot, error) {
				return []redis.ClusterSlot{{Start: 0, End: 16383, Nodes: []redis.ClusterNode{{Addr: address}}}}, nil
			}}),
	}
	writer := &bench{TB: t, plain: sentinel.Client()}
	plain := redis.NewClient(&redis.Options{Addr: address, DB: 5})
	t.Cleanup(func() { plain.Close() })
	writer.Store = open(t, plain)
	for name, client := range clients {
		t.Cleanup(func() { client.Close() })
		reader := &bench{TB: t, plain: client, Store: open(t, client)}
		w := watch(reader, name)
		w.expect(t, synced, 0)
		token := writer.hold(name).Token
		w.expect(t, put(name, token, "first"), 0)

		listen(reader).hears(reader, writer.Store)
	}
}

// The old master goes on for ever and answers, so only a message that the client publishes
// through the new one can tell that nothing is heard.
func TestASubscriptionLeavesTheOldMaster(t *testing.T) {
	full.Only(t)
	t.Parallel()
	sentinel := redistest.StartSentinel(t, 20*time.Second)
	client := sentinel.Client()
	b := &bench{TB: t, plain: client, Store: open(t, client)}
	w, told := watch(b, "key"), listen(b)
	w.expect(t, synced, 0)
	told.hears(b, open(t, client))
	told.has("")
	token := b.hold("key").Token
	w.expect(t, put("key", token, "first"), 0)
	if n := client.Wait(t.Context(), 1, time.Minute).Val(); n != 1 {
		t.Fatalf("%d replicas have the record", n)
	}

	sentinel.Switch()
	other := open(t, sentinel.Master().Client())
	want(t, "delete", other.Delete(t.Context(), "key", store.ByToken(token)), nil)
	eventually(t, "it is known that nothing is heard", func() bool { return b.WatchErr() != nil })
	w.expect(t, resync, 0)
	eventually(t, "the watch tells of the end", func() bool {
		return w.saw(gone("key", token, store.CauseUnknown), 0) || w.saw(gone("key", token, store.CauseDeleted), 0)
	})
	eventually(t, "it is told that deletes were missed", func() bool { return told.has("") })
	eventually(t, "it is heard again", func() bool { return b.WatchErr() == nil })
	token = b.hold("key").Token
	w.expect(t, put("key", token, "first"), 0)
}

// A connection may pause within a message, as on a busy machine.
func TestAMessageThatComesInTwoPartsIsHeard(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t)
	p := proxyTo(t, b.server.Addr(), "none")
	slow := &bench{TB: t, plain: b.plain, Store: open(t, p.client(t))}
	w := watch(slow, "key")
	w.expect(t, synced, 0)
	p.holdUp.Store(true)
	eventually(t, "an echo comes in two parts", func() bool { return p.heldUp.Load() > 0 })
	skip := w.count()
	token := b.hold("key").Token
	w.expect(t, put("key", token, "first"), skip)
	heldUp := p.heldUp.Load()
	eventually(t, "more echoes come in two parts", func() bool { return p.heldUp.Load() > heldUp+1 })
	if w.saw(resync, skip) {
		t.Error("the subscription was begun anew")
	}
	want(t, "watch error", slow.WatchErr(), nil)
}

// Deletes before the first connection of a session are missed if one could not be made before.
func TestDeletesBeforeAFirstConnectionThatFailedAreTold(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t)
	var cut atomic.Bool // no new connections: a subscription has one of its own
	client := redis.NewClient(&redis.Options{Dialer: func(ctx context.Context, network, _ string) (net.Conn, error) {
		if cut.Load() {
			return nil, errors.New("cut off")
		}
		return new(net.Dialer).DialContext(ctx, network, b.server.Addr())
	}})
	t.Cleanup(func() { client.Close() })
	st := open(t, client)
	cut.Store(true)
	told := listen(&bench{TB: t, plain: b.plain, Store: st})
	eventually(t, "it says that nothing is heard", func() bool { return st.WatchErr() != nil })
	if told.has("") {
		t.Error("deletes were missed although nothing was heard yet")
	}
	cut.Store(false)
	eventually(t, "it is told that deletes were missed", func() bool { return told.has("") })
}

// Without the right to publish, nobody hears of a store's changes: it says so for as long.
func TestAStoreThatMayNotPublishAnyMoreSaysSo(t *testing.T) {
	t.Parallel()
	for name, rules := range map[string][2]string{
		"the command":  {"-publish", "+publish"},
		"the channels": {"resetchannels", "&leasehold:*"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t)
			b.Store = open(t, grant(t, b, "app"))
			w := watch(b, "app:")
			w.expect(t, synced, 0)
			want(t, "watch error", b.WatchErr(), nil)
			b.do("ACL", "SETUSER", "app", rules[0])
			if rules[0] == "-publish" {
				eventually(t, "it says that the right is missing", func() bool {
					err := b.WatchErr()
					return err != nil && strings.Contains(err.Error(), "+publish")
				})
			} else {
				eventually(t, "it says that a right is missing", func() bool { return b.WatchErr() != nil })
			}
			b.do("ACL", "SETUSER", "app", rules[1])
			b.do("CLIENT", "KILL", "USER", "app") // instead of the minute after which it tries again
			eventually(t, "it is heard again", func() bool { return b.WatchErr() == nil })
		})
	}
}

// The echo that proves that a connection hears needs the right to publish.
func TestAStoreThatMayNotPublishLeavesADarkConnection(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t)
	grant(t, b, "app")
	p := proxyTo(t, b.server.Addr(), "psubscribe") // which each connection of a subscription carries
	client := redis.NewClient(&redis.Options{Addr: p.listener.Addr().String(), Username: "app", Password: "secret"})
	t.Cleanup(func() { client.Close() })
	dark := &bench{TB: t, plain: b.plain, Store: open(t, client)}
	w := watch(dark, "app:")
	w.expect(t, synced, 0)
	b.do("ACL", "SETUSER", "app", "-publish")
	mayNot := func() bool {
		err := dark.WatchErr()
		return err != nil && strings.Contains(err.Error(), "+publish")
	}
	eventually(t, "it says that the right is missing", mayNot)
	token := b.hold("app:1").Token
	w.expect(t, put("app:1", token, "first"), 0)

	p.darken.Store(true)
	skip := w.count()
	token = b.hold("app:2").Token
	eventually(t, "the connection is left", func() bool { return p.carriers.Load() >= 2 })
	w.expect(t, resync, skip)
	w.expect(t, put("app:2", token, "first"), skip)
	eventually(t, "it says again that the right is missing", mayNot)
	token = b.hold("app:3").Token
	w.expect(t, put("app:3", token, "first"), skip)
	if n := p.carriers.Load(); n != 2 {
		t.Errorf("%d connections", n)
	}
}

// A name service, for one, can hang while a connection is made.
func TestCloseDoesNotWaitForARedialOfTheSubscription(t *testing.T) {
	t.Parallel()
	b := start(t)
	var broken, stuck atomic.Bool
	client := redis.NewClient(&redis.Options{DialTimeout: time.Hour, Dialer: func(ctx context.Context, network, _ string) (net.Conn, error) {
		if stuck.CompareAndSwap(true, false) {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}
		conn, err := new(net.Dialer).DialContext(ctx, network, b.server.Addr())
		return brokenLine{conn, func(request []byte) bool {
			breaks := bytes.Contains(request, []byte("\r\nsubscribe\r\n")) && broken.CompareAndSwap(true, false)
			if breaks {
				stuck.Store(true)
			}
			return breaks
		}}, err
	}})
	t.Cleanup(func() { client.Close() })
	st, err := redisstore.New(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	first := watch(&bench{TB: t, plain: b.plain, Store: st}, "app:")
	first.expect(t, synced, 0)
	broken.Store(true)
	var joining sync.WaitGroup
	joining.Go(func() {
		for range st.WatchKey(t.Context(), "key") {
		}
	})
	eventually(t, "the subscription cannot be written to", func() bool { return !broken.Load() })
	closed := make(chan error, 1)
	go func() { closed <- st.Close() }()
	select {
	case err := <-closed:
		want(t, "close", err, nil)
	case <-time.After(time.Minute):
		t.Fatal("close waits for the new connection")
	}
	joining.Wait()
}

// brokenLine is a connection on which some requests cannot be written.
type brokenLine struct {
	net.Conn
	breaks func(request []byte) bool
}

func (b brokenLine) Write(request []byte) (int, error) {
	if b.breaks(request) {
		return 0, syscall.EPIPE
	}
	return b.Conn.Write(request)
}

// A replica publishes too, to those who listen to it, and hears nothing of what its master publishes
// while it has no connection to that.
func TestASubscriptionToAReplicaIsNotProven(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t)
	w := watch(b, "app:")
	w.expect(t, synced, 0)
	want(t, "watch error", b.WatchErr(), nil)
	b.do("REPLICAOF", "127.0.0.1", "1")
	eventually(t, "it says that the server takes no writes", func() bool {
		err := b.WatchErr()
		return err != nil && strings.Contains(err.Error(), "READONLY")
	})
	b.do("REPLICAOF", "NO", "ONE")
	eventually(t, "it is heard again", func() bool { return b.WatchErr() == nil })
}

// Each listening store proves that it hears all the time, so that has to cost the server little.
func TestAStoreThatOnlyListensRunsNoScripts(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t)
	listen(b)
	stats := func() string { return b.plain.Info(t.Context(), "commandstats").Val() }
	eventually(t, "it listens", func() bool { return strings.Contains(stats(), "cmdstat_subscribe:") })
	b.do("CONFIG", "RESETSTAT")
	eventually(t, "an echo is published", func() bool { return strings.Contains(stats(), "cmdstat_publish:") })
	if strings.Contains(stats(), "cmdstat_evalsha:") {
		t.Error("a script was run")
	}
}

// Each echo goes through one master, and most masters are well.
func TestAMasterThatIsNotHeardIsSaidUntilItIs(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := redistest.StartCluster(t, 3)
	client := cluster.Client()
	b := &bench{TB: t, plain: client, Store: open(t, client)}
	w := watch(b, "app:")
	w.expect(t, synced, 0)
	eventually(t, "all masters are heard", func() bool { return b.WatchErr() == nil })
	var other *redistest.Server // than the one that the store listens to
	for _, master := range cluster.Masters {
		if !strings.Contains(master.Client().Do(t.Context(), "client", "list", "type", "pubsub").String(), "addr=") {
			other = master
		}
	}
	other.Pause()
	defer other.Resume()
	eventually(t, "a master is not heard", func() bool { return b.WatchErr() != nil })
	for late := time.Now().Add(10 * time.Second); time.Now().Before(late); time.Sleep(5 * time.Millisecond) {
		if b.WatchErr() == nil {
			t.Fatal("all masters count as heard while one is paused")
		}
	}
	other.Resume()
	eventually(t, "all masters are heard again", func() bool { return b.WatchErr() == nil })
}
