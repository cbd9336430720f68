package etcd_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/e2e/backends"
	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/internal/findingtest"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
)

// unhurried has a TTL with which no round trip of a busy machine is too slow.
var unhurried = store.Usage{Prefix: "app/", TTL: 24 * time.Hour}

func checked(t *testing.T, client *clientv3.Client) []store.Finding {
	t.Helper()
	found, err := etcdstore.Check(t.Context(), client, unhurried)
	if err != nil {
		t.Fatal(err)
	}
	findingtest.Form(t, found)
	return found
}

// worse returns the checks whose findings are not ok.
func worse(found []store.Finding) (checks []string) {
	for _, f := range found {
		if f.Level != store.LevelOK {
			checks = append(checks, f.Check)
		}
	}
	return checks
}

func TestCheckOfOneMember(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	client := cluster.Client()
	found := checked(t, client)
	if bad := worse(found); !slices.Equal(bad, []string{"members"}) {
		t.Errorf("not ok: %q: %+v", bad, found)
	}
	findingtest.Want(t, found, "members", store.LevelWarn, "1 of 1", "use three")
	findingtest.Want(t, found, "clock", store.LevelOK, "as on this machine")
	findingtest.Want(t, found, "ttl", store.LevelOK)

	// Nothing is left.
	keys, err := client.Get(t.Context(), "", clientv3.WithPrefix(), clientv3.WithCountOnly())
	if err != nil || keys.Count != 0 {
		t.Errorf("%d keys are left, %v", keys.Count, err)
	}
	leases, err := client.Leases(t.Context())
	if err != nil || len(leases.Leases) != 0 {
		t.Errorf("%d etcd leases are left, %v", len(leases.Leases), err)
	}

	if _, err := client.Compact(t.Context(), keys.Header.Revision); err != nil {
		t.Fatal(err)
	}
	findingtest.Want(t, checked(t, client), "compaction", store.LevelOK, "are compacted")
	short := store.Usage{TTL: store.MinTTL}
	found, err = etcdstore.Check(t.Context(), client, short)
	if err != nil {
		t.Fatal(err)
	}
	findingtest.Want(t, found, "ttl", store.LevelUnsafe, "100ms is refused")
	findingtest.Want(t, found, "right to write", store.LevelOK, "keys of services not tried")
}

// Debian's etcd-server is 3.4. It has no AuthStatus and does not tell its quota.
func TestCheckOfAnOldEtcd(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{Program: "etcd"})
	found := checked(t, cluster.Client())
	findingtest.Want(t, found, "version", store.LevelOK, "etcd 3.4")
	findingtest.Want(t, found, "database", store.LevelUnknown, "--quota-backend-bytes")
	findingtest.Want(t, found, "trial", store.LevelOK)
	secure(t, cluster.Client(), "app/", "leasehold:")
	found = checked(t, cluster.Client(asUser("app", "secret")))
	findingtest.Want(t, found, "trial", store.LevelUnsafe, "must be 3.5 or later")
}

func TestCheckOfThreeMembers(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{Members: 3})
	client := cluster.Client()
	found := checked(t, client)
	if bad := worse(found); len(bad) > 0 {
		t.Errorf("not ok: %q: %+v", bad, found)
	}
	findingtest.Want(t, found, "members", store.LevelOK, "3 of 3")
	findingtest.Want(t, found, "clocks", store.LevelOK, "3 servers")
	// A client of one member learns of the others.
	one := cluster.Client(func(cfg *clientv3.Config) { cfg.Endpoints = cfg.Endpoints[:1] })
	findingtest.Want(t, checked(t, one), "members", store.LevelOK, "3 of 3")

	leader := cluster.Leader()
	var others []etcdtest.Member
	for i := range 3 {
		if m := cluster.Member(i); m.Endpoint() != leader.Endpoint() {
			others = append(others, m)
		}
	}
	others[0].Kill()
	client = cluster.Client() // without a connection to that one
	found = checked(t, client)
	findingtest.Want(t, found, "members", store.LevelWarn, "2 of 3")
	findingtest.Want(t, found, "connection", store.LevelWarn, "does not reach the member")
	findingtest.Want(t, found, "trial", store.LevelOK)

	others[1].Kill()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	found, err := etcdstore.Check(ctx, client, unhurried)
	if err != nil {
		t.Fatal(err)
	}
	findingtest.Want(t, found, "members", store.LevelUnsafe, "1 of 3", "without a majority")
	findingtest.Want(t, found, "trial", store.LevelUnsafe)

	leader.Kill()
	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := etcdstore.Check(short, client, unhurried); !errors.As(err, new(*etcdstore.ServerError)) || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("without a member: %v", err)
	}
}

