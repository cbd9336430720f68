package etcd_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/store"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
)

// newAt returns the error of New for a client of one endpoint.
func newAt(t *testing.T, ctx context.Context, endpoint string) error {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	st, err := etcdstore.New(ctx, client)
	if err == nil {
		st.Close()
		t.Fatalf("%s is taken for an etcd server", endpoint)
	}
	return err
}

// grpcServer returns the address of a gRPC server without services.
func grpcServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	go s.Serve(l)
	t.Cleanup(s.Stop)
	return l.Addr().String()
}

// httpServer returns the address of a web server.
func httpServer(t *testing.T) string {
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestNewSaysWhyAnEndpointIsNoEtcdServer(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t, etcdtest.Settings{}).Endpoints()[0]
	for name, c := range map[string]struct{ endpoint, says, rule string }{
		"nobody listens": {"127.0.0.1:1", "connection refused", "must be reachable"},
		// A name that the resolver refuses by itself.
		"no such host":                  {"no..such.host:2379", "no such host", "must be reachable"},
		"no port":                       {"127.0.0.1", "missing port", "host:port"},
		"an unknown scheme":             {"etcd://" + etcd, "etcd://" + etcd, "http://"},
		"TLS where the server has none": {"https://" + etcd, "handshake", "http://"},
		"a Redis server":                {redistest.Start(t).Addr(), "preface", "must be an etcd server"},
		"a web server":                  {httpServer(t), "preface", "must be an etcd server"},
		"a gRPC server":                 {grpcServer(t), "unknown service etcdserverpb", "must be an etcd server"},
		"a server without an answer":    {silentListener(t), "", "must answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			err := newAt(t, ctx, c.endpoint)
			want(t, "new", err, store.ErrUnavailable)
			refused := new(etcdstore.ServerError)
			if !errors.As(err, &refused) || refused.Server != c.endpoint || refused.What != "connect" {
				t.Fatalf("%#v", err)
			}
			if text := err.Error(); !strings.Contains(text, c.says) || !strings.Contains(refused.Rule, c.rule) || strings.Contains(text, "\n") {
				t.Errorf("%q does not say %q, %q", text, c.says, c.rule)
			}
		})
	}
}

// It waits for a server that starts meanwhile only if the store is to be used for long.
func TestNewWithoutATrialTriesToConnectOnce(t *testing.T) {
	t.Parallel()
	var dials atomic.Int64
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{"127.0.0.1:1"}, Logger: quiet(), DialOptions: []grpc.DialOption{
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			dials.Add(1)
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		}),
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_, err = etcdstore.New(t.Context(), client, etcdstore.WithoutTrial())
	want(t, "new", err, store.ErrUnavailable)
	if text := err.Error(); !strings.Contains(text, "must be reachable") || !strings.Contains(text, "connection refused") {
		t.Error(text)
	}
	if n := dials.Load(); n != 1 {
		t.Errorf("%d connections were tried", n)
	}
}

func TestNewReturnsWithoutADeadline(t *testing.T) {
	full.Only(t)
	t.Parallel()
	for name, endpoint := range map[string]string{"nobody listens": "127.0.0.1:1", "nobody answers": silentListener(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want(t, "new", newAt(t, context.Background(), endpoint), store.ErrUnavailable)
		})
	}
}

// The client puts watches with the same metadata on one stream, which keeps its first token.
func TestNewSucceedsBesideAWatchWhoseTokenHasExpired(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{TokenTTL: 2 * time.Second})
	secure(t, cluster.Client(), "app/", "leasehold:")
	client := cluster.Client(asUser("app", "secret"))
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(t.Context()))
	defer cancel()
	<-client.Watch(ctx, "app/key", clientv3.WithCreatedNotify())
	for late := time.Now().Add(time.Minute); ; {
		time.Sleep(4 * time.Second) // a shorter pause would keep the token alive
		again, stop := context.WithCancel(ctx)
		r := <-client.Watch(again, "app/key", clientv3.WithCreatedNotify())
		stop()
		if r.Err() != nil {
			break
		}
		if time.Now().After(late) {
			t.Fatal("the token of the stream does not expire")
		}
	}
	open(t, client)
}

