package operations_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/e2e/backends"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/store"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

var usage = store.Usage{Prefix: "app:", TTL: time.Hour}

// missing returns what the findings on rights say that a user lacks.
func missing(found []store.Finding) (rights []string) {
	for _, f := range found {
		if strings.HasPrefix(f.Check, "right to ") && f.Level != store.LevelOK {
			for _, right := range strings.Fields(strings.TrimPrefix(f.Seen, "missing: ")) {
				rights = append(rights, strings.TrimPrefix(right, "%R")) // on Redis 7 reading is a right of its own
			}
		}
	}
	slices.Sort(rights)
	return slices.Compact(rights)
}

// The rights of this page are those that a check tries, each by itself.
func TestACheckNamesEachRightOfTheRedisUser(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	admin := server.Client()
	lacks := func(rights []string) []string {
		t.Helper()
		args := []any{"ACL", "SETUSER", "worker", "reset", "on", ">secret"}
		for _, right := range rights {
			args = append(args, right)
		}
		if err := admin.Do(t.Context(), args...).Err(); err != nil {
			t.Fatal(err)
		}
		client := redis.NewClient(&redis.Options{Addr: server.Addr(), Username: "worker", Password: "secret"})
		defer client.Close()
		found, err := redisstore.Check(t.Context(), client, usage)
		if err != nil {
			t.Fatal(err)
		}
		return missing(found)
	}
	rights := backends.RedisRights(t)
	if got := lacks(rights); len(got) > 0 {
		t.Errorf("with all rights, it misses %q", got)
	}
	if refused := refusedBy(t, admin); len(refused) > 0 {
		t.Errorf("with all rights, the server refused %+v", refused)
	}
	for i, right := range rights {
		if right[0] != '+' && right[0] != '~' && right[0] != '&' {
			continue // it takes rights away
		}
		fewer := slices.Delete(slices.Clone(rights), i, i+1)
		want := []string{right}
		if got := lacks(fewer); !slices.Equal(got, want) {
			t.Errorf("without %s, it misses %q", right, got)
		}
	}
}

// levelOf returns the level of a check, which has to be made once.
func levelOf(t *testing.T, found []store.Finding, check string) store.Level {
	t.Helper()
	some := slices.DeleteFunc(slices.Clone(found), func(f store.Finding) bool { return f.Check != check })
	if len(some) != 1 {
		t.Fatalf("%d findings about %s", len(some), check)
	}
	return some[0].Level
}

// The users of this page who are no workers have the rights that they are for.
func TestACheckOfOtherUsers(t *testing.T) {
	full.Only(t)
	t.Parallel()
	for user, want := range map[string]map[string]store.Level{
		"asker":  {"trial": store.LevelOK, "right to ask": store.LevelOK, "right to write": store.LevelWarn, "right to logs": store.LevelWarn},
		"reader": {"trial": store.LevelWarn, "right to read": store.LevelOK, "right to ask": store.LevelWarn, "right to write": store.LevelWarn, "right to logs": store.LevelWarn},
	} {
		t.Run(user, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			args := []any{"ACL", "SETUSER", user, "on", ">secret"}
			for _, right := range backends.RedisRightsOf(t, user) {
				args = append(args, right)
			}
			if err := server.Client().Do(t.Context(), args...).Err(); err != nil {
				t.Fatal(err)
			}
			client := redis.NewClient(&redis.Options{Addr: server.Addr(), Username: user, Password: "secret"})
			defer client.Close()
			onRedis, err1 := redisstore.Check(t.Context(), client, usage)
			if names := server.Client().Keys(t.Context(), "*").Val(); len(names) > 0 {
				t.Errorf("keys are left: %q", names)
			}

			cluster := withUsers(t)
			admin := cluster.Client(as("root"))
			addUser(t.Context(), t, admin, user, backends.EtcdRightsOf(t, user)...)
			onEtcd, err2 := etcdstore.Check(t.Context(), cluster.Client(as(user)), usage)
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			keys, err := admin.Get(t.Context(), "", clientv3.WithPrefix(), clientv3.WithCountOnly())
			leases, err1 := admin.Leases(t.Context())
			if err := errors.Join(err, err1); err != nil || keys.Count+int64(len(leases.Leases)) > 0 {
				t.Errorf("%d keys and %d etcd leases are left, %v", keys.Count, len(leases.Leases), err)
			}
			for _, found := range [][]store.Finding{onRedis, onEtcd} {
				for check, level := range want {
					if got := levelOf(t, found, check); got != level {
						t.Errorf("%s is %s, want %s: %+v", check, got, level, found)
					}
				}
			}
		})
	}
}

func TestACheckNamesEachRightOfTheEtcdRole(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := withUsers(t)
	admin := cluster.Client(as("root"))
	rights := backends.EtcdRights(t)
	for i, right := range rights {
		name := "without-" + right.Prefix
		addUser(t.Context(), t, admin, name, slices.Delete(slices.Clone(rights), i, i+1)...)
		found, err := etcdstore.Check(t.Context(), cluster.Client(as(name)), usage)
		if err != nil {
			t.Fatal(err)
		}
		line := "etcdctl role grant-permission " + name + " --prefix=true readwrite " + right.Prefix
		if !slices.ContainsFunc(found, func(f store.Finding) bool { return strings.Contains(f.Advice, line) }) {
			t.Errorf("no finding has %q: %+v", line, found)
		}
	}
}
