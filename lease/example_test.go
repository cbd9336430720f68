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

// One keeper holds a key. Another is refused, and told who has it and for how long at most.
func Example() {
	ctx := context.Background()
	st := memstore.New() // a server's, as a rule: both processes use the same one
	ours, _ := lease.NewKeeper(st, lease.Config{TTL: 45 * time.Second, Heartbeat: 15 * time.Second})
	theirs, _ := lease.NewKeeper(st, lease.Config{})
	defer theirs.Close(ctx)

	held, err := ours.Acquire(ctx, "job:nightly", []byte("host-a"))
	if err != nil {
		panic(err)
	}
	fmt.Println(held.Key(), held.Valid())

	_, err = theirs.Acquire(ctx, "job:nightly", []byte("host-b"))
	if refused, ok := errors.AsType[*store.HeldError](err); ok {
		fmt.Printf("held by %s\n", refused.Record.Value)
	}

	fmt.Println(ours.Close(ctx)) // releases what it holds
	next, err := theirs.Acquire(ctx, "job:nightly", []byte("host-b"))
	fmt.Println(err, next.Token() > held.Token())
	// Output:
	// job:nightly true
	// held by host-a
	// <nil>
	// <nil> true
}

// A waiter gets the key as soon as its holder lets go.
func ExampleWithWait() {
	ctx := context.Background()
	keeper, _ := lease.NewKeeper(memstore.New(), lease.Config{})
	defer keeper.Close(ctx)
	first, _ := keeper.Acquire(ctx, "leader", []byte("host-a"))

	leads := make(chan lease.Lease)
	go func() {
		second, err := keeper.Acquire(ctx, "leader", []byte("host-b"), lease.WithWait())
		if err != nil {
			panic(err)
		}
		leads <- second
	}()
	fmt.Println(first.Release(ctx))
	fmt.Println((<-leads).Valid())
	// Output:
	// <nil>
	// true
}

// Work under a lease has a context that ends when the lease can no longer be trusted.
func ExampleLease() {
	ctx := context.Background()
	st := memstore.New()
	keeper, _ := lease.NewKeeper(st, lease.Config{})
	defer keeper.Close(ctx)
	l, err := keeper.Acquire(ctx, "report", []byte("0 %"))
	if err != nil {
		panic(err)
	}
	work, cancel := l.Context(ctx)
	defer cancel()
	fmt.Println(l.Update(work, []byte("50 %"))) // refused, were the lease lost

	// An operator frees the key.
	if err := st.Delete(ctx, "report", store.ByToken(l.Token())); err != nil {
		panic(err)
	}
	<-work.Done()
	lost, _ := errors.AsType[*lease.LostError](context.Cause(work))
	fmt.Println(lost.Key, lost.Reason(), l.Valid())
	fmt.Println(errors.Is(l.Update(ctx, []byte("100 %")), store.ErrLost))
	// Output:
	// <nil>
	// report deleted false
	// true
}

// Callbacks tell of each attempt to acquire, each renewal and each loss, for logs and metrics.
func ExampleConfig() {
	ctx := context.Background()
	attempts := make(chan lease.AcquireAttempt, 2)
	keeper, err := lease.NewKeeper(memstore.New(), lease.Config{
		TTL:       45 * time.Second,
		Heartbeat: 15 * time.Second,
		OnAcquire: func(a lease.AcquireAttempt) { attempts <- a },
		OnLoss:    func(lost *lease.LostError) { fmt.Println("lost:", lost) },
	})
	if err != nil {
		panic(err)
	}
	defer keeper.Close(ctx)
	for range 2 {
		_, _ = keeper.Acquire(ctx, "leader", []byte("host-a"))
	}
	fmt.Println(store.Outcome((<-attempts).Err), store.Outcome((<-attempts).Err))

	_, err = lease.NewKeeper(memstore.New(), lease.Config{TTL: 10 * time.Second, Heartbeat: 15 * time.Second})
	fmt.Println(err)
	// Output:
	// ok held
	// invalid heartbeat 15s: must be at least 10ms and at most half of the ttl, which is 10s
}
