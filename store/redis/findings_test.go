package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/internal/findingtest"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/store"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

// slow has a TTL with which no round trip of a busy machine is too slow.
var slow = store.Usage{Prefix: "app:", TTL: 24 * time.Hour}

func checked(t *testing.T, client redis.UniversalClient) []store.Finding {
	t.Helper()
	found, err := redisstore.Check(t.Context(), client, slow)
	if err != nil {
		t.Fatal(err)
	}
	findingtest.Form(t, found)
	return found
}

// at returns the findings of a check on a server, or on all if that is empty.
func at(found []store.Finding, server, check string) (some []store.Finding) {
	for _, f := range found {
		if f.Check == check && (server == "" || f.Server == server) {
			some = append(some, f)
		}
	}
	return some
}

// worse returns the findings that are not ok.
func worse(found []store.Finding) []store.Finding {
	return slices.DeleteFunc(slices.Clone(found), func(f store.Finding) bool { return f.Level == store.LevelOK })
}

func TestCheckFindsNothingWrongWithAGoodServer(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendonly", "yes")
	found := checked(t, server.Client())
	if bad := worse(found); len(bad) > 0 {
		t.Errorf("%+v", bad)
	}
	findingtest.Want(t, found, "protocol", store.LevelOK, "RESP3")
	old := redis.NewClient(&redis.Options{Addr: server.Addr(), Protocol: 2})
	defer old.Close()
	findingtest.Want(t, checked(t, old), "protocol", store.LevelOK, "RESP2")
}

func TestCheckNamesEachBadSetting(t *testing.T) {
	t.Parallel()
	type want struct {
		check string
		level store.Level
		words string
	}
	for name, c := range map[string]struct {
		args []string
		want []want
	}{
		"eviction":            {[]string{"--maxmemory-policy", "allkeys-lru"}, []want{{"eviction", store.LevelUnsafe, "allkeys-lru"}, {"trial", store.LevelOK, ""}}},
		"no persistence":      {nil, []want{{"persistence", store.LevelUnsafe, "appendonly no"}}},
		"snapshots alone":     {[]string{"--save", "60 1"}, []want{{"persistence", store.LevelUnsafe, `save "60 1"`}}},
		"no fsync":            {[]string{"--appendonly", "yes", "--appendfsync", "no"}, []want{{"persistence", store.LevelWarn, "appendfsync no"}}},
		"too few replicas":    {[]string{"--min-replicas-to-write", "1"}, []want{{"replicas", store.LevelUnsafe, "0 of 0 online, min-replicas-to-write 1"}, {"trial", store.LevelUnsafe, "NOREPLICAS"}}},
		"too few clients":     {[]string{"--maxclients", "11"}, []want{{"limits", store.LevelUnsafe, "maxclients 11"}, {"clients", store.LevelWarn, "maxclients 11"}}},
		"a small buffer":      {[]string{"--client-query-buffer-limit", "1mb"}, []want{{"limits", store.LevelUnsafe, "client-query-buffer-limit 1048576"}}},
		"idle connections":    {[]string{"--timeout", "10"}, []want{{"timeout", store.LevelWarn, "timeout 10"}}},
		"a full memory":       {[]string{"--maxmemory", "100kb"}, []want{{"memory", store.LevelWarn, "maxmemory 102400"}, {"trial", store.LevelUnsafe, "raise maxmemory"}}},
		"enough memory":       {[]string{"--maxmemory", "1gb"}, []want{{"memory", store.LevelOK, "0% of"}}},
		"a node of a Cluster": {[]string{"--cluster-enabled", "yes"}, []want{{"mode", store.LevelUnsafe, "NewClusterClient"}}},
		"CONFIG renamed": {[]string{"--appendonly", "yes", "--rename-command", "CONFIG", ""}, []want{
			{"limits", store.LevelUnknown, "unknown command"}, {"persistence", store.LevelUnknown, "ask whether appendfsync is everysec"}, {"right to settings", store.LevelUnknown, "rename-command"}}},
		"a command renamed": {[]string{"--rename-command", "ZREM", ""}, []want{{"right to write", store.LevelWarn, "+zrem (which the server does not have"}}},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t, c.args...)
			found := checked(t, server.Client())
			for _, w := range c.want {
				findingtest.Want(t, found, w.check, w.level, w.words)
			}
		})
	}
}

func TestCheckOfAReplicaNamesItsRole(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	if err := server.Client().Do(t.Context(), "REPLICAOF", "127.0.0.1", "1").Err(); err != nil {
		t.Fatal(err)
	}
	found := checked(t, server.Client())
	findingtest.Want(t, found, "role", store.LevelUnsafe, "slave", "must be master")
	findingtest.Want(t, found, "trial", store.LevelUnsafe, "READONLY")
	findingtest.Want(t, found, "right to write", store.LevelOK)
}

