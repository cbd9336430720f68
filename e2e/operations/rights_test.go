package operations_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/leasehold-go/leasehold/e2e/backends"
	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/internal/built"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

func TestMain(m *testing.M) {
	flag.Set("test.parallel", "4") // a test waits most of the time
	built.Main(m)
}

// patience is how long a test waits for an event. No event is expected to take so long.
const patience = 30 * time.Second

// live takes a lease through its life, with a list and watches, and returns the first error.
func live(ctx context.Context, st interface {
	store.Store
	WatchErr() error
}) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	keeper, err := lease.NewKeeper(st, lease.Config{TTL: 30 * time.Second})
	if err != nil {
		return err
	}
	defer keeper.Close(ctx)
	told := make(chan error, 1)
	go func() { told <- watched(ctx, st) }()
	held, err := keeper.Acquire(ctx, "app:job", []byte("value"))
	if err != nil {
		return err
	}
	if _, err := keeper.Acquire(ctx, "app:job", []byte("value")); !errors.Is(err, store.ErrHeld) {
		return fmt.Errorf("second acquire: %w", err)
	}
	if err := held.Update(ctx, []byte("other")); err != nil {
		return err
	}
	w := store.Renewal{Key: "app:job", Token: held.Token()}
	if err := st.Renew(ctx, []store.Renewal{w})[0].Err; err != nil {
		return err
	}
	for _, err := range st.List(ctx, "app:") {
		if err != nil {
			return err
		}
	}
	if err := <-told; err != nil {
		return err
	}
	if err := exchange(ctx, st.(store.Requester), st.(store.Requester), held.Token()); err != nil {
		return err
	}
	if err := logged(ctx, st.(store.Logger), held.Token()); err != nil {
		return err
	}
	if err := defined(ctx, st.(store.Definer)); err != nil {
		return err
	}
	if err := held.Release(ctx); err != nil {
		return err
	}
	if _, err := st.Get(ctx, "app:job"); !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("get after the release: %w", err)
	}
	return st.WatchErr()
}

// exchange has a sender ask the holder of a key, and the holder answer.
func exchange(ctx context.Context, sender, holder store.Requester, token store.Token) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	served := make(chan error, 1)
	go func() {
		for q, err := range holder.Requests(ctx, "app:job", token) {
			if err == nil {
				err = holder.Answer(ctx, "app:job", token, store.Answer{ID: q.ID, Body: q.Body, TTL: patience, Final: true})
			}
			served <- err
			return
		}
	}()
	_, err := sender.Ask(ctx, store.Request{Key: "app:job", ID: "1", Body: []byte("body"), TTL: patience})
	if err != nil {
		cancel()
	}
	return errors.Join(err, <-served)
}