// Debian's etcd-server is 3.4. The client needs a new token each time one expires, and asks
// for it with the old one.
func TestServersThatDoNotRenewAnExpiredTokenAreRefused(t *testing.T) {
	full.Only(t)
	t.Parallel()
	for name, program := range map[string]string{"of this module": "", "of Debian": "etcd"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := etcdtest.Start(t, etcdtest.Settings{Program: program})
			open(t, cluster.Client()) // without a user there is no token
			secure(t, cluster.Client(), "app/", "leasehold:")
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+cluster.Endpoints()[0]+"/v3/auth/authenticate",
				strings.NewReader(`{"name": "app", "password": "secret"}`))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", "expired.1")
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			st, err := etcdstore.New(t.Context(), cluster.Client(asUser("app", "secret")))
			if renews := answer.StatusCode == http.StatusOK; renews != (err == nil) {
				t.Fatalf("status %d, new: %v", answer.StatusCode, err)
			}
			if err == nil {
				st.Close()
				return
			}
			refused := new(etcdstore.ServerError)
			if !errors.As(err, &refused) || refused.What != "version" || errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%#v", err)
			}
		})
	}
}

func TestAUserWithoutAllNotesAndMarksIsRefused(t *testing.T) {
	t.Parallel()
	for name, rights := range map[string][]string{
		"notes": {"app/", "leasehold:probe:", "leasehold:n:", "leasehold:o:app/", "leasehold:o:leasehold:probe:"},
		"marks": {"app/", "leasehold:probe:", "leasehold:o:", "leasehold:n:005:app/a:", "leasehold:n:048:leasehold:probe:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := etcdtest.Start(t, etcdtest.Settings{})
			secure(t, cluster.Client(), rights...)
			_, err := etcdstore.New(t.Context(), cluster.Client(asUser("app", "secret")))
			want(t, "new", err, etcdstore.ErrDenied)
			if !strings.Contains(fmt.Sprint(err), `read and write all keys under "leasehold:"`) {
				t.Errorf("%v does not name the right", err)
			}
		})
	}
}

func TestWatchErrSaysThatDeletionsAreNotReported(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	root := cluster.Client()
	secure(t, root, "app/", "leasehold:")
	root = cluster.Client(asUser("root", "secret"))
	st := open(t, cluster.Client(asUser("app", "secret")))
	grant, revoke := clientv3.PermissionType(clientv3.PermReadWrite), clientv3.GetPrefixRangeEnd("leasehold:")
	if _, err := root.RoleRevokePermission(t.Context(), "app", "leasehold:", revoke); err != nil {
		t.Fatal(err)
	}
	reported := make(chan string, 1)
	var hints atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for key := range st.Deletions(ctx) {
			if key == "" {
				hints.Add(1)
				continue
			}
			reported <- key
			return
		}
	}()
	eventually := func(what string, ok func(error) bool) {
		t.Helper()
		for late := time.Now().Add(time.Minute); !ok(st.WatchErr()); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(late) {
				t.Fatalf("%s: the watch error is %v", what, st.WatchErr())
			}
		}
	}
	eventually("without the right", func(err error) bool { return errors.Is(err, etcdstore.ErrDenied) })
	time.Sleep(time.Second) // for more tries
	if n := hints.Load(); n > 0 {
		t.Errorf("%d times it was reported that deletes were missed, and nothing was heard yet", n)
	}
	if _, err := root.RoleGrantPermission(t.Context(), "app", "leasehold:", revoke, grant); err != nil {
		t.Fatal(err)
	}
	eventually("with the right", func(err error) bool { return err == nil })
	eventually("deletes were missed", func(error) bool { return hints.Load() == 1 })
	record, err := st.Create(t.Context(), claim("app/key", long))
	if err != nil {
		t.Fatal(err)
	}
	want(t, "delete", st.Delete(t.Context(), "app/key", store.ByToken(record.Token)))
	if key := <-reported; key != "app/key" {
		t.Errorf("the delete of %q was reported", key)
	}
}