// Each member is asked at the same time, so one that hangs hides no other: a majority stays one.
func TestAHungMemberHidesNoOther(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{Members: 3})
	for hung := range 3 {
		client := cluster.Client(func(cfg *clientv3.Config) { cfg.Endpoints = []string{cluster.Member((hung + 1) % 3).Endpoint()} })
		cluster.Member(hung).Pause()
		findingtest.Want(t, checked(t, client), "members", store.LevelWarn, "2 of 3")
		client = cluster.Client(func(cfg *clientv3.Config) {
			cfg.Endpoints = []string{cluster.Member(hung).Endpoint(), cluster.Member((hung + 2) % 3).Endpoint()}
		})
		findingtest.Want(t, checked(t, client), "members", store.LevelWarn, "2 of 3")
		cluster.Member(hung).Resume()
	}
}

func TestCheckNamesAnAlarm(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{Quota: 8 << 20})
	client := cluster.Client()
	value := string(bytes.Repeat([]byte("x"), 1<<20))
	var err error
	for range 20 {
		if _, err = client.Put(t.Context(), "other", value); err != nil {
			break
		}
	}
	if err == nil {
		t.Fatal("the database does not fill")
	}
	found := checked(t, client)
	findingtest.Want(t, found, "alarms", store.LevelUnsafe, "NOSPACE", "etcdctl alarm disarm")
	findingtest.Want(t, found, "database", store.LevelWarn, "--quota-backend-bytes")
	findingtest.Want(t, found, "trial", store.LevelUnsafe, "NOSPACE")
}

func TestCheckThroughTLS(t *testing.T) {
	t.Parallel()
	var s etcdtest.Settings
	s.Certificate, s.Key = backends.Certificate(t)
	text, err := os.ReadFile(s.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	found := checked(t, etcdtest.Start(t, s).Client(func(cfg *clientv3.Config) {
		cfg.TLS = &tls.Config{RootCAs: roots}
		for i, endpoint := range cfg.Endpoints {
			cfg.Endpoints[i] = "https://" + endpoint
		}
	}))
	findingtest.Want(t, found, "tls", store.LevelOK, "TLS")
	findingtest.Want(t, found, "clock", store.LevelOK, "as on this machine")
	findingtest.Want(t, found, "trial", store.LevelOK)
}

func TestCheckNamesEachMissingRight(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	secure(t, cluster.Client())
	root, app := cluster.Client(asUser("root", "secret")), cluster.Client(asUser("app", "secret"))
	read, write, both := clientv3.PermissionType(clientv3.PermRead), clientv3.PermissionType(clientv3.PermWrite), clientv3.PermissionType(clientv3.PermReadWrite)
	grant := func(prefix string, kind clientv3.PermissionType) {
		t.Helper()
		if _, err := root.RoleGrantPermission(t.Context(), "app", prefix, clientv3.GetPrefixRangeEnd(prefix), kind); err != nil {
			t.Fatal(err)
		}
	}
	line := func(right, prefix string) string {
		return "etcdctl role grant-permission app --prefix=true " + right + " " + prefix
	}
	found := checked(t, app)
	findingtest.Want(t, found, "right to read", store.LevelWarn, line("read", "leasehold:"), line("read", "app/"))
	findingtest.Want(t, found, "right to write", store.LevelWarn, line("readwrite", "leasehold:"), line("readwrite", "app/"))
	findingtest.Want(t, found, "right to ask", store.LevelWarn, line("readwrite", "leasehold:q:"), line("read", "leasehold:a:"))
	findingtest.Want(t, found, "right to answer", store.LevelWarn, line("readwrite", "leasehold:q:"), line("readwrite", "leasehold:a:"))
	findingtest.Want(t, found, "right to logs", store.LevelWarn, line("readwrite", "leasehold:l:"))
	findingtest.Want(t, found, "trial", store.LevelWarn, "New refuses this user")
	findingtest.Want(t, found, "alarms", store.LevelOK)
	findingtest.Want(t, found, "latency", store.LevelOK, "no write was possible")

	grant("leasehold:", read)
	grant("app/", read)
	found = checked(t, app)
	findingtest.Want(t, found, "right to read", store.LevelOK)
	findingtest.Want(t, found, "right to write", store.LevelWarn, line("readwrite", "leasehold:"), line("readwrite", "app/"))
	findingtest.Want(t, found, "right to logs", store.LevelWarn, line("readwrite", "leasehold:l:"))
	findingtest.Want(t, found, "trial", store.LevelWarn)
	findingtest.Want(t, found, "latency", store.LevelOK, "no write was possible")

	grant("leasehold:", both)
	grant("app/", write)
	found = checked(t, app)
	findingtest.Want(t, found, "right to read", store.LevelWarn, "missing: read app/;")
	findingtest.Want(t, found, "right to write", store.LevelOK)
	findingtest.Want(t, found, "trial", store.LevelOK)

	grant("app/", both)
	if bad := worse(checked(t, app)); !slices.Equal(bad, []string{"members"}) {
		t.Errorf("with the rights of docs/operations.md: %q", bad)
	}
}