// logged appends to the log of a key, also what is there already and after an entry that has
// expired, and reads it both ways.
func logged(ctx context.Context, st store.Logger, token store.Token) error {
	limits := store.LogLimits{Entries: 10, Age: store.MinLogAge}
	for _, e := range []store.LogEntries{
		{First: 1, Values: [][]byte{[]byte("1")}, Limits: limits},
		{First: 1, Values: [][]byte{[]byte("1"), []byte("2")}, Limits: store.LogLimits{Entries: 10, Age: time.Hour}},
		{First: 3, Values: [][]byte{[]byte("3")}, Limits: store.LogLimits{Entries: 10, Age: time.Hour}},
	} {
		if e.First == 3 {
			time.Sleep(limits.Age + 100*time.Millisecond)
		}
		if err := st.AppendLog(ctx, "app:job", token, e); err != nil {
			return err
		}
	}
	for _, backward := range []bool{false, true} {
		for _, err := range st.ReadLog(ctx, "app:job", store.LogQuery{Backward: backward}) {
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// defined stores a definition, again for longer, and reads it.
func defined(ctx context.Context, st store.Definer) error {
	definition := []byte("definition")
	for _, ttl := range []time.Duration{time.Minute, time.Hour} {
		if err := st.PutDefinition(ctx, definition, ttl); err != nil {
			return err
		}
	}
	_, err := st.GetDefinition(ctx, store.DefinitionID(definition))
	return err
}

// watched returns once watches of a prefix and of a key have told of a record.
func watched(ctx context.Context, st store.Store) error {
	for e, err := range st.Watch(ctx, "app:") {
		if err != nil {
			return err
		}
		if e.Kind == store.EventPut {
			break
		}
	}
	for e, err := range st.WatchKey(ctx, "app:job") {
		if err != nil {
			return err
		}
		if e.Kind == store.EventSynced {
			break
		}
	}
	return nil
}

// onRedis takes a lease through its life as a user with the given rights, and returns the
// commands that the server refused. If the rights do not suffice, it goes on until the server
// refuses a command.
func onRedis(t *testing.T, rights []string, suffice bool) (refused []*redis.ACLLogEntry, err error) {
	t.Helper()
	server := redistest.Start(t)
	admin := server.Client()
	client := redis.NewClient(addRedisUser(t, server, "worker", rights))
	defer client.Close()
	st, err := redisstore.New(t.Context(), client)
	if err == nil {
		err = live(t.Context(), st)
		if !suffice {
			// A store pings a connection that has been silent for a while.
			ctx, cancel := context.WithCancel(t.Context())
			var all sync.WaitGroup
			all.Go(func() {
				for range st.Watch(ctx, "app:") {
				}
			})
			for late := time.Now().Add(patience); len(refusedBy(t, admin)) == 0 && time.Now().Before(late); {
				time.Sleep(10 * time.Millisecond)
			}
			cancel()
			all.Wait()
		}
		st.Close()
	}
	return refusedBy(t, admin), err
}

// addRedisUser gives a server a user with the given rights, and returns the options of its client.
func addRedisUser(t *testing.T, server *redistest.Server, name string, rights []string) *redis.Options {
	t.Helper()
	args := []any{"ACL", "SETUSER", name, "on", ">secret"}
	for _, right := range rights {
		args = append(args, right)
	}
	if err := server.Client().Do(t.Context(), args...).Err(); err != nil {
		t.Fatal(err)
	}
	return &redis.Options{Addr: server.Addr(), Username: name, Password: "secret"}
}

// openRedis returns a store until the end of the test.
func openRedis(t *testing.T, options *redis.Options) *redisstore.Store {
	t.Helper()
	client := redis.NewClient(options)
	t.Cleanup(func() { client.Close() })
	st, err := redisstore.New(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

// refusedBy returns the commands that a server has refused to its users.
func refusedBy(t *testing.T, admin *redis.Client) []*redis.ACLLogEntry {
	t.Helper()
	refused, err := admin.ACLLog(t.Context(), 100).Result()
	if err != nil {
		t.Fatal(err)
	}
	return refused
}

func TestTheRightsOfTheRedisUserSuffice(t *testing.T) {
	full.Only(t)
	t.Parallel()
	if refused, err := onRedis(t, backends.RedisRights(t), true); err != nil || len(refused) > 0 {
		t.Errorf("%v; the server refused %d commands: %+v", err, len(refused), refused)
	}
}

func TestEachRightOfTheRedisUserIsNeeded(t *testing.T) {
	full.Only(t)
	rights := backends.RedisRights(t)
	for i, right := range rights {
		if right[0] != '+' && right[0] != '~' && right[0] != '&' {
			continue // it takes rights away
		}
		t.Run(right, func(t *testing.T) {
			t.Parallel()
			if refused, err := onRedis(t, without(rights, i), false); len(refused) == 0 {
				t.Errorf("without %s the server refuses nothing (%v)", right, err)
			}
		})
	}
}

// without returns all rights but one.
func without(rights []string, i int) []string {
	return slices.Delete(slices.Clone(rights), i, i+1)
}

// onCluster renews a record whose slot moves, and takes a lease through its life with
// acknowledged writes, as a user of a Cluster with the given rights. It returns what the nodes
// refused.
func onCluster(t *testing.T, rights []string) (refused []string, err error) {
	t.Helper()
	cluster := redistest.StartCluster(t, 2)
	nodes := append([]*redistest.Server{cluster.Follower(cluster.Masters[0]), cluster.Follower(cluster.Masters[1])}, cluster.Masters...)
	for _, s := range nodes {
		addRedisUser(t, s, "worker", rights)
	}
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: cluster.Addrs(), Username: "worker", Password: "secret"})
	defer client.Close()
	st, err := redisstore.New(t.Context(), client)
	if err == nil {
		err = moved(t, cluster, st)
		st.Close()
	}
	acknowledged, err2 := redisstore.New(t.Context(), client, redisstore.WithReplicaAck(1, 2*time.Second))
	if err2 == nil {
		err2 = live(t.Context(), acknowledged)
		acknowledged.Close()
	}
	err = errors.Join(err, err2)
	for _, s := range nodes {
		for _, r := range refusedBy(t, s.Client()) {
			refused = append(refused, fmt.Sprintf("%s %s (%s)", r.Reason, r.Object, r.Context))
		}
	}
	return refused, err
}

// moved renews a record that is on the target of a move which has not ended.
func moved(t *testing.T, cluster *redistest.Cluster, st store.Store) error {
	t.Helper()
	const key = "app:moved"
	grant, err := st.Create(t.Context(), store.Claim{Key: key, Value: []byte("value"), TTL: time.Minute, Nonce: store.NewNonce()})
	if err != nil {
		return err
	}
	slot := int(cluster.Client().ClusterKeySlot(t.Context(), key).Val())
	source, target := cluster.Masters[0], cluster.Masters[1]
	if slot >= 16384/2 {
		source, target = target, source
	}
	move := cluster.Move(slot, source, target)
	move.Carry(move.Left()...)
	err = st.Renew(t.Context(), []store.Renewal{{Key: key, Token: grant.Token}})[0].Err
	move.Finish()
	return err
}

func TestTheRightsOfTheRedisUserOnAClusterSufficeAndAreNeeded(t *testing.T) {
	full.Only(t)
	t.Parallel()
	more := []string{"+cluster|slots", "+asking", "+wait", "+command"} // as in docs/operations.md
	t.Run("all", func(t *testing.T) {
		t.Parallel()
		if refused, err := onCluster(t, append(backends.RedisRights(t), more...)); err != nil || len(refused) > 0 {
			t.Errorf("%v; the servers refused %q", err, refused)
		}
	})
	for i, right := range more {
		t.Run(right, func(t *testing.T) {
			t.Parallel()
			if refused, err := onCluster(t, append(backends.RedisRights(t), without(more, i)...)); len(refused) == 0 {
				t.Errorf("without %s the servers refuse nothing (%v)", right, err)
			}
		})
	}
}

// grant is a right of a role on a range of keys.
type grant = backends.EtcdRight

// onEtcd takes a lease through its life as a user whose role has the given rights.
func onEtcd(t *testing.T, cluster *etcdtest.Cluster, user string, rights []grant) error {
	t.Helper()
	admin := cluster.For(t).Client(as("root"))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	addUser(ctx, t, admin, user, rights...)
	st, err := etcdstore.New(ctx, cluster.For(t).Client(as(user)))
	if err != nil {
		return err
	}
	defer st.Close()
	return live(t.Context(), st)
}

func as(user string) func(*clientv3.Config) {
	return func(cfg *clientv3.Config) { cfg.Username, cfg.Password = user, "secret" }
}

// addUser adds a user whose role has the given rights.
func addUser(ctx context.Context, t *testing.T, admin *clientv3.Client, name string, rights ...grant) {
	t.Helper()
	_, err1 := admin.UserAdd(ctx, name, "secret")
	_, err2 := admin.RoleAdd(ctx, name)
	_, err3 := admin.UserGrantRole(ctx, name, name)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	for _, r := range rights {
		if _, err := admin.RoleGrantPermission(ctx, name, r.Prefix, clientv3.GetPrefixRangeEnd(r.Prefix), r.Type); err != nil {
			t.Fatal(err)
		}
	}
}

// withUsers starts an etcd that asks for a user and a password.
func withUsers(t *testing.T) *etcdtest.Cluster {
	t.Helper()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	client := cluster.Client()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	addUser(ctx, t, client, "root")
	if _, err := client.AuthEnable(ctx); err != nil {
		t.Fatal(err)
	}
	return cluster
}

func TestTheRightsOfTheEtcdRoleSuffice(t *testing.T) {
	full.Only(t)
	t.Parallel()
	if err := onEtcd(t, withUsers(t), "worker", backends.EtcdRights(t)); err != nil {
		t.Error(err)
	}
}

// A right that reads alone or writes alone is too little as well.
func TestEachRightOfTheEtcdRoleIsNeeded(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := withUsers(t)
	rights := backends.EtcdRights(t)
	for i, right := range rights {
		for name, fewer := range map[string][]grant{
			"none":  nil,
			"read":  {{Prefix: right.Prefix, Type: clientv3.PermissionType(clientv3.PermRead)}},
			"write": {{Prefix: right.Prefix, Type: clientv3.PermissionType(clientv3.PermWrite)}},
		} {
			for j, other := range rights {
				if j != i {
					fewer = append(fewer, other)
				}
			}
			if err := onEtcd(t, cluster, right.Prefix+name, fewer); !errors.Is(err, etcdstore.ErrDenied) {
				t.Errorf("with %s to %q: %v", name, right.Prefix, err)
			}
		}
	}
}

// A client that ends a watch at the moment at which the servers refuse another one could hang from
// then on.
func TestAClientClosesAfterWatchesThatWereRefused(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := withUsers(t)
	ctx := t.Context()
	admin := cluster.Client(as("root"))
	read := clientv3.PermissionType(clientv3.PermRead)
	addUser(ctx, t, admin, "watcher", grant{Prefix: "app:", Type: read}, grant{Prefix: "leasehold:o:app:", Type: read})
	client, err := clientv3.New(clientv3.Config{Endpoints: cluster.Endpoints(), Username: "watcher", Password: "secret", Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	for range 30 {
		st, err := etcdstore.New(ctx, client, etcdstore.WithoutTrial())
		if err != nil {
			t.Fatal(err)
		}
		var watches sync.WaitGroup
		synced := make(chan struct{}, 1)
		watch := func(key string) {
			for e, err := range st.WatchKey(ctx, key) {
				if err != nil && !errors.Is(err, etcdstore.ErrDenied) && !errors.Is(err, store.ErrClosed) {
					t.Errorf("watching %s: %v", key, err)
				}
				if e.Kind == store.EventSynced {
					synced <- struct{}{}
				}
			}
		}
		watches.Go(func() { watch("app:job") })
		<-synced
		for i := range 50 {
			watches.Go(func() { watch(fmt.Sprint("other:", i)) })
		}
		time.Sleep(rand.N(10 * time.Millisecond))
		st.Close()
		watches.Wait()
	}
	closed := make(chan error, 1)
	go func() { closed <- client.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("the client does not close")
	}
}

// asker is what a store of a user who may only ask is tried for.
type asker interface {
	store.Store
	store.Requester
	store.Logger
	store.Definer
	WatchErr() error
}

// wantAsker checks that a user can ask the holder of a key and read its log and definition, and can
// write none of record, log and definition.
func wantAsker(t *testing.T, sender, holder asker) {
	t.Helper()
	claim := store.Claim{Key: "app:job", Value: []byte("value"), TTL: time.Hour, Nonce: store.NewNonce()}
	grant, err := holder.Create(t.Context(), claim)
	if err != nil {
		t.Fatal(err)
	}
	if err := exchange(t.Context(), sender, holder, grant.Token); err != nil {
		t.Errorf("a request: %v", err)
	}
	if err := sender.WatchErr(); err != nil {
		t.Errorf("the sender hears nothing: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if r, err := sender.Get(ctx, "app:job"); err != nil || string(r.Value) != "value" {
		t.Errorf("the record: %q, %v", r.Value, err)
	}
	if _, err := registry.Request(ctx, sender, "app:job", registry.ForState("any")); !errors.Is(err, registry.ErrNoRequests) {
		t.Errorf("a request to a holder who takes none: %v", err)
	}
	entries := store.LogEntries{First: 1, Values: [][]byte{[]byte("1")}, Limits: store.LogLimits{Entries: 10, Age: time.Hour}}
	if err := holder.AppendLog(ctx, "app:job", grant.Token, entries); err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]iter.Seq2[store.LogEntry, error]{
		"forward":   sender.ReadLog(ctx, "app:job", store.LogQuery{}),
		"backward":  sender.ReadLog(ctx, "app:job", store.LogQuery{Backward: true}),
		"following": sender.FollowLog(ctx, "app:job", store.LogPosition{}),
	} {
		n := 0
		for e, err := range read {
			if err != nil || string(e.Value) != "1" {
				t.Errorf("reading the log %s: %q, %v", name, e.Value, err)
			}
			n++
			break
		}
		if n != 1 {
			t.Errorf("reading the log %s: no entry", name)
		}
	}
	if err := holder.PutDefinition(ctx, []byte("definition"), time.Hour); err != nil {
		t.Fatal(err)
	}
	if d, err := sender.GetDefinition(ctx, store.DefinitionID([]byte("definition"))); err != nil || string(d) != "definition" {
		t.Errorf("reading the definition: %q, %v", d, err)
	}
	entries.First = 2
	other := store.Request{Key: "app:nobody", ID: "1", Body: []byte("body"), TTL: patience}
	if _, err := sender.Ask(ctx, other); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a request to nobody: %v", err)
	}
	other = store.Request{Key: "app:job", ID: "2", Token: grant.Token + 1, Body: []byte("body"), TTL: patience}
	if _, err := sender.Ask(ctx, other); !errors.Is(err, store.ErrLost) {
		t.Errorf("a request to another lease: %v", err)
	}
	waits := make(chan error, 1)
	go func() {
		_, err := sender.Ask(ctx, store.Request{Key: "app:job", ID: "3", Body: []byte("body"), TTL: patience})
		waits <- err
	}()
	for q, err := range holder.Requests(ctx, "app:job", grant.Token) {
		if err != nil {
			t.Fatal(err)
		}
		if q.ID == "3" {
			break
		}
	}
	for verb, err := range map[string]error{
		"update": sender.Update(ctx, store.Update{Key: "app:job", Token: grant.Token, Seq: 9, Value: []byte("forged")}),
		"renew":  sender.Renew(ctx, []store.Renewal{{Key: "app:job", Token: grant.Token}})[0].Err,
		"delete": sender.Delete(ctx, "app:job", store.ByToken(grant.Token)),
		"define": sender.PutDefinition(ctx, []byte("forged"), time.Hour),
		"extend": sender.PutDefinition(ctx, []byte("definition"), 10*time.Hour),
		"log":    sender.AppendLog(ctx, "app:job", grant.Token, entries),
		"answer": sender.Answer(ctx, "app:job", grant.Token, store.Answer{ID: "3", Body: []byte("forged"), TTL: patience, Final: true}),
	} {
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s by a user who may only ask: %v", verb, err)
		}
	}
	cancel()
	if err := <-waits; !errors.Is(err, store.ErrInDoubt) {
		t.Errorf("a request without an answer: %v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), patience)
	defer cancel()
	claim.Key, claim.Nonce = "app:new", store.NewNonce()
	if _, err := sender.Create(ctx, claim); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("create by a user who may only ask: %v", err)
	}
	if r, err := holder.Get(ctx, "app:job"); err != nil || string(r.Value) != "value" {
		t.Errorf("the record has %q, %v", r.Value, err)
	}
}

func TestARedisUserWhoMayOnlyAsk(t *testing.T) {
	full.Only(t)
	t.Parallel()
	server := redistest.Start(t)
	options := addRedisUser(t, server, "asker", backends.RedisRightsOf(t, "asker"))
	wantAsker(t, openRedis(t, options), openRedis(t, &redis.Options{Addr: server.Addr()}))
}

func TestAnEtcdUserWhoMayOnlyAsk(t *testing.T) {
	full.Only(t)
	t.Parallel()
	cluster := withUsers(t)
	admin := cluster.Client(as("root"))
	addUser(t.Context(), t, admin, "asker", backends.EtcdRightsOf(t, "asker")...)
	open := func(user string) asker {
		st, err := etcdstore.New(t.Context(), cluster.Client(as(user)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { st.Close() })
		return st
	}
	wantAsker(t, open("asker"), open("root"))
}

// A refused key costs a user nothing on the keys that its rights cover.
func TestARedisUserIsRefusedAKeyOfOthersAlone(t *testing.T) {
	full.Only(t)
	t.Parallel()
	worker := openRedis(t, addRedisUser(t, redistest.Start(t), "worker", backends.RedisRights(t)))
	if _, err := worker.Get(t.Context(), "other:job"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("get of another's key: %v", err)
	}
	if _, err := worker.Ask(t.Context(), store.Request{Key: "other:job", ID: "1", Body: []byte("body"), TTL: patience}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a request to another's key: %v", err)
	}
	if _, err := worker.Get(t.Context(), "app:job"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("get: %v", err)
	}
	if _, err := worker.Ask(t.Context(), store.Request{Key: "app:job", ID: "1", Body: []byte("body"), TTL: patience}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a request: %v", err)
	}
}
