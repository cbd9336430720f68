package backends

import (
	"context"
	"net"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/store"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
	"github.com/leasehold-go/leasehold/store/storetest"
)

// requestLimit is how long one request to servers that run may take. None is
// expected to.
const requestLimit = time.Minute

type member struct{ *etcdtest.Cluster }

func startEtcd(t testing.TB) servers { return member{etcdtest.Start(t, etcdtest.Settings{})} }

func (e member) place(t testing.TB) *Place {
	c := e.For(t)
	return onEtcd(t, c, Faults{c.Restart, c.RestartEmpty, c.Pause, c.Resume})
}

type members struct{ *etcdtest.Cluster }

func startMembers(t testing.TB) servers {
	return members{etcdtest.Start(t, etcdtest.Settings{Members: 3})}
}

func (e members) place(t testing.TB) *Place {
	c := e.For(t)
	failover := func() {
		old := c.Leader()
		old.Kill()
		c.Leader()
		old.Restart()
	}
	return onEtcd(t, c, Faults{failover, c.RestartEmpty, c.Pause, c.Resume})
}

// onEtcd returns a place that is emptied once its stores are closed.
func onEtcd(t testing.TB, c *etcdtest.Cluster, faults Faults) *Place {
	t.Helper()
	other := plainEtcd{t, c.Client()}
	t.Cleanup(other.clear)
	return &Place{
		TB: t, URL: c.URL(), Faults: faults, lines: new(lines),
		Outsider: &storetest.Outsider{Put: other.put, Overwrite: other.overwrite, Delete: other.del, Get: other.get},
		open: func(t testing.TB, l *lines) (store.Store, error) {
			st, err := etcdstore.New(t.Context(), c.For(t).Client(func(cfg *clientv3.Config) {
				cfg.DialOptions = append(cfg.DialOptions, grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
					return l.dial(ctx, "tcp", addr)
				}))
			}))
			if err == nil {
				t.Cleanup(func() { st.Close() })
			}
			return st, err
		},
	}
}

// plainEtcd is a program that sends etcd requests of its own.
type plainEtcd struct {
	t      testing.TB
	client *clientv3.Client
}

// do sends a request, which has to succeed.
func (p plainEtcd) do(op clientv3.Op) clientv3.OpResponse {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), requestLimit)
	defer cancel()
	answer, err := p.client.Do(ctx, op)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer
}

// clear removes all data. Leases of records that were there end by themselves.
func (p plainEtcd) clear() {
	p.t.Helper()
	p.do(clientv3.OpDelete("\x00", clientv3.WithFromKey()))
}

func (p plainEtcd) put(key string, value []byte, ttl time.Duration) {
	p.t.Helper()
	if ttl == store.Forever {
		p.do(clientv3.OpPut(key, string(value)))
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), requestLimit)
	defer cancel()
	lease, err := p.client.Grant(ctx, int64((ttl+time.Second-1)/time.Second))
	if err != nil {
		p.t.Fatal(err)
	}
	p.do(clientv3.OpPut(key, string(value), clientv3.WithLease(lease.ID)))
}

func (p plainEtcd) overwrite(key string, value []byte) {
	p.t.Helper()
	p.do(clientv3.OpPut(key, string(value), clientv3.WithIgnoreLease()))
}

func (p plainEtcd) del(key string) {
	p.t.Helper()
	p.do(clientv3.OpDelete(key))
}

// get counts a value in its last second as having a second left.
func (p plainEtcd) get(key string) ([]byte, time.Duration) {
	p.t.Helper()
	answer := p.do(clientv3.OpGet(key))
	if answer.Get().Count == 0 {
		return nil, 0
	}
	record := answer.Get().Kvs[0]
	if record.Lease == 0 {
		return record.Value, store.Forever
	}
	ctx, cancel := context.WithTimeout(context.Background(), requestLimit)
	defer cancel()
	lease, err := p.client.TimeToLive(ctx, clientv3.LeaseID(record.Lease))
	if err != nil {
		p.t.Fatal(err)
	}
	return record.Value, max(time.Second, time.Duration(lease.TTL)*time.Second)
}
