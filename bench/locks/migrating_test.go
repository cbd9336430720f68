package locks

import (
	"context"
	"errors"
	"log/slog"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bsm/redislock"
	"github.com/go-redsync/redsync/v4"
	"github.com/go-redsync/redsync/v4/redis/goredis/v9"
	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
	"github.com/redis/rueidis/rueidislock"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.uber.org/zap"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

// The functions up to the first test are in docs/migrating.md.

func withRedislock(ctx context.Context, client *redis.Client, work func(context.Context) error) error {
	lock, err := redislock.Obtain(ctx, client, "job", 45*time.Second,
		&redislock.Options{RetryStrategy: redislock.LinearBackoff(100 * time.Millisecond)})
	if err != nil {
		return err
	}
	defer lock.Release(context.WithoutCancel(ctx))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		for lock.Refresh(ctx, 45*time.Second, nil) == nil {
			select {
			case <-time.After(15 * time.Second):
			case <-ctx.Done():
			}
		}
		cancel()
	}()
	return work(ctx)
}

func withRedsync(ctx context.Context, client *redis.Client, work func(context.Context) error) error {
	mutex := redsync.New(goredis.NewPool(client)).NewMutex("job", redsync.WithExpiry(45*time.Second), redsync.WithTries(1000))
	if err := mutex.LockContext(ctx); err != nil {
		return err
	}
	defer mutex.UnlockContext(context.WithoutCancel(ctx))
	return work(ctx) // and mutex.ExtendContext meanwhile
}

func withRueidislock(ctx context.Context, locker rueidislock.Locker, work func(context.Context) error) error {
	ctx, unlock, err := locker.WithContext(ctx, "job")
	if err != nil {
		return err
	}
	defer unlock()
	return work(ctx)
}

func withMutex(ctx context.Context, client *clientv3.Client, work func(context.Context) error) error {
	session, err := concurrency.NewSession(client, concurrency.WithTTL(45))
	if err != nil {
		return err
	}
	defer session.Close()
	mutex := concurrency.NewMutex(session, "job")
	if err := mutex.Lock(ctx); err != nil {
		return err
	}
	defer mutex.Unlock(context.WithoutCancel(ctx))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-session.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	return work(ctx)
}

func withLease(ctx context.Context, k *lease.Keeper, work func(context.Context, store.Token) error) error {
	l, err := k.Acquire(ctx, "job", []byte("host-a"), lease.WithWait())
	if err != nil {
		return err
	}
	defer l.Release(ctx) // works after ctx has ended
	held, cancel := l.Context(ctx)
	defer cancel()
	return work(held, l.Token())
}