// user adds a user, and returns its client.
func user(t *testing.T, server *redistest.Server, rules ...any) *redis.Client {
	t.Helper()
	args := append([]any{"ACL", "SETUSER", "app", "reset", "on", ">secret"}, rules...)
	if err := server.Client().Do(t.Context(), args...).Err(); err != nil {
		t.Fatal(err)
	}
	return connect(t, server, "app", "secret")
}

func TestCheckWorksWithTheRightsOfAReader(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	found := checked(t, user(t, server, "%R~app:*", "%R~leasehold:*", "&leasehold:*", "+info", "+client|info", "+evalsha_ro", "+eval_ro", "+@read", "+time", "+@pubsub"))
	findingtest.Want(t, found, "right to read", store.LevelOK)
	findingtest.Want(t, found, "right to watch", store.LevelOK)
	findingtest.Want(t, found, "right to write", store.LevelWarn, "+set +setrange +del", "ACL SETUSER app ")
	findingtest.Want(t, found, "trial", store.LevelWarn, "New refuses this user")
	findingtest.Want(t, found, "persistence", store.LevelUnsafe)
	findingtest.Want(t, found, "latency", store.LevelOK, "no renew was possible")
	findingtest.Want(t, found, "clock", store.LevelOK)
	findingtest.Want(t, found, "limits", store.LevelUnknown, "config|get", "ask for")
	if names := server.Client().Keys(t.Context(), "*").Val(); len(names) > 0 {
		t.Errorf("keys are left: %q", names)
	}
}

func TestCheckNamesMissingKeysAndChannels(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	all := []any{"+@all", "~app:*", "~leasehold:*", "&leasehold:*"}
	for missing, c := range map[string]struct{ check, pattern, rule string }{
		"records":         {"right to write", "~app:*", "%R~app:*"},
		"reading records": {"right to read", "%R~app:*", "%W~app:*"},
		"all records":     {"right to write", "~app:*", ""},
		"fences":          {"right to write", "~leasehold:*", "%R~leasehold:*"},
		"channels":        {"right to watch", "&leasehold:*", "&leasehold:other:*"},
	} {
		rules := slices.DeleteFunc(slices.Clone(all), func(rule any) bool { return strings.TrimPrefix(c.pattern, "%R") == rule })
		if c.rule != "" {
			rules = append(rules, c.rule)
		}
		found := checked(t, user(t, server, append([]any{"resetchannels"}, rules...)...))
		some := at(found, "", c.check)
		if len(some) != 1 || some[0].Level != store.LevelWarn || some[0].Seen != "missing: "+c.pattern {
			t.Errorf("%s: %+v", missing, some)
		}
	}
}

func TestCheckWithoutTheRightToInfo(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	found := checked(t, user(t, server, "~*", "&*", "+@all", "-info"))
	for _, name := range []string{"version", "role", "eviction", "persistence", "replicas"} {
		findingtest.Want(t, found, name, store.LevelUnknown, "INFO failed: NOPERM")
	}
	findingtest.Want(t, found, "right to read", store.LevelWarn, "missing: +info")
}

// A check changes no record, is not seen by a watch, and leaves nothing.
func TestCheckDisturbsNobody(t *testing.T) {
	t.Parallel()
	b := start(t)
	var held []string
	for i := range 3 {
		key := fmt.Sprintf("app:%d", i)
		b.hold(key)
		held = append(held, key)
	}
	names := func() []string {
		all := b.plain.Keys(t.Context(), "*").Val()
		slices.Sort(all)
		var values []string
		for _, name := range all {
			values = append(values, name+" "+b.plain.Dump(t.Context(), name).Val())
		}
		return values
	}
	before := names()
	events := make(chan store.Event, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for e := range b.Watch(ctx, "") {
			events <- e
		}
	}()
	for e := range events {
		if e.Kind == store.EventSynced {
			break
		}
	}
	for range 3 {
		checked(t, b.plain)
	}
	if after := names(); !slices.Equal(after, before) {
		t.Errorf("there was %q, and is %q", before, after)
	}
	for _, key := range held {
		if b.list("")[key].Key != key {
			t.Errorf("%s is gone", key)
		}
	}
	cancel()
	<-ended
	close(events)
	for e := range events {
		if e.Kind == store.EventPut || e.Kind == store.EventGone {
			t.Errorf("a watch told of %+v", e)
		}
	}
}

func TestCheckRefusesWhatNewRefuses(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := server.Client()
	for name, call := range map[string]func() error{
		"no client": func() error { _, err := redisstore.Check(t.Context(), nil, slow); return err },
		"no TTL":    func() error { _, err := redisstore.Check(t.Context(), client, store.Usage{}); return err },
		"the prefix": func() error {
			_, err := redisstore.Check(t.Context(), client, store.Usage{Prefix: "leasehold:", TTL: ttl})
			return err
		},
	} {
		if err := call(); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	server.Stop()
	_, err := redisstore.Check(t.Context(), client, slow)
	if fault := new(redisstore.ServerError); !errors.As(err, &fault) || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a server that is gone: %v", err)
	}
}

