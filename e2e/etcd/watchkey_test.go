package etcd_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
)

// waiters are n watches of one key. They send their events to one channel until end is
// called.
type waiters struct {
	events chan store.Event
	end    context.CancelFunc
	all    sync.WaitGroup
	n      int
}

func watchKey(t *testing.T, st store.Store, key string, n int) *waiters {
	ctx, cancel := context.WithCancel(t.Context())
	w := &waiters{events: make(chan store.Event, 16*n), end: cancel, n: n}
	for range n {
		w.all.Go(func() {
			for e, err := range st.WatchKey(ctx, key) {
				if err != nil {
					if ctx.Err() == nil {
						t.Error(err)
					}
					return
				}
				select {
				case w.events <- e:
				case <-ctx.Done():
				}
			}
		})
	}
	return w
}

// await returns once every waiter has received an event of that kind and token.
func (w *waiters) await(t *testing.T, kind store.EventKind, token store.Token) {
	t.Helper()
	late := time.After(time.Minute)
	for left := w.n; left > 0; {
		select {
		case e := <-w.events:
			if e.Kind == kind && e.Record.Token == token {
				left--
			}
		case <-late:
			t.Fatalf("%d of %d waiters did not receive %v of token %d", left, w.n, kind, token)
		}
	}
}

func TestWatchesOfOneKeyShareTheirRequests(t *testing.T) {
	t.Parallel()
	const n = 300
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	c := new(counter)
	st, holder := open(t, c.client(cluster)), open(t, cluster.Client())
	before := c.n.Load()
	w := watchKey(t, st, "key", n)
	w.await(t, store.EventSynced, 0)
	if opened := c.n.Load() - before; opened > 10 {
		t.Errorf("%d watches of one key cost %d requests to open", n, opened)
	}
	const handovers = 20
	before, began := c.n.Load(), time.Now()
	for range handovers {
		grant, err := holder.Create(t.Context(), claim("key", long))
		if err != nil {
			t.Fatal(err)
		}
		w.await(t, store.EventPut, grant.Token)
		if err := holder.Delete(t.Context(), "key", store.ByToken(grant.Token)); err != nil {
			t.Fatal(err)
		}
		w.await(t, store.EventGone, grant.Token)
	}
	cost := float64(c.n.Load()-before) / handovers
	t.Logf("%v requests and %v a handover", cost, time.Since(began)/handovers)
	if cost > 10 {
		t.Errorf("%d watches of one key cost %v requests a handover", n, cost)
	}
	w.end()
	w.all.Wait()
}

// The watch of a key ends with its last user, and the next user opens another.
func TestASharedWatchGoesOnWhenUsersLeave(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	stays := watchKey(t, b, "key", 1)
	stays.await(t, store.EventSynced, 0)
	var last store.Grant
	for round := range 20 {
		leaves := watchKey(t, b, "key", 10)
		if round%2 == 0 {
			leaves.await(t, store.EventSynced, 0)
		}
		leaves.end()
		leaves.all.Wait()
		last = b.create(claim("key", long))
		stays.await(t, store.EventPut, last.Token)
		if err := b.Delete(b.Context(), "key", store.ByToken(last.Token)); err != nil {
			t.Fatal(err)
		}
		stays.await(t, store.EventGone, last.Token)
	}
	stays.end()
	stays.all.Wait()
	last = b.create(claim("key", long))
	again := watchKey(t, b, "key", 2)
	again.await(t, store.EventPut, last.Token)
	again.end()
	again.all.Wait()
}

// The first state that a watch yields is not older than the call, even if other watches read
// the key before.
func TestALaterWatchOfAKeyBeginsWithTheRecordAsItIs(t *testing.T) {
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	w := watchKey(t, b, "key", 3)
	defer w.end()
	w.await(t, store.EventSynced, 0)
	for i := range 200 {
		other := b.create(claim("key", long))
		for e, err := range b.WatchKey(t.Context(), "key") {
			if err != nil {
				t.Fatal(err)
			}
			if e.Kind != store.EventPut || e.Record.Token != other.Token {
				t.Fatalf("round %d: the first event is %v of token %d, want a put of %d", i, e.Kind, e.Record.Token, other.Token)
			}
			break
		}
		if err := b.Delete(b.Context(), "key", store.ByToken(other.Token)); err != nil {
			t.Fatal(err)
		}
		for e, err := range b.WatchKey(t.Context(), "key") {
			if err != nil || e.Kind != store.EventSynced {
				t.Fatalf("round %d: the first event is %v, %v, want synced", i, e.Kind, err)
			}
			break
		}
	}
}

// A renew without a value makes no event. When the time left that the watches know of has
// passed, they share one read of the key.
func TestWatchesOfAKeyShareTheReadAtTheEndOfItsTime(t *testing.T) {
	full.Only(t)
	t.Parallel()
	const n, ttl = 50, brief
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	c := new(counter)
	st, holder := open(t, c.client(cluster)), open(t, cluster.Client())
	grant, err := holder.Create(t.Context(), claim("key", ttl))
	if err != nil {
		t.Fatal(err)
	}
	w := watchKey(t, st, "key", n)
	defer w.end()
	w.await(t, store.EventSynced, 0)
	before := c.n.Load()
	for began := time.Now(); time.Since(began) < 2*ttl; time.Sleep(ttl / 8) {
		if err := renewed(holder, "key", grant.Token); err != nil {
			t.Fatal(err)
		}
	}
	if cost := c.n.Load() - before; cost < 2 || cost > 30 {
		t.Errorf("%d watches cost %d requests in two ttls", n, cost)
	}
	for len(w.events) > 0 {
		t.Errorf("got %+v of a record that was renewed", <-w.events)
	}
	if err := holder.Close(); err != nil {
		t.Fatal(err)
	}
	w.await(t, store.EventGone, grant.Token)
}

