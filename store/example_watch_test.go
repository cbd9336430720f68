package store_test

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// A watch tells of the records that are there, then of each change, and why a record went.
func ExampleEvent() {
	ctx := context.Background()
	st := memstore.New()
	_, grant := created(st, "job:1", "starting")
	for e, err := range st.WatchKey(ctx, "job:1") {
		if err != nil {
			panic(err)
		}
		switch e.Kind {
		case store.EventPut:
			fmt.Printf("%v %s\n", e.Kind, e.Record.Value)
		case store.EventSynced: // all that was there has been told
			fmt.Println(e.Kind)
			_ = st.Delete(ctx, "job:1", store.ByToken(grant.Token))
		case store.EventResync: // changes may have been missed: all that is there follows again
			fmt.Println(e.Kind)
		case store.EventGone:
			fmt.Println(e.Kind, e.Cause)
			return
		}
	}
	// Output:
	// put starting
	// synced
	// gone deleted
}

// A store may tell of deletes, so that a holder whose record an operator deletes knows at once.
func ExampleDeleteNotifier() {
	ctx := context.Background()
	st := memstore.New()
	_, grant := created(st, "job:1", "host-a")
	hints := st.Deletions(ctx)
	_ = st.Delete(ctx, "job:1", store.ByToken(grant.Token))
	for key := range hints {
		fmt.Printf("read %q again\n", key) // a hint: it may be late or of an earlier lease
		break
	}
	// Output: read "job:1" again
}

// A page that shows thousands of records would rather read those that changed in the last tenth of a
// second together than each at once.
func ExampleGatheringWatcher() {
	ctx := context.Background()
	var st store.Store = memstore.New()
	watch := func(prefix string) iter.Seq2[store.Event, error] { return st.Watch(ctx, prefix) }
	if gathers, ok := st.(store.GatheringWatcher); ok {
		watch = func(prefix string) iter.Seq2[store.Event, error] {
			return gathers.WatchGathered(ctx, prefix, 100*time.Millisecond)
		}
	}
	created(st, "job:1", "starting")
	for e, err := range watch("job:") {
		if err != nil {
			panic(err)
		}
		fmt.Println(e.Kind, e.Record.Key)
		if e.Kind == store.EventSynced {
			break
		}
	}
	// Output:
	// put job:1
	// synced
}

// A store tells what it promises beyond the contract.
func ExampleDescriber() {
	var st store.Store = memstore.New()
	if _, describes := st.(store.Describer); !describes {
		fmt.Println("nothing beyond the contract")
	}
	fmt.Printf("%+v\n", store.CapabilitiesOf(st))
	// Output:
	// nothing beyond the contract
	// {MinTTL:0s Precision:0s GroupExpiry:false TokensOutliveData:false}
}
