package clientgo

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
)

var errLost = errors.New("the lock is lost")

// withElection works under client-go's lock, and resigns once work has returned. A LeaderElector that is
// told to end before that, lets go of the lock while the work still runs.
func withElection(ctx context.Context, lock resourcelock.Interface, work func(context.Context) error) error {
	stand, resign := context.WithCancel(context.WithoutCancel(ctx))
	var once sync.Once // the work, or the reason why there is none
	var result error
	end := func(f func() error) {
		once.Do(func() {
			defer resign()
			result = f()
		})
	}
	defer context.AfterFunc(ctx, func() { end(ctx.Err) })() // while it waits
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, LeaseDuration: 15 * time.Second, RenewDeadline: 10 * time.Second, RetryPeriod: 2 * time.Second,
		ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(leads context.Context) {
				end(func() error {
					leads, cancel := context.WithCancel(leads)
					defer cancel()
					defer context.AfterFunc(ctx, cancel)()
					return work(leads)
				})
			},
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return err
	}
	elector.Run(stand)
	end(func() error { return errLost }) // waits for the work
	return result
}

// withLease and between are in docs/migrating.md.

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

func between(ctx context.Context, old func(context.Context, func(context.Context) error) error, k *lease.Keeper,
	work func(context.Context, store.Token) error) error {
	return old(ctx, func(ctx context.Context) error { return withLease(ctx, k, work) })
}

// A fleet under client-go's lock goes over to leases through a version that holds both.
func TestAFleetUnderAnElectionGoesOverToLeases(t *testing.T) {
	s := serve(t)
	client, err := clientv3.New(clientv3.Config{Endpoints: etcd.Endpoints(), DialTimeout: 10 * time.Second, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	st, err := etcdstore.New(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	k, err := lease.NewKeeper(st, lease.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close(context.Background())

	var programs atomic.Int64
	lock := func() resourcelock.Interface {
		return lockOf(s.client(t), "job", string(rune('a'+programs.Add(1))))
	}
	type work = func(context.Context) error
	untold := func(f work) func(context.Context, store.Token) error {
		return func(ctx context.Context, _ store.Token) error { return f(ctx) }
	}
	old := func(ctx context.Context, f work) error { return withElection(ctx, lock(), f) }
	middle := func(ctx context.Context, f work) error {
		return between(ctx, func(ctx context.Context, f func(context.Context) error) error { return withElection(ctx, lock(), f) }, k, untold(f))
	}
	ours := func(ctx context.Context, f work) error { return withLease(ctx, k, untold(f)) }

	for _, kinds := range [][2]func(context.Context, work) error{{old, middle}, {middle, ours}} {
		var working atomic.Int32
		var all sync.WaitGroup
		for _, kind := range kinds {
			for range 2 {
				all.Go(func() {
					for range 2 {
						err := kind(t.Context(), func(ctx context.Context) error {
							if n := working.Add(1); n != 1 {
								t.Errorf("%d work at once", n)
							}
							defer working.Add(-1)
							time.Sleep(10 * time.Millisecond)
							return ctx.Err()
						})
						if err != nil {
							t.Error(err)
						}
					}
				})
			}
		}
		all.Wait()
	}
	both := false
	err = old(t.Context(), func(ctx context.Context) error {
		return ours(ctx, func(context.Context) error { both = true; return nil })
	})
	if err != nil || !both {
		t.Errorf("the page says that old and new programs work at once: %v, %v", both, err)
	}
}

// A program that is told to end while it works keeps the lock until the work has ended.
func TestAnElectionEndsAfterItsWork(t *testing.T) {
	s := serve(t)
	ctx, stop := context.WithCancel(t.Context())
	var ended atomic.Bool
	begun := make(chan struct{})
	done := make(chan error)
	go func() {
		done <- withElection(ctx, lockOf(s.client(t), "ends", "a"), func(ctx context.Context) error {
			close(begun)
			<-ctx.Done()
			time.Sleep(4 * time.Second) // longer than a waiter needs to look twice
			ended.Store(true)
			return nil
		})
	}()
	<-begun
	second := stand(t, lockOf(s.client(t), "ends", "b"))
	stop()
	second.lead(t)
	if !ended.Load() {
		t.Error("another leads before the work has ended")
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	ended2 := make(chan error)
	waiting, cancel := context.WithCancel(t.Context())
	go func() {
		ended2 <- withElection(waiting, lockOf(s.client(t), "ends", "c"), func(context.Context) error { return nil })
	}()
	cancel()
	if err := <-ended2; !errors.Is(err, context.Canceled) {
		t.Errorf("a waiter that is told to end: %v", err)
	}
}
