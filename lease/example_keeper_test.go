package lease_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// A keeper renews all leases of a process. Close releases what is still held, in batches.
func ExampleKeeper() {
	ctx := context.Background()
	keeper, err := lease.NewKeeper(memstore.New(), lease.Config{}) // 45 s, renewed every 15 s
	if err != nil {
		panic(err)
	}
	for _, key := range []string{"shard:1", "shard:2"} {
		if _, err := keeper.Acquire(ctx, key, []byte("host-a")); err != nil {
			panic(err)
		}
	}
	fmt.Println(keeper.TTL(), keeper.Stats().Held)
	fmt.Println(keeper.Close(ctx), keeper.Stats().Held)
	_, err = keeper.Acquire(ctx, "shard:3", []byte("host-a"))
	fmt.Println(errors.Is(err, lease.ErrClosed))
	// Output:
	// 45s 2
	// <nil> 0
	// true
}

// What a keeper holds and waits for, for metrics.
func ExampleStats() {
	ctx := context.Background()
	keeper, err := lease.NewKeeper(memstore.New(), lease.Config{TTL: 40 * time.Second})
	if err != nil {
		panic(err)
	}
	defer keeper.Close(ctx)
	if _, err := keeper.Acquire(ctx, "leader", []byte("host-a")); err != nil {
		panic(err)
	}
	s := keeper.Stats()
	fmt.Println(s.Held, "held,", s.Waiting, "waiting; the window ends before the TTL:", s.TrustLeft > 0 && s.TrustLeft < 40*time.Second)
	// Output: 1 held, 0 waiting; the window ends before the TTL: true
}

// Without an answer by the deadline, the record is left to its TTL. The error counts what was left.
func ExampleCloseError() {
	ctx := context.Background()
	st := memstore.New()
	keeper, err := lease.NewKeeper(st, lease.Config{})
	if err != nil {
		panic(err)
	}
	if _, err := keeper.Acquire(ctx, "leader", []byte("host-a")); err != nil {
		panic(err)
	}
	st.Close() // too early: the keeper comes first
	err = keeper.Close(ctx)
	if closed, ok := errors.AsType[*lease.CloseError](err); ok {
		fmt.Println(closed.Leases, "released,", closed.Failed, "failed:", closed.Examples[0])
	}
	// Output: 1 released, 1 failed: delete "leader": store closed
}

// A waiter whose context ends is told who held the key.
func ExampleWaitError() {
	ctx := context.Background()
	keeper, err := lease.NewKeeper(memstore.New(), lease.Config{})
	if err != nil {
		panic(err)
	}
	defer keeper.Close(ctx)
	if _, err := keeper.Acquire(ctx, "leader", []byte("host-a")); err != nil {
		panic(err)
	}
	short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	_, err = keeper.Acquire(short, "leader", []byte("host-b"), lease.WithWait())
	if waited, ok := errors.AsType[*lease.WaitError](err); ok {
		fmt.Printf("%s has it; %v\n", waited.Held.Record.Value, waited.Cause)
	}
	fmt.Println(errors.Is(err, context.DeadlineExceeded), errors.Is(err, store.ErrHeld))
	// Output:
	// host-a has it; context deadline exceeded
	// true false
}

// A record that its holder left behind may be deleted by whoever knows that the holder is dead.
func ExampleWithReclaim() {
	ctx := context.Background()
	st := memstore.New()
	dead, err := lease.NewKeeper(st, lease.Config{})
	if err != nil {
		panic(err)
	}
	defer dead.Close(ctx)
	if _, err := dead.Acquire(ctx, "leader", []byte("host-a, run 1")); err != nil {
		panic(err)
	}
	keeper, err := lease.NewKeeper(st, lease.Config{})
	if err != nil {
		panic(err)
	}
	defer keeper.Close(ctx)
	l, err := keeper.Acquire(ctx, "leader", []byte("host-a, run 2"), lease.WithReclaim(func(r store.Record) bool {
		return string(r.Value) == "host-a, run 1" // this very machine, which runs it once
	}))
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Valid())
	// Output: true
}
