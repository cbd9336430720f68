package etcd_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
)

// watchStreams counts the goroutines of etcd clients that have a gRPC stream of watches, or open one.
func watchStreams() int {
	stacks := make([]byte, 16<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "(*watchGRPCStream).run(")
}

// The client goes on to open the stream of a watch that its caller has left, and then keeps it.
func TestAWatchThatCannotBeOpenedLeavesNoStream(t *testing.T) {
	full.Only(t) // and not in parallel: others have streams too
	const watches = 10
	gone, hung := etcdtest.Start(t, etcdtest.Settings{}), etcdtest.Start(t, etcdtest.Settings{})
	ctx, leave := context.WithCancel(t.Context())
	var all, synced sync.WaitGroup
	defer all.Wait()
	defer leave()
	var stores []*etcdstore.Store
	for _, cluster := range []*etcdtest.Cluster{gone, hung} {
		st := open(t, cluster.Client())
		stores = append(stores, st)
		for i := range watches {
			synced.Add(1)
			done := sync.OnceFunc(synced.Done)
			all.Go(func() {
				for e, err := range st.Watch(ctx, fmt.Sprint(i, "/")) {
					if err != nil && ctx.Err() == nil {
						t.Error(err)
					}
					if e.Kind == store.EventSynced {
						done()
					}
				}
			})
		}
	}
	synced.Wait()
	before := watchStreams()
	gone.Stop()
	hung.Pause()
	time.Sleep(25 * time.Second) // until each watch has been tried several times
	gone.Restart()
	hung.Resume()
	for late := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		after, err := watchStreams(), errors.Join(stores[0].WatchErr(), stores[1].WatchErr())
		if err == nil && after <= before {
			break
		}
		if time.Now().After(late) {
			t.Fatalf("%d streams after the outage, %d before: %v", after, before, err)
		}
	}
}
