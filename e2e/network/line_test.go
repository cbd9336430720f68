package network_test

import (
	"context"
	"crypto/sha1"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/leasehold-go/leasehold/e2e/backends"
	"github.com/leasehold-go/leasehold/e2e/network"
	"github.com/leasehold-go/leasehold/store"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

// row is a backend whose network lies.
type row struct {
	wire  network.Wire
	open  func(*line) (store.Store, error) // a store behind the proxy
	late  func(l *line, request []byte)    // has a request arrive past the proxy
	nonce func(store.Nonce) string         // as a create has it
	// settles says that a delete by nonce first sees to it that the create does not
	// come any more, in a request of its own.
	settles bool
	// forgets says that who is cut off is not told later what he missed.
	forgets bool
	// prepares says that a write may wait for a request before it, so that a context
	// can end before it is sent.
	prepares bool
}

var rows = map[string]row{
	"redis": {wire: network.Lines, open: openRedis, late: lateLines, nonce: markOf, forgets: true},
	"etcd":  {wire: network.GRPC, open: openEtcd, late: lateTxn, nonce: store.Nonce.String, settles: true, prepares: true},
}

// line is a store that talks to a real server through a proxy, and one beside it
// that does not.
type line struct {
	testing.TB
	*network.Proxy
	row
	far     store.Store // through the proxy
	near    store.Store
	servers *backends.Place
	short   time.Duration // a ttl to wait for
}

// onEach runs a test on a line of its own to each backend.
func onEach(t *testing.T, test func(*testing.T, *line)) {
	t.Helper()
	backends.Apart(t, maps.Keys(rows), func(t *testing.T, name string, servers *backends.Place) {
		test(t, connect(t, name, servers))
	})
}

func connect(t *testing.T, name string, servers *backends.Place) *line {
	t.Helper()
	_, addr, _ := strings.Cut(servers.URL, "://")
	l := &line{TB: t, row: rows[name], servers: servers, near: servers.Open()}
	l.Proxy = network.Start(t, addr, l.wire)
	st, err := l.open(l)
	if err != nil {
		t.Fatal(err)
	}
	l.far, l.short = st, max(200*time.Millisecond, store.CapabilitiesOf(st).MinTTL)
	return l
}

// sound has a store closed on a sound network, so that calls that were given up end.
func (l *line) sound(closeStore func() error) {
	l.Cleanup(func() {
		l.Heal()
		l.Cut()
		closeStore()
	})
}

func openRedis(l *line) (store.Store, error) {
	client := redis.NewClient(&redis.Options{Addr: l.Addr()})
	l.Cleanup(func() { client.Close() })
	st, err := redisstore.New(l.Context(), client)
	if err != nil {
		return nil, err
	}
	l.sound(st.Close)
	return st, nil
}

// openEtcd pings, or silence would last until the network gave the connection up.
func openEtcd(l *line) (store.Store, error) {
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{l.Addr()}, Logger: zap.NewNop(),
		DialKeepAliveTime: 10 * time.Second, DialKeepAliveTimeout: time.Second})
	if err != nil {
		return nil, err
	}
	l.Cleanup(func() { client.Close() })
	st, err := etcdstore.New(l.Context(), client)
	if err != nil {
		return nil, err
	}
	l.sound(st.Close)
	return st, nil
}

// markOf is what a create on Redis has of its nonce.
func markOf(n store.Nonce) string {
	sum := sha1.Sum(n[:])
	return string(sum[:8])
}

func lateLines(l *line, request []byte) { l.Deliver(l, request) }

// lateTxn sends the same message once more, but for a read, which changes nothing. What a
// server answers to one that names a lease which is gone is an error.
func lateTxn(l *line, request []byte) {
	l.Helper()
	txn := new(pb.TxnRequest)
	err := proto.Unmarshal(request, txn)
	if err != nil && proto.Unmarshal(request, new(pb.RangeRequest)) == nil {
		return
	}
	if err != nil || len(txn.Success) == 0 {
		l.Fatalf("the request is no transaction: %v, %q", err, request)
	}
	_, addr, _ := strings.Cut(l.servers.URL, "://")
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{addr}, Logger: zap.NewNop()})
	if err != nil {
		l.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := pb.NewKVClient(client.ActiveConnection()).Txn(ctx, txn)
	if ctx.Err() != nil {
		l.Fatalf("no answer to what was delivered late: %v", err)
	}
	l.Logf("late: %v %v", answer, err)
}
