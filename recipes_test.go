package leasehold_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/fsm/fsmtest"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// The functions here are in docs/recipes.md. The tests run them in virtual time.

// lead calls work whenever this process leads. It returns when work does, unless the lease was lost.
func lead(ctx context.Context, k *lease.Keeper, key, name string, work func(context.Context, store.Token) error) error {
	for {
		l, err := k.Acquire(ctx, key, []byte(name), lease.WithWait())
		if err != nil {
			return err
		}
		term, cancel := l.Context(ctx)
		err = work(term, l.Token())
		cancel()
		if lost := new(lease.LostError); errors.As(l.Err(), &lost) {
			continue // stand again
		}
		return errors.Join(err, l.Release(ctx))
	}
}

func singleton(ctx context.Context, keeper *lease.Keeper, serve registry.ServeFunc[State, Record]) error {
	cfg := registry.Config[State, Record]{
		Key:       "billing",
		Wait:      true,                 // until the key is free
		Reclaim:   registry.ReclaimDead, // a restart on the same machine does not wait for the TTL
		LeavePath: []State{Stopping, Stopped},
	}
	return registry.Supervise(ctx, keeper, lifecycle, cfg, serve)
}

// own works on up to most shards at a time, each for as long as work takes or the shard's lease holds.
func own(ctx context.Context, k *lease.Keeper, shards []string, most int, work func(context.Context, string, store.Token) error) {
	var workers sync.WaitGroup
	for range most {
		workers.Go(func() {
			for ctx.Err() == nil {
				for _, n := range rand.Perm(len(shards)) {
					l, err := k.Acquire(ctx, shards[n], []byte("held"))
					if err != nil {
						continue // another holds it, or the store is away
					}
					term, cancel := l.Context(ctx)
					err = errors.Join(work(term, shards[n], l.Token()), l.Release(ctx))
					cancel()
					if err != nil {
						fmt.Println(shards[n], err)
					}
				}
				select { // nothing is free
				case <-time.After(time.Second + rand.N(time.Second)):
				case <-ctx.Done():
				}
			}
		})
	}
	workers.Wait()
}

// once reports whether this process runs a job at a tick. Of all that ask, one does.
func once(ctx context.Context, st store.Store, job string, tick time.Time) (bool, error) {
	claim := store.Claim{
		Key:   fmt.Sprintf("cron:%s:%d", job, tick.Unix()),
		Value: []byte("claimed"),
		TTL:   time.Hour, // nobody asks for this tick an hour later
		Nonce: store.NewNonce(),
	}
	for {
		_, err := st.Create(ctx, claim)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, store.ErrHeld):
			return false, nil
		case ctx.Err() != nil, !errors.Is(err, store.ErrInDoubt):
			return false, err
		}
		// The reply was lost. With the same nonce the store gives the first answer again.
	}
}