// beside runs f again while a program of the older kind has the key.
func beside(ctx context.Context, f func(context.Context) error) error {
	for {
		err := f(ctx)
		if !errors.Is(err, store.ErrForeign) {
			return err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// between works under the old lock and the new lease: beside programs that hold the old lock alone,
// and beside programs that hold the new lease alone.
func between(ctx context.Context, old func(context.Context, func(context.Context) error) error, k *lease.Keeper,
	work func(context.Context, store.Token) error) error {
	return old(ctx, func(ctx context.Context) error { return withLease(ctx, k, work) })
}

// mixed has programs of two kinds work in turn, and fails if two work at once.
func mixed(t *testing.T, kinds ...func(ctx context.Context, work func(context.Context) error) error) {
	t.Helper()
	const programs, turns = 3, 5
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var working atomic.Int32
	var all sync.WaitGroup
	for n, kind := range kinds {
		for range programs {
			all.Go(func() {
				for range turns {
					err := kind(ctx, func(ctx context.Context) error {
						if now := working.Add(1); now != 1 {
							t.Errorf("%d work at once", now)
						}
						defer working.Add(-1)
						select {
						case <-time.After(3 * time.Millisecond):
						case <-ctx.Done():
						}
						return ctx.Err()
					})
					if err != nil {
						t.Errorf("kind %d: %v", n, err)
						return
					}
				}
			})
		}
	}
	all.Wait()
}

var working = fsm.MustDefine("working", fsm.Table[string]{"working": {}})

// keeperOn returns a keeper on a store, as of a process of its own.
func keeperOn(t *testing.T, st store.Store, err error) *lease.Keeper {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	k, err := lease.NewKeeper(st, lease.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close(context.Background()) })
	return k
}

// untold is work for programs that get no token.
func untold(work func(context.Context) error) func(context.Context, store.Token) error {
	return func(ctx context.Context, _ store.Token) error { return work(ctx) }
}

func TestAFleetOnOneKeyOfRedis(t *testing.T) {
	full.Only(t)
	server := redistest.Start(t)
	client := server.Client()
	st, err := redisstore.New(t.Context(), server.Client())
	k := keeperOn(t, st, err)
	defer st.Close()
	ours := func(ctx context.Context, work func(context.Context) error) error {
		return beside(ctx, func(ctx context.Context) error { return withLease(ctx, k, untold(work)) })
	}
	supervised := func(ctx context.Context, work func(context.Context) error) error {
		cfg := registry.Config[string, struct{}]{Key: "job", Wait: true, Observers: []registry.Observer{registry.LogTo(slog.New(slog.DiscardHandler))}}
		return beside(ctx, func(ctx context.Context) error {
			return registry.Supervise(ctx, k, working, cfg, func(ctx context.Context, _ *registry.Instance[string, struct{}]) error { return work(ctx) })
		})
	}
	for name, theirs := range map[string]func(ctx context.Context, client *redis.Client, work func(context.Context) error) error{
		"redislock": withRedislock, "redsync": withRedsync,
	} {
		old := func(ctx context.Context, work func(context.Context) error) error { return theirs(ctx, client, work) }
		t.Run(name+" takes turns", func(t *testing.T) { mixed(t, old, ours, supervised) })
		t.Run(name+" has the key", func(t *testing.T) {
			err := old(t.Context(), func(ctx context.Context) error {
				_, err := k.Acquire(ctx, "job", []byte("host-a"), lease.WithWait())
				if !errors.Is(err, store.ErrForeign) {
					t.Errorf("ours: %v", err)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
		t.Run(name+" dies with the key", func(t *testing.T) {
			// As a process does that is killed: it neither refreshes nor releases.
			if err := client.SetNX(t.Context(), "job", "of a dead process", 500*time.Millisecond).Err(); err != nil {
				t.Fatal(err)
			}
			if err := ours(t.Context(), func(context.Context) error { return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("a late release of theirs leaves ours", func(t *testing.T) {
		lock, err := redislock.Obtain(t.Context(), client, "job", 100*time.Millisecond, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = ours(t.Context(), func(ctx context.Context) error { // once theirs has expired
			if err := lock.Refresh(ctx, time.Minute, nil); err != redislock.ErrNotObtained {
				t.Errorf("refresh: %v", err)
			}
			if err := lock.Release(ctx); err != redislock.ErrLockNotHeld {
				t.Errorf("release: %v", err)
			}
			if r, err := st.Get(ctx, "job"); err != nil || r.Foreign() || string(r.Value) != "host-a" {
				t.Errorf("%+v, %v", r, err)
			}
			return ctx.Err()
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("a token of redislock that begins our value takes our key", func(t *testing.T) {
		l, err := k.Acquire(t.Context(), "job", []byte("host-a"))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Release(t.Context())
		lock, err := redislock.Obtain(t.Context(), client, "job", time.Minute, &redislock.Options{Token: "host"})
		if err != nil {
			t.Fatalf("the page says that it is obtained: %v", err)
		}
		defer lock.Release(t.Context())
		if err := l.Update(t.Context(), []byte("host-a")); !errors.Is(err, store.ErrForeign) {
			t.Errorf("ours: %v", err)
		}
	})
	t.Run("rueidislock through a version between", func(t *testing.T) {
		lockers := func() rueidislock.Locker {
			locker, err := rueidislock.NewLocker(rueidislock.LockerOption{
				ClientOption: rueidis.ClientOption{InitAddress: []string{server.Addr()}},
				KeyValidity:  45 * time.Second, TryNextAfter: 5 * time.Second,
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(locker.Close)
			return locker
		}
		first, second := lockers(), lockers()
		old := func(ctx context.Context, work func(context.Context) error) error {
			return withRueidislock(ctx, first, work)
		}
		middle := func(ctx context.Context, work func(context.Context) error) error {
			return between(ctx, func(ctx context.Context, work func(context.Context) error) error {
				return withRueidislock(ctx, second, work)
			}, k, untold(work))
		}
		changes(t, old, middle, ours)
	})
}

// changes takes a fleet from one kind of program over another to a third, and shows that the second
// is needed.
func changes(t *testing.T, old, middle, ours func(ctx context.Context, work func(context.Context) error) error) {
	t.Helper()
	mixed(t, old, middle)
	mixed(t, middle, ours)
	both := false
	err := old(t.Context(), func(ctx context.Context) error {
		return ours(ctx, func(context.Context) error { both = true; return nil })
	})
	if err != nil || !both {
		t.Errorf("the page says that old and new programs work at once: %v, %v", both, err)
	}
}

func TestAFleetOnEtcd(t *testing.T) {
	full.Only(t)
	program := filepath.Join(t.TempDir(), "etcdmember")
	if text, err := exec.Command("go", "run", "-exec", "cp", member, program).CombinedOutput(); err != nil {
		t.Fatalf("build of %s: %v: %s", member, err, text)
	}
	servers, err := etcdtest.Run(t.TempDir(), []string{program}, etcdtest.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(servers.Stop)
	dial := func() *clientv3.Client {
		client, err := clientv3.New(clientv3.Config{Endpoints: servers.Endpoints(), DialTimeout: 10 * time.Second, Logger: zap.NewNop()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { client.Close() })
		return client
	}
	client := dial()
	st, err := etcdstore.New(t.Context(), dial())
	k := keeperOn(t, st, err)
	defer st.Close()
	old := func(ctx context.Context, work func(context.Context) error) error { return withMutex(ctx, client, work) }
	ours := func(ctx context.Context, work func(context.Context) error) error {
		return withLease(ctx, k, untold(work))
	}
	middle := func(ctx context.Context, work func(context.Context) error) error {
		return between(ctx, old, k, untold(work))
	}
	changes(t, old, middle, ours)
}
