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

// A heartbeat may carry a value, made for it.
func ExampleWithHeartbeatValue() {
	ctx := context.Background()
	beats := make(chan lease.RenewAttempt, 1)
	st := memstore.New()
	keeper, err := lease.NewKeeper(st, lease.Config{
		TTL: 30 * time.Second, Heartbeat: 100 * time.Millisecond, // so often for the example
		OnRenew: func(a lease.RenewAttempt) {
			select {
			case beats <- a:
			default:
			}
		},
	})
	if err != nil {
		panic(err)
	}
	defer keeper.Close(ctx)
	confirmed := make(chan struct{}, 1)
	_, err = keeper.Acquire(ctx, "leader", []byte("new"), lease.WithHeartbeatValue(
		func(time.Time) ([]byte, error) { return []byte("alive"), nil },
		func() {
			select {
			case confirmed <- struct{}{}:
			default:
			}
		}))
	if err != nil {
		panic(err)
	}
	<-confirmed
	r, err := st.Get(ctx, "leader")
	fmt.Printf("%s %v\n", r.Value, err)
	beat := <-beats
	fmt.Println(beat.Key, beat.Err, beat.Left > 0)
	// Output:
	// alive <nil>
	// leader <nil> true
}

// A value, the entry of the log that belongs to it, and the answer to a request go to the store
// together.
func ExampleContent() {
	ctx := context.Background()
	st := memstore.New()
	keeper, err := lease.NewKeeper(st, lease.Config{})
	if err != nil {
		panic(err)
	}
	defer keeper.Close(ctx)
	l, err := keeper.Acquire(ctx, "leader", []byte("0 %"), lease.WithLog(store.LogLimits{Entries: 10, Age: time.Hour}, nil))
	if err != nil {
		panic(err)
	}
	committed := false
	err = l.WriteContent(ctx,
		func() (lease.Content, error) {
			return lease.Content{Value: []byte("50 %"), Log: [][]byte{[]byte("half is done")}}, nil
		},
		func() { committed = true }) // once the store has confirmed it
	fmt.Println(err, committed, l.FlushLog(ctx))
	for e, err := range st.ReadLog(ctx, "leader", store.LogQuery{}) {
		fmt.Printf("%d %s %v\n", e.Number, e.Value, err)
	}
	// Output:
	// <nil> true <nil>
	// 1 half is done <nil>
}

// A function that fails leaves the record as it was.
func ExampleLease_Write() {
	ctx := context.Background()
	st := memstore.New()
	keeper, err := lease.NewKeeper(st, lease.Config{})
	if err != nil {
		panic(err)
	}
	defer keeper.Close(ctx)
	l, err := keeper.Acquire(ctx, "leader", []byte("0 %"))
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Write(ctx, func() ([]byte, error) { return nil, errors.New("not ready") }, func() {}))
	fmt.Println(l.Write(ctx, func() ([]byte, error) { return []byte("50 %"), nil }, func() { fmt.Println("committed") }))
	r, _ := st.Get(ctx, "leader")
	fmt.Printf("%s\n", r.Value)
	// Output:
	// not ready
	// committed
	// <nil>
	// 50 %
}

// A loss says when it came and why. The lease stays lost.
func ExampleLostError() {
	ctx := context.Background()
	st := memstore.New()
	losses := make(chan *lease.LostError, 1)
	keeper, err := lease.NewKeeper(st, lease.Config{OnLoss: func(lost *lease.LostError) { losses <- lost }})
	if err != nil {
		panic(err)
	}
	defer keeper.Close(ctx)
	l, err := keeper.Acquire(ctx, "leader", []byte("host-a"))
	if err != nil {
		panic(err)
	}
	if err := st.Delete(ctx, "leader", store.ByToken(l.Token())); err != nil { // by an operator
		panic(err)
	}
	lost := <-losses
	fmt.Println(lost.Key, lost.Token == l.Token(), lost.Reason(), lost.Deleted)
	<-l.Done()
	fmt.Println(l.Valid(), errors.Is(l.Err(), store.ErrLost), errors.Is(l.Err(), store.ErrDeleted), l.Release(ctx))
	// Output:
	// leader true deleted true
	// false true true <nil>
}
