package command_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/e2e/backends"
	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
)

// reads runs the commands that read, on an instance of app:job and a value of another program at
// app:foreign, and returns what is missing.
func reads(t *testing.T, w *world, url string) (missing []string) {
	for want, args := range map[string][]string{
		"app:job ":       {"ls", "app:"},
		"in state":       {"graph", "app:job"},
		"feed is slow":   {"get", "app:job"},
		"foreign":        {"get", "app:foreign"},
		"idle -> active": {"log", "app:job"},
	} {
		if code, said := command(t, url, args...); code != 0 || !strings.Contains(said, want) {
			missing = append(missing, strings.Join(args, " ")+": "+said)
		}
	}
	watch, log := inBackground(t, url, "watch", "app:"), inBackground(t, url, "log", "app:job", "--follow")
	if !watch.says("synced") || !log.says("feed is slow") {
		return append(missing, "watch and log: "+watch.said()+log.said())
	}
	return missing
}

// wantReader checks that a user can read, and is told why it can do nothing else.
func wantReader(t *testing.T, admin, reader string) {
	w := newWorld(t, admin)
	i := w.instance("app:job")
	drawn(t, admin, "app:job")
	if missing := reads(t, w, reader); len(missing) > 0 {
		t.Errorf("a user who may read misses %q", missing)
	}
	watch, log := inBackground(t, reader, "watch", "app:"), inBackground(t, reader, "log", "app:job", "--follow")
	if !watch.says("synced") || !log.says("feed is slow") {
		t.Fatalf("%s%s", watch.said(), log.said())
	}
	if err := i.Transition(t.Context(), "stopping"); err != nil {
		t.Fatal(err)
	}
	if !watch.says(`"state":"stopping"`) || !log.says("active -> stopping") {
		t.Errorf("a change was not told: %s%s", watch.said(), log.said())
	}
	for _, c := range []struct {
		role string
		args []string
	}{
		{"an asker", []string{"request", "app:job", "idle"}},
		{"a worker", []string{"release", "app:job", "--yes"}},
		{"a worker", []string{"run", "app:other", "--", "echo", "ran"}},
		{"a worker", []string{"run", "app:job", "--", "echo", "ran"}},
		{"a reader", []string{"get", "other:job"}},
	} {
		code, said := command(t, reader, c.args...)
		if code != 69 || !strings.Contains(said, "needs the rights of "+c.role) || strings.Count(said, "\n") != 1 {
			t.Errorf("%v by a user who may only read: %d, %s", c.args, code, said)
		}
	}
	if !i.Lease().Valid() || i.State() != "stopping" {
		t.Errorf("the instance is in %s, %v", i.State(), i.Lease().Err())
	}
}

// as returns a URL with a user and a password.
func as(user, url string) string { return strings.Replace(url, "://", "://"+user+":secret@", 1) }

func setUser(t *testing.T, admin *redis.Client, user string, rights []string) {
	t.Helper()
	args := []any{"ACL", "SETUSER", user, "reset", "on", ">secret"}
	for _, right := range rights {
		args = append(args, right)
	}
	if err := admin.Do(t.Context(), args...).Err(); err != nil {
		t.Fatal(err)
	}
}

func TestARedisUserWhoMayOnlyRead(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	setUser(t, server.Client(), "reader", backends.RedisRightsOf(t, "reader"))
	if err := server.Client().Set(t.Context(), "app:foreign", "text", 0).Err(); err != nil {
		t.Fatal(err)
	}
	wantReader(t, server.URL(), as("reader", server.URL()))
}

// Nothing that a reader does is refused, and without one of its rights something is.
func TestEachRightOfTheRedisReaderIsNeeded(t *testing.T) {
	full.Only(t)
	t.Parallel()
	server := redistest.Start(t)
	admin, rights := server.Client(), backends.RedisRightsOf(t, "reader")
	if err := admin.Set(t.Context(), "app:foreign", "text", 0).Err(); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, server.URL())
	w.instance("app:job")
	drawn(t, server.URL(), "app:job")
	held, err := w.keeper.Acquire(t.Context(), "app:large", []byte(strings.Repeat("x", 8<<10)))
	if err != nil {
		t.Fatal(err)
	}
	// The programs go on until the end of the subtest, because one may be refused after it has said all.
	refused := func(t *testing.T, rights []string) (objects func() []string, missing []string) {
		setUser(t, admin, "reader", rights)
		if err := errors.Join(admin.Do(t.Context(), "ACL", "LOG", "RESET").Err(), admin.ScriptFlush(t.Context()).Err()); err != nil {
			t.Fatal(err)
		}
		missing = reads(t, w, as("reader", server.URL()))
		return func() (objects []string) {
			log, err := admin.ACLLog(t.Context(), 100).Result()
			if err != nil {
				t.Fatal(err)
			}
			for _, entry := range log {
				objects = append(objects, entry.Object)
			}
			return objects
		}, missing
	}
	t.Run("all", func(t *testing.T) {
		if objects, missing := refused(t, rights); len(objects())+len(missing) > 0 {
			t.Errorf("with all rights the server refuses %q, and the reader misses %q", objects(), missing)
		}
	})
	for i, right := range rights {
		if right[0] != '+' && right[0] != '%' && right[0] != '&' {
			continue // it takes rights away
		}
		t.Run(right, func(t *testing.T) {
			objects, _ := refused(t, append(append([]string(nil), rights[:i]...), rights[i+1:]...))
			for deadline := time.Now().Add(patience); len(objects()) == 0; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("without %s the server refuses nothing", right)
				}
			}
		})
	}
	if !held.Valid() {
		t.Error(held.Err())
	}
}

func TestAnEtcdUserWhoMayOnlyRead(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	client := cluster.Client()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var errs []error
	for _, user := range []string{"root", "reader"} {
		_, err1 := client.UserAdd(ctx, user, "secret")
		_, err2 := client.RoleAdd(ctx, user)
		_, err3 := client.UserGrantRole(ctx, user, user)
		errs = append(errs, err1, err2, err3)
	}
	for _, r := range backends.EtcdRightsOf(t, "reader") {
		_, err := client.RoleGrantPermission(ctx, "reader", r.Prefix, clientv3.GetPrefixRangeEnd(r.Prefix), r.Type)
		errs = append(errs, err)
	}
	_, err1 := client.Put(ctx, "app:foreign", "text")
	_, err2 := client.AuthEnable(ctx)
	if err := errors.Join(append(errs, err1, err2)...); err != nil {
		t.Fatal(err)
	}
	wantReader(t, as("root", cluster.URL()), as("reader", cluster.URL()))
}
