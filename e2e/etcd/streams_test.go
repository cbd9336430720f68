package etcd_test

import (
	"context"
	"errors"
	"fmt"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
)

// watchStreams counts the goroutines with the label of a test that have a gRPC stream of watches of an
// etcd client, or open one.
func watchStreams(t *testing.T) (n int) {
	t.Helper()
	var profile strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		t.Fatal(err)
	}
	_, profiles, _ := strings.Cut(profile.String(), "\n")
	for alike := range strings.SplitSeq(profiles, "\n\n") { // goroutines of the same stack and label
		if !strings.Contains(alike, fmt.Sprintf("%q:%q", "test", t.Name())) || !strings.Contains(alike, "(*watchGRPCStream).run+") {
			continue
		}
		var these int
		if _, err := fmt.Sscanf(alike, "%d @", &these); err != nil {
			t.Fatalf("%v:\n%s", err, alike)
		}
		n += these
	}
	return n
}

// The client goes on to open the stream of a watch that its caller has left, and then keeps it.
func TestAWatchThatCannotBeOpenedLeavesNoStream(t *testing.T) {
	full.Only(t)
	t.Parallel()
	pprof.SetGoroutineLabels(pprof.WithLabels(t.Context(), pprof.Labels("test", t.Name()))) // and of all that it starts
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
	before := watchStreams(t)
	if before < 2 {
		t.Fatalf("%d streams of two stores that watch", before)
	}
	gone.Stop()
	hung.Pause()
	time.Sleep(25 * time.Second) // until each watch has been tried several times
	gone.Restart()
	hung.Resume()
	for late := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		after, err := watchStreams(t), errors.Join(stores[0].WatchErr(), stores[1].WatchErr())
		if err == nil && after <= before {
			break
		}
		if time.Now().After(late) {
			t.Fatalf("%d streams after the outage, %d before: %v", after, before, err)
		}
	}
}
