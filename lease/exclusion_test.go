package lease_test

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
	"pgregory.net/rapid"
)

// weather is what a contender's requests may meet.
var weather = []teststore.Fault{
	nil, nil, nil,
	teststore.Silence, // a crash, as the store sees it
	teststore.Refuse, teststore.LoseReply, teststore.DropReply,
	teststore.Straggle(time.Second), teststore.Straggle(ttl), teststore.Straggle(3 * ttl),
	teststore.Delay(0, time.Second), teststore.Hang(ttl),
}

// deed is one step of a contender's programme.
type deed struct {
	Acquire, Wait, Release bool
	Fault                  int           // into weather, for every verb
	Pause                  time.Duration // after it
}

var deeds = rapid.Custom(func(t *rapid.T) deed {
	return deed{
		Acquire: rapid.Bool().Draw(t, "acquire"),
		Wait:    rapid.Bool().Draw(t, "wait"),
		Release: rapid.Bool().Draw(t, "release"),
		Fault:   rapid.IntRange(0, len(weather)-1).Draw(t, "fault"),
		Pause:   time.Duration(rapid.Int64Range(0, int64(2*ttl)).Draw(t, "pause")),
	}
})

// span is a time, without its end.
type span struct{ start, end time.Time }

// holding is the time for which one lease was valid.
type holding struct {
	token store.Token
	span
}

// chronicle gathers the holdings of all contenders.
type chronicle struct {
	wg  sync.WaitGroup
	mu  sync.Mutex
	all []holding
}

func (c *chronicle) follow(held lease.Lease) {
	h := holding{held.Token(), span{start: time.Now()}}
	c.wg.Go(func() {
		<-held.Done()
		h.end = time.Now()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.all = append(c.all, h)
	})
}

// contend runs a programme on a keeper of its own.
func contend(k *lease.Keeper, p *teststore.Store, programme []deed, c *chronicle) {
	var mine []lease.Lease
	for _, d := range programme {
		p.Inject(weather[d.Fault], teststore.Create, teststore.Renew, teststore.Update, teststore.Delete, teststore.Handover)
		if d.Acquire {
			var opts []lease.Option
			if d.Wait {
				opts = append(opts, lease.WithWait())
			}
			ctx, cancel := context.WithTimeout(context.Background(), ttl)
			if held, err := k.Acquire(ctx, "k", []byte("v"), opts...); err == nil {
				c.follow(held)
				mine = append(mine, held)
			}
			cancel()
		}
		if d.Release && len(mine) > 0 {
			_ = mine[len(mine)-1].Release(context.Background())
		}
		time.Sleep(d.Pause)
	}
	_ = k.Close(context.Background())
}

func TestNoTwoLeasesOfAKeyAreValidAtOnce(t *testing.T) {
	t.Run("each to itself", func(t *testing.T) { testExclusion(t, func(p *teststore.Store) store.Store { return p }) })
	t.Run("handed over", func(t *testing.T) {
		testExclusion(t, func(p *teststore.Store) store.Store { return teststore.Successor{Store: p} })
	})
}

func testExclusion(t *testing.T, on func(*teststore.Store) store.Store) {
	rapid.Check(t, func(t *rapid.T) {
		programmes := rapid.SliceOfN(rapid.SliceOfN(deeds, 1, 12), 2, 4).Draw(t, "contenders")
		rapid.SyncTest(t, func(t *rapid.T) {
			shared := memstore.New()
			var c chronicle
			for _, programme := range programmes {
				p := teststore.New()
				p.Store = shared
				k := keep(t, on(p))
				c.wg.Go(func() { contend(k, p, programme, &c) })
			}
			c.wg.Wait()
			time.Sleep(5 * ttl) // for the stragglers
			check(t, c.all)
			for r := range shared.List(t.Context(), "") {
				t.Errorf("outlived its holder: %+v", r)
			}
		})
	})
}

// check wants the holdings, in the order of their tokens, to follow each other in
// time. It says both that no two were at once and that tokens grew.
func check(t *rapid.T, all []holding) {
	slices.SortFunc(all, func(a, b holding) int { return cmp.Compare(a.token, b.token) })
	for i := range max(len(all)-1, 0) {
		a, b := all[i], all[i+1]
		if a.token == b.token || b.start.Before(a.end) {
			t.Fatalf("token %d was valid until %v, token %d from %v", a.token, a.end, b.token, b.start)
		}
	}
}
