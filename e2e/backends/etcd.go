package backends

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/namespace"
	"google.golang.org/grpc"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/store"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
	"github.com/leasehold-go/leasehold/store/storetest"
)

// requestLimit is how long one request to servers that run may take. None is
// expected to.
const requestLimit = time.Minute

// oneEtcd is how a program is connected to one member.
type oneEtcd struct {
	namespace string
	user      bool // one that has the rights of docs/operations.md
	tls       bool
}

type member struct {
	*etcdtest.Cluster
	oneEtcd
	roots *x509.CertPool // nil without TLS
}

// The users of a member with users.
const (
	etcdRoot   = "root"
	etcdWorker = "worker"
	etcdSecret = "secret"
)

func startEtcd(as oneEtcd) func(testing.TB) servers {
	return func(t testing.TB) servers {
		var s etcdtest.Settings
		m := member{oneEtcd: as}
		if as.tls {
			s.Certificate, s.Key = Certificate(t)
			text, err := os.ReadFile(s.Certificate)
			if err != nil {
				t.Fatal(err)
			}
			m.roots = x509.NewCertPool()
			m.roots.AppendCertsFromPEM(text)
		}
		if as.user {
			s.TokenTTL = 2 * time.Second
		}
		m.Cluster = etcdtest.Start(t, s)
		m.addUsers(t, m.Cluster)
		return m
	}
}

// addUsers gives a member without data its users, if it is to have any.
func (e member) addUsers(t testing.TB, c *etcdtest.Cluster) {
	t.Helper()
	if !e.user {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), requestLimit)
	defer cancel()
	client := c.Client()
	defer client.Close()
	for _, user := range []string{etcdRoot, etcdWorker} {
		_, err1 := client.UserAdd(ctx, user, etcdSecret)
		_, err2 := client.RoleAdd(ctx, user)
		_, err3 := client.UserGrantRole(ctx, user, user)
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Fatal(err)
		}
	}
	for _, right := range EtcdRights(t) {
		// The keys of the suites have no common prefix: the right to one's own keys
		// becomes one to all but the library's, which are rights of their own.
		ranges := [][2]string{{right.Prefix, clientv3.GetPrefixRangeEnd(right.Prefix)}}
		if right.Prefix != store.Reserved {
			ranges = [][2]string{{"\x00", store.Reserved}, {clientv3.GetPrefixRangeEnd(store.Reserved), "\x00"}}
		}
		for _, r := range ranges {
			if _, err := client.RoleGrantPermission(ctx, etcdWorker, r[0], r[1], right.Type); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := client.AuthEnable(ctx); err != nil {
		t.Fatal(err)
	}
}

func (e member) place(t testing.TB) *Place {
	c := e.For(t)
	as := func(user string) func(*clientv3.Config) {
		return func(cfg *clientv3.Config) {
			if e.user {
				cfg.Username, cfg.Password = user, etcdSecret
			}
			if e.roots != nil {
				cfg.TLS = &tls.Config{RootCAs: e.roots}
			}
		}
	}
	within := func(client *clientv3.Client) *clientv3.Client {
		if e.namespace != "" {
			client.KV = namespace.NewKV(client.KV, e.namespace)
			client.Watcher = namespace.NewWatcher(client.Watcher, e.namespace)
			client.Lease = namespace.NewLease(client.Lease, e.namespace)
		}
		return client
	}
	url := c.URL()
	switch {
	case e.user:
		url = strings.Replace(url, "://", "://"+etcdWorker+":"+etcdSecret+"@", 1)
	case e.namespace != "", e.tls:
		url = ""
	}
	empty := func() {
		c.RestartEmpty()
		e.addUsers(t, c)
	}
	return onEtcd(t, url, within(c.Client(as(etcdRoot))), Faults{c.Restart, empty, c.Pause, c.Resume},
		func(t testing.TB, dial func(*clientv3.Config)) *clientv3.Client {
			return within(c.For(t).Client(as(etcdWorker), dial))
		})
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
	return onEtcd(t, c.URL(), c.Client(), Faults{failover, c.RestartEmpty, c.Pause, c.Resume},
		func(t testing.TB, dial func(*clientv3.Config)) *clientv3.Client { return c.For(t).Client(dial) })
}

// onEtcd returns a place that is emptied once its stores are closed. The other program uses
// client; each store uses a client from connect.
func onEtcd(t testing.TB, url string, client *clientv3.Client, faults Faults,
	connect func(testing.TB, func(*clientv3.Config)) *clientv3.Client) *Place {
	t.Helper()
	other := plainEtcd{t, client}
	t.Cleanup(other.clear)
	return &Place{
		TB: t, URL: url, Faults: faults, lines: new(lines),
		Outsider: &storetest.Outsider{Put: other.put, Overwrite: other.overwrite, Delete: other.del, Get: other.get},
		open: func(t testing.TB, l *lines) (store.Store, error) {
			st, err := etcdstore.New(t.Context(), connect(t, func(cfg *clientv3.Config) {
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