func TestAWatchOfAKeyFollowsALossOfData(t *testing.T) {
	full.Only(t)
	t.Parallel()
	b := start(t, etcdtest.Settings{})
	for i := range 50 {
		b.create(claim(fmt.Sprint("other ", i), long)) // so that the new revisions are smaller
	}
	grant := b.create(claim("key", long))
	w := watchKey(t, b, "key", 5)
	defer w.end()
	w.await(t, store.EventPut, grant.Token)
	b.cluster.RestartEmpty()
	w.await(t, store.EventGone, grant.Token)
	holder := open(t, b.cluster.Client())
	for range 3 {
		next, err := holder.Create(t.Context(), claim("key", long))
		if err != nil {
			t.Fatal(err)
		}
		w.await(t, store.EventPut, next.Token)
		if err := holder.Delete(t.Context(), "key", store.ByToken(next.Token)); err != nil {
			t.Fatal(err)
		}
		w.await(t, store.EventGone, next.Token)
	}
}

// countWatchStreams has a client count the streams that it opens for etcd watches.
func countWatchStreams(n *atomic.Int64) func(*clientv3.Config) {
	return func(cfg *clientv3.Config) {
		cfg.DialOptions = append(cfg.DialOptions, grpc.WithChainStreamInterceptor(
			func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
				if strings.HasSuffix(method, "/Watch") {
					n.Add(1)
				}
				return open(ctx, desc, cc, method, opts...)
			}))
	}
}

// A quiet stream is asked for signs of life. The client would open another stream for that if
// the metadata differed.
func TestAQuietStreamOfWatchedKeysStaysOpen(t *testing.T) {
	full.Only(t)
	t.Parallel()
	var streams atomic.Int64
	st := open(t, etcdtest.Start(t, etcdtest.Settings{}).Client(countWatchStreams(&streams)))
	var watches [3]*waiters
	for i := range watches {
		watches[i] = watchKey(t, st, fmt.Sprint("key", i), 1)
		watches[i].await(t, store.EventSynced, 0)
		if i == 0 {
			streams.Store(0)
		}
	}
	time.Sleep(7 * time.Second) // one sign of life; without it the stream would end after ten seconds
	if n := streams.Load(); n > 0 {
		t.Errorf("%d more streams", n)
	}
	for _, w := range watches {
		w.end()
		w.all.Wait()
	}
}

func TestWatchedKeysOfAStreamThatHangsHearAgain(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	d := new(hangSwitch)
	st, holder := open(t, d.client(cluster)), open(t, cluster.Client())
	var watches [3]*waiters
	for i := range watches {
		watches[i] = watchKey(t, st, fmt.Sprint("key", i), 1)
		watches[i].await(t, store.EventSynced, 0)
	}
	d.hangs.Add(1)
	for i, w := range watches {
		grant, err := holder.Create(t.Context(), claim(fmt.Sprint("key", i), long))
		if err != nil {
			t.Fatal(err)
		}
		w.await(t, store.EventPut, grant.Token)
		w.end()
		w.all.Wait()
	}
}

// The watches of a stream have the token with which the stream was opened.
func TestAKeyIsWatchedBesideOneWhoseTokenHasExpired(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{TokenTTL: 2 * time.Second})
	secure(t, cluster.Client(), "app/", "leasehold:")
	var streams atomic.Int64
	st := open(t, cluster.Client(asUser("app", "secret"), countWatchStreams(&streams)))
	first := watchKey(t, st, "app/first", 1)
	first.await(t, store.EventSynced, 0)
	before := streams.Load()
	for late := time.Now().Add(time.Minute); streams.Load() == before; {
		if time.Now().After(late) {
			t.Fatal("the token of the stream does not expire")
		}
		time.Sleep(4 * time.Second) // a shorter pause would keep the token alive
		second := watchKey(t, st, "app/second", 1)
		second.await(t, store.EventSynced, 0)
		second.end()
		second.all.Wait()
	}
	grant, err := st.Create(t.Context(), claim("app/first", long))
	if err != nil {
		t.Fatal(err)
	}
	first.await(t, store.EventPut, grant.Token)
	first.end()
	first.all.Wait()
}

func TestARefusedKeyLeavesTheStreamOfWatchedKeysToTheOthers(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	secure(t, cluster.Client(), "app/", "leasehold:")
	var streams atomic.Int64
	st := open(t, cluster.Client(asUser("app", "secret"), countWatchStreams(&streams)))
	first := watchKey(t, st, "app/first", 1)
	first.await(t, store.EventSynced, 0)
	before := streams.Load()
	for range 5 {
		for _, err := range st.WatchKey(t.Context(), "forbidden") {
			want(t, "watch of a forbidden key", err, store.ErrUnavailable, etcdstore.ErrDenied)
			break
		}
		second := watchKey(t, st, "app/second", 1)
		second.await(t, store.EventSynced, 0)
		second.end()
		second.all.Wait()
	}
	if n := streams.Load() - before; n > 0 {
		t.Errorf("%d more streams", n)
	}
	first.end()
	first.all.Wait()
}
