package storetest_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
	"github.com/leasehold-go/leasehold/store/storetest"
)

// slow lists stores in real time, and the expected tries of one case on each.
var slow = map[string]struct {
	store func(store.Store) store.Store // the store of the first tries
	first int                           // number of first tries
	ttl   time.Duration                 // TTL of the first try
	of    string                        // the case
	again int                           // number of inconclusive tries; the least number if the last try passes
	fails string                        // text of the failure, "" if the last try passes
}{
	"stalls for longer than the TTL in two tries":   {stall, 2, store.MinTTL, "GetReturnsTheLiveRecord/TimeLeft", 2, ""},
	"stalls for longer than every TTL":              {stall, 5, store.MinTTL, "GetReturnsTheLiveRecord/TimeLeft", 4, `the record "key" had expired`},
	"stalls in the programmes of one try":           {stall, 1, store.MinTTL, "RandomProgrammesMatchTheModel", 1, ""},
	"is unavailable in two tries":                   {leave, 2, store.MinTTL, "GetReturnsTheLiveRecord/TimeLeft", 2, ""},
	"is unavailable in every try":                   {leave, 5, store.MinTTL, "GetReturnsTheLiveRecord/TimeLeft", 4, "the server had no time to answer"},
	"is unavailable in a case without short leases": {leave, 1, store.MinTTL, "GetReturnsTheLiveRecord/AfterEachWrite", 0, "store unavailable"},
	"loses a record long before its expiry":         {forget, 1, time.Minute, "GetReturnsTheLiveRecord/TimeLeft", 0, "not found"},
	"keeps a record too long in one try":            {cling, 1, store.MinTTL, "ExpiryIsOnTime/AfterCreate", 1, ""},
}

const whichSlow = "STORETEST_SLOW"

// TestSlowSuite runs the suite on the store that the environment names.
func TestSlowSuite(t *testing.T) {
	s, ok := slow[os.Getenv(whichSlow)]
	if !ok {
		return
	}
	try := -1 // Run opens a fixture before the first try
	storetest.Run(t, storetest.Harness{TTL: s.ttl, Programmes: 2, Open: func(t *testing.T) storetest.Fixture {
		st := memstore.New()
		t.Cleanup(func() { st.Close() })
		if try++; try > s.first {
			return storetest.Fixture{Store: st}
		}
		return storetest.Fixture{Store: s.store(st)}
	}})
}

func TestInconclusiveTryIsRepeated(t *testing.T) {
	full.Only(t)
	var all sync.WaitGroup
	for name, s := range slow {
		all.Go(func() {
			t.Run(name, func(t *testing.T) {
				suite := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSlowSuite$/^"+strings.ReplaceAll(s.of, "/", "$/^")+"$", "-test.v")
				suite.Env = append(os.Environ(), whichSlow+"="+name)
				out, err := suite.CombinedOutput()
				again := strings.Count(string(out), "inconclusive: ")
				passes := s.fails == ""
				if passes != (err == nil) || again != s.again && !(passes && again > s.again) ||
					!strings.Contains(string(out), "TestSlowSuite/"+s.of+"/ttl_") || !strings.Contains(string(out), s.fails) {
					t.Errorf("want %d inconclusive tries, and then %q (%v):\n%s", s.again, s.fails, err, out)
				}
			})
		})
	}
	all.Wait()
}

// stalling sleeps before each read, for longer than the record lives.
type stalling struct {
	store.Store
	ttl time.Duration
}

func stall(st store.Store) store.Store { return &stalling{st, store.MinTTL} }

func (s *stalling) Create(ctx context.Context, c store.Claim) (store.Grant, error) {
	s.ttl = c.TTL
	return s.Store.Create(ctx, c)
}

func (s *stalling) Get(ctx context.Context, key string) (store.Record, error) {
	time.Sleep(2 * s.ttl)
	return s.Store.Get(ctx, key)
}

// absent is unavailable for creates.
type absent struct{ store.Store }

func leave(st store.Store) store.Store { return absent{st} }

func (absent) Create(context.Context, store.Claim) (store.Grant, error) {
	return store.Grant{}, fmt.Errorf("create: %w", store.ErrUnavailable)
}

// oblivious finds no record.
type oblivious struct{ store.Store }

func forget(st store.Store) store.Store { return oblivious{st} }

func (oblivious) Get(context.Context, string) (store.Record, error) {
	return store.Record{}, store.ErrNotFound
}

// clinging keeps records an hour longer than it reports.
type clinging struct{ store.Store }

func cling(st store.Store) store.Store { return clinging{st} }

func (s clinging) Create(ctx context.Context, c store.Claim) (store.Grant, error) {
	c.TTL += time.Hour
	grant, err := s.Store.Create(ctx, c)
	grant.Until = grant.Until.Add(-time.Hour)
	return grant, err
}

func (s clinging) Get(ctx context.Context, key string) (store.Record, error) {
	r, err := s.Store.Get(ctx, key)
	r.Left -= time.Hour
	return r, err
}
