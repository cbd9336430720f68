package etcd_test

import (
	"context"
	"flag"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/internal/built"
	"github.com/leasehold-go/leasehold/store"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
)

func TestMain(m *testing.M) {
	flag.Set("test.parallel", "4") // a test waits most of the time
	built.Main(m)
}

func open(t testing.TB, client *clientv3.Client) *etcdstore.Store {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	st, err := etcdstore.New(ctx, client)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

// connections are the connections of a client. A test can close them all.
type connections struct {
	mu   sync.Mutex
	open []net.Conn
}

func (c *connections) dial(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open = append(c.open, conn)
	return conn, nil
}

func (c *connections) closeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.open {
		conn.Close() // fails if the client has closed it
	}
	c.open = nil
}

// client returns a client of a cluster that uses the connections.
func (c *connections) client(cluster *etcdtest.Cluster) *clientv3.Client {
	return cluster.Client(func(cfg *clientv3.Config) {
		cfg.DialOptions = append(cfg.DialOptions, grpc.WithContextDialer(c.dial))
	})
}

// putAndCompact writes a key of no store and compacts all revisions before it.
func putAndCompact(t *testing.T, client *clientv3.Client) {
	t.Helper()
	put, err := client.Put(t.Context(), "other", "value")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Compact(t.Context(), put.Header.Revision, clientv3.WithCompactPhysical()); err != nil {
		t.Fatal(err)
	}
}

// otherProgram is a program that uses etcd without this library.
type otherProgram struct {
	t      testing.TB
	client *clientv3.Client
}

func (s otherProgram) context() (context.Context, func()) {
	return context.WithTimeout(s.t.Context(), 20*time.Second)
}

func (s otherProgram) put(key string, value []byte, ttl time.Duration) {
	s.t.Helper()
	ctx, cancel := s.context()
	defer cancel()
	var opts []clientv3.OpOption
	if ttl != store.Forever {
		lease, err := s.client.Grant(ctx, int64((ttl+time.Second-1)/time.Second))
		if err != nil {
			s.t.Fatal(err)
		}
		opts = append(opts, clientv3.WithLease(lease.ID))
	}
	if _, err := s.client.Put(ctx, key, string(value), opts...); err != nil {
		s.t.Fatal(err)
	}
}

func (s otherProgram) overwrite(key string, value []byte) {
	s.t.Helper()
	ctx, cancel := s.context()
	defer cancel()
	if _, err := s.client.Put(ctx, key, string(value), clientv3.WithIgnoreLease()); err != nil {
		s.t.Fatal(err)
	}
}

func (s otherProgram) delete(key string) {
	s.t.Helper()
	ctx, cancel := s.context()
	defer cancel()
	if _, err := s.client.Delete(ctx, key); err != nil {
		s.t.Fatal(err)
	}
}

// get returns a key's value and time left. The server rounds down to a second, so get adds
// one.
func (s otherProgram) get(key string) ([]byte, time.Duration) {
	s.t.Helper()
	ctx, cancel := s.context()
	defer cancel()
	got, err := s.client.Get(ctx, key)
	if err != nil {
		s.t.Fatal(err)
	}
	if len(got.Kvs) == 0 {
		return nil, 0
	}
	kv := got.Kvs[0]
	if kv.Lease == 0 {
		return kv.Value, store.Forever
	}
	lease, err := s.client.TimeToLive(ctx, clientv3.LeaseID(kv.Lease))
	if err != nil {
		s.t.Fatal(err)
	}
	if lease.GrantedTTL == 0 {
		return nil, 0
	}
	return kv.Value, time.Duration(min(max(lease.TTL, 0)+1, lease.GrantedTTL)) * time.Second
}

func quiet() *zap.Logger { return zap.NewNop() }

// silentListener returns the address of a listener that takes connections and never answers.
func silentListener(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// counter counts the requests of a client: calls, and messages on streams.
type counter struct{ n atomic.Int64 }

func (c *counter) client(cluster *etcdtest.Cluster) *clientv3.Client {
	return cluster.Client(func(cfg *clientv3.Config) {
		cfg.DialOptions = append(cfg.DialOptions,
			grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
				c.n.Add(1)
				return invoke(ctx, method, req, reply, cc, opts...)
			}),
			grpc.WithChainStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
				stream, err := open(ctx, desc, cc, method, opts...)
				return counted{stream, c}, err
			}))
	})
}

type counted struct {
	grpc.ClientStream
	counter *counter
}

func (s counted) SendMsg(m any) error {
	s.counter.n.Add(1)
	return s.ClientStream.SendMsg(m)
}