// consume works on jobs until ctx ends. It finishes the job at hand when it is told to stop, and
// not when the lease is lost.
func consume(ctx context.Context, i *registry.Instance[State, Record], jobs <-chan string, do func(context.Context, string) error) error {
	for _, to := range []State{Starting, Active} {
		if err := i.Transition(ctx, to); err != nil {
			return err
		}
	}
	held, cancel := i.Lease().Context(context.WithoutCancel(ctx)) // ends with the lease alone
	defer cancel()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case job := <-jobs:
			if err := do(held, job); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// Feed is the data of one instance.
type Feed struct{ fresh atomic.Bool }

var feed = fsm.NewData[*Feed]("feed")

var guarded = fsm.MustDefine(Idle, fsm.Table[State]{
	Idle:     {Starting},
	Starting: {Active, Idle},
	Active:   {Idle},
},
	fsm.Requires[State](feed), // no machine without it
	fsm.Guard(Active, "feed is fresh", func(ctx context.Context, _ fsm.Transition[State]) error {
		if !feed.Of(ctx).fresh.Load() {
			return errors.New("no quote yet")
		}
		return nil
	}),
)

// follow runs serve for as long as this process holds the key of a feed, and again after a loss.
func follow(ctx context.Context, keeper *lease.Keeper, key string, f *Feed, serve registry.ServeFunc[State, Record]) error {
	cfg := registry.Config[State, Record]{
		Key:            key,
		LeavePath:      []State{Idle},
		MachineOptions: []fsm.Option{fsm.WithData(feed, f)},
	}
	return registry.Supervise(ctx, keeper, guarded, cfg, func(ctx context.Context, i *registry.Instance[State, Record]) error {
		f.fresh.Store(false) // each run has the same data
		return serve(ctx, i)
	})
}

func TestTheLifecycle(t *testing.T) {
	fsmtest.Check(t, lifecycle) // random calls, permitted and forbidden
	fsmtest.Cover(t, lifecycle) // every edge
}

// outage is a store that can be taken away from renewals.
type outage struct {
	store.Store
	down atomic.Bool
}

func (o *outage) Renew(ctx context.Context, batch []store.Renewal) []store.RenewResult {
	if !o.down.Load() {
		return o.Store.Renew(ctx, batch)
	}
	results := make([]store.RenewResult, len(batch))
	for i := range results {
		results[i].Err = store.ErrUnavailable
	}
	return results
}

func TestTheServiceStopsWhileTheStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // 45 s pass in no time
		st := &outage{Store: memstore.New()}
		keeper, err := lease.NewKeeper(st, lease.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer keeper.Close(t.Context())
		jobs := make(chan string)
		began := time.Now()
		err = registry.Run(t.Context(), keeper, lifecycle, registry.Config[State, Record]{Key: "k"},
			func(ctx context.Context, i *registry.Instance[State, Record]) error {
				st.down.Store(true)
				return consume(ctx, i, jobs, nil)
			})
		if !errors.Is(err, lease.ErrExpired) || time.Since(began) >= lease.DefaultTTL {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// process is a process of a fleet.
type process struct {
	*lease.Keeper
	*outage // its way to the store
}

// fleet returns processes with one store.
func fleet(t *testing.T, n int) (st *memstore.Store, all []process) {
	t.Helper()
	st = memstore.New()
	t.Cleanup(func() { st.Close() })
	for range n {
		way := &outage{Store: st}
		k, err := lease.NewKeeper(way, lease.Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { k.Close(context.Background()) })
		all = append(all, process{k, way})
	}
	return st, all
}

func TestLeadersFollowEachOtherAndStandAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, all := fleet(t, 2)
		ctx, stop := context.WithCancel(t.Context())
		var leading atomic.Int32
		var tokens []store.Token
		ended := make(chan error, len(all))
		for n, p := range all {
			go func() {
				ended <- lead(ctx, p.Keeper, "leader", fmt.Sprint(n), func(ctx context.Context, token store.Token) error {
					if leading.Add(1) > 1 {
						t.Error("two lead")
					}
					defer leading.Add(-1)
					tokens = append(tokens, token) // no two lead at once
					p.down.Store(true)             // so it loses its lease
					<-ctx.Done()
					p.down.Store(false)
					return ctx.Err()
				})
			}()
		}
		time.Sleep(5 * time.Minute)
		stop()
		for range all {
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
		if len(tokens) < 4 || !slices.IsSorted(tokens) {
			t.Errorf("tokens of the leaders: %v", tokens)
		}
		if _, err := st.Get(t.Context(), "leader"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("afterwards: %v", err)
		}
	})
}

func TestOneOfASingletonServes(t *testing.T) {
	logger := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler)) // every restart
	defer slog.SetDefault(logger)
	synctest.Test(t, func(t *testing.T) {
		_, all := fleet(t, 3)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var serving, served atomic.Int32
		var ended sync.WaitGroup
		for _, p := range all {
			ended.Go(func() {
				err := singleton(ctx, p.Keeper, func(ctx context.Context, i *registry.Instance[State, Record]) error {
					if serving.Add(1) > 1 {
						t.Error("two serve")
					}
					defer serving.Add(-1)
					if served.Add(1) == 1 {
						p.down.Store(true) // so the first loses its lease
					}
					<-ctx.Done()
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(5 * time.Minute)
		if serving.Load() != 1 || served.Load() < 2 {
			t.Errorf("%d serve, %d have served", serving.Load(), served.Load())
		}
		stop()
		ended.Wait()
	})
}

func TestAGuardReadsTheDataOfItsInstanceInEachRun(t *testing.T) {
	logger := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler)) // every restart
	defer slog.SetDefault(logger)
	synctest.Test(t, func(t *testing.T) {
		_, all := fleet(t, 1)
		p, f := all[0], new(Feed)
		runs := 0
		err := follow(t.Context(), p.Keeper, "feed:1", f, func(ctx context.Context, i *registry.Instance[State, Record]) error {
			runs++
			p.down.Store(false)
			if err := i.Transition(ctx, Starting); err != nil {
				return err
			}
			refused := new(fsm.GuardError)
			if err := i.Transition(ctx, Active); !errors.As(err, &refused) || refused.Name != "feed is fresh" {
				t.Errorf("run %d: without a quote: %v", runs, err)
			}
			f.fresh.Store(true)
			if err := i.Transition(ctx, Active); err != nil {
				t.Errorf("run %d: with a quote: %v", runs, err)
			}
			if runs == 2 {
				return nil
			}
			p.down.Store(true)
			<-ctx.Done()
			return ctx.Err()
		})
		if err != nil || runs != 2 {
			t.Errorf("%d runs: %v", runs, err)
		}
	})
}

func TestShardsHaveOneOwnerEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, all := fleet(t, 3)
		shards := []string{"shard:a", "shard:b", "shard:c", "shard:d", "shard:e", "shard:f"}
		var mu sync.Mutex
		owners := make(map[string]int)
		count := func() int { mu.Lock(); defer mu.Unlock(); return len(owners) }
		var ended sync.WaitGroup
		stops := make([]context.CancelFunc, len(all))
		for n, p := range all {
			ctx, stop := context.WithCancel(t.Context())
			stops[n] = stop
			ended.Go(func() {
				own(ctx, p.Keeper, shards, 3, func(ctx context.Context, shard string, _ store.Token) error {
					mu.Lock()
					if owner, taken := owners[shard]; taken {
						t.Errorf("%s has two owners, %d and %d", shard, owner, n)
					}
					owners[shard] = n
					mu.Unlock()
					<-ctx.Done()
					mu.Lock()
					delete(owners, shard)
					mu.Unlock()
					return nil
				})
			})
		}
		time.Sleep(5 * time.Second)
		if n := count(); n != len(shards) {
			t.Errorf("%d shards have an owner", n)
		}
		stops[0]() // the others can hold all
		time.Sleep(5 * time.Second)
		if n := count(); n != len(shards) {
			t.Errorf("%d shards have an owner after one of the three has gone", n)
		}
		stops[1]()
		stops[2]()
		ended.Wait()
	})
}