func TestCheckReturnsWithItsContext(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := patient(t, server)
	server.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := redisstore.Check(ctx, client, slow); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	if took := time.Since(start); took > prompt {
		t.Errorf("it took %v", took)
	}
	server.Resume()
}

func TestCheckBehindSentinel(t *testing.T) {
	full.Only(t)
	t.Parallel()
	s := redistest.StartSentinel(t, time.Minute)
	options := &redis.FailoverOptions{MasterName: redistest.MasterName, SentinelAddrs: []string{s.Addr(), "127.0.0.1:1"}}
	client := s.Client()
	found := checked(t, client)
	findingtest.Want(t, found, "replicas", store.LevelWarn, "1 of 1 online", "min-replicas-to-write 1")
	findingtest.Want(t, found, "clocks", store.LevelOK, "2 servers")
	for _, server := range []*redistest.Server{s.Master(), s.Replica()} {
		if clocks := at(found, server.Addr(), "clock"); len(clocks) != 1 || clocks[0].Level != store.LevelOK {
			t.Errorf("the clock of %s: %+v", server.Addr(), clocks)
		}
	}
	if err := s.Master().Client().ConfigSet(t.Context(), "min-replicas-to-write", "1").Err(); err != nil {
		t.Fatal(err)
	}
	findingtest.Want(t, checked(t, client), "replicas", store.LevelOK)

	sentinels := redisstore.CheckSentinels(t.Context(), options, slow)
	findingtest.Want(t, at(sentinels, s.Addr(), "sentinel"), "sentinel", store.LevelWarn, "0 other sentinels and 1 replicas", "use three")
	findingtest.Want(t, at(sentinels, "127.0.0.1:1", "sentinel"), "sentinel", store.LevelWarn, "connection refused")
	options.MasterName = "other"
	findingtest.Want(t, redisstore.CheckSentinels(t.Context(), options, slow)[:1], "sentinel", store.LevelWarn, "No such master", "monitors other")

	if err := s.Master().Client().ConfigSet(t.Context(), "min-replicas-to-write", "0").Err(); err != nil {
		t.Fatal(err)
	}
	s.Replica().Stop()
	eventually(t, "the master misses its replica", func() bool {
		some := at(checked(t, client), "", "replicas")
		return len(some) == 1 && some[0].Level == store.LevelWarn && strings.Contains(some[0].Advice, "attach a replica")
	})
}

func TestCheckOfACluster(t *testing.T) {
	full.Only(t)
	t.Parallel()
	c := redistest.StartCluster(t, 3)
	client := c.Client()
	found := checked(t, client)
	findingtest.Want(t, found, "cluster", store.LevelOK, "3 masters serve 16384 of 16384 slots")
	findingtest.Want(t, found, "clocks", store.LevelOK, "3 servers")
	for _, address := range c.Addrs() {
		mine := slices.DeleteFunc(slices.Clone(found), func(f store.Finding) bool { return f.Server != address })
		findingtest.Want(t, mine, "replicas", store.LevelWarn, "attach a replica")
		findingtest.Want(t, mine, "trial", store.LevelOK)
		findingtest.Want(t, mine, "latency", store.LevelOK, "renew")
		findingtest.Want(t, mine, "right to cluster", store.LevelOK)
	}
	for _, master := range c.Masters {
		if names := master.Client().Keys(t.Context(), "*").Val(); len(names) > 0 {
			t.Errorf("keys are left: %q", names)
		}
	}

	found, err := redisstore.Check(t.Context(), client, store.Usage{TTL: store.MinTTL})
	if err != nil {
		t.Fatal(err)
	}
	if some := at(found, "", "failover"); len(some) != 3 || some[0].Level != store.LevelWarn {
		t.Errorf("with a short TTL: %+v", some)
	}

	hung := c.Masters[2]
	hung.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	found, err = redisstore.Check(ctx, client, slow)
	hung.Resume()
	if err != nil {
		t.Fatal(err)
	}
	if some := at(found, hung.Addr(), "connection"); len(some) != 1 || some[0].Level != store.LevelUnsafe {
		t.Errorf("the hung master: %+v", some)
	}
	if some := at(found, c.Masters[0].Addr(), "trial"); len(some) != 1 || some[0].Level != store.LevelOK {
		t.Errorf("a master beside the hung one: %+v", some)
	}
}

func TestCheckOfAClusterWithoutAllSlots(t *testing.T) {
	full.Only(t)
	t.Parallel()
	c := redistest.StartCluster(t, 2)
	for _, master := range c.Masters {
		plain := master.Client()
		if err := errors.Join(plain.ConfigSet(t.Context(), "cluster-require-full-coverage", "no").Err(), plain.ClusterDelSlots(t.Context(), 16383).Err()); err != nil {
			t.Fatal(err)
		}
	}
	findingtest.Want(t, checked(t, c.Client()), "cluster", store.LevelUnsafe, "2 masters serve 16383 of 16384 slots")
}