// lossy is a store that drops the first reply to a create.
type lossy struct {
	store.Store
	dropped atomic.Bool
}

func (l *lossy) Create(ctx context.Context, c store.Claim) (store.Grant, error) {
	grant, err := l.Store.Create(ctx, c)
	if err == nil && !l.dropped.Swap(true) {
		return store.Grant{}, store.ErrInDoubt
	}
	return grant, err
}

func TestATickIsRunOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner, _ := fleet(t, 0)
		st := &lossy{Store: inner}
		for tick := range 2 {
			var runs atomic.Int32
			var all sync.WaitGroup
			for range 10 {
				all.Go(func() {
					mine, err := once(t.Context(), st, "nightly", time.Unix(int64(tick), 0))
					if err != nil {
						t.Error(err)
					}
					if mine {
						runs.Add(1)
					}
				})
			}
			all.Wait()
			if n := runs.Load(); n != 1 {
				t.Errorf("tick %d was run %d times", tick, n)
			}
		}
	})
}

func TestAJobAtHandIsFinishedAfterAStopAndNotAfterALoss(t *testing.T) {
	for _, lost := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			_, all := fleet(t, 1)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			jobs, done := make(chan string), make(chan error, 2)
			cfg := registry.Config[State, Record]{Key: "k", LeavePath: []State{Stopping, Stopped}}
			go func() {
				done <- registry.Run(ctx, all[0].Keeper, lifecycle, cfg, func(ctx context.Context, i *registry.Instance[State, Record]) error {
					return consume(ctx, i, jobs, func(ctx context.Context, job string) error {
						select {
						case <-time.After(time.Hour):
							done <- nil
						case <-ctx.Done():
							done <- ctx.Err()
						}
						return nil
					})
				})
			}()
			jobs <- "first"
			began := time.Now()
			if lost {
				all[0].down.Store(true)
			} else {
				stop()
			}
			if err := <-done; (err != nil) != lost || lost == (time.Since(began) >= time.Hour) {
				t.Errorf("lost %v: the job ended with %v after %v", lost, err, time.Since(began))
			}
			if err := <-done; lost != errors.Is(err, store.ErrLost) {
				t.Errorf("lost %v: %v", lost, err)
			}
		})
	}
}
