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

	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
	"github.com/leasehold-go/leasehold/store/storetest"
)

// slow has stores in real time, and what the tries of one case on each come to.
var slow = map[string]struct {
	store func(store.Store) store.Store // in the first tries
	first int                           // how many those are
	ttl   time.Duration                 // of the first
	of    string                        // the case
	again int                           // how many tries prove nothing, or at least so many if the last passes
	fails string                        // what the failure says, "" if there is none
}{
	"stalls beyond the ttl in two tries":      {stall, 2, store.MinTTL, "GetShowsTheLiveRecord/TimeLeft", 2, ""},
	"stalls beyond every ttl":                 {stall, 5, store.MinTTL, "GetShowsTheLiveRecord/TimeLeft", 4, `the time of "key" had run out`},
	"stalls in the programmes of a try":       {stall, 1, store.MinTTL, "EveryProgrammeRunsAsInTheModel", 1, ""},
	"is unavailable in two tries":             {leave, 2, store.MinTTL, "GetShowsTheLiveRecord/TimeLeft", 2, ""},
	"is unavailable in every try":             {leave, 5, store.MinTTL, "GetShowsTheLiveRecord/TimeLeft", 4, "the server had no time to answer"},
	"is unavailable where no term is brief":   {leave, 1, store.MinTTL, "GetShowsTheLiveRecord/AsItIs", 0, "store unavailable"},
	"has nothing while there is all the time": {forget, 1, time.Minute, "GetShowsTheLiveRecord/TimeLeft", 0, "not found"},
	"keeps a record for too long in a try":    {cling, 1, store.MinTTL, "ExpiryIsOnTime/AfterCreate", 1, ""},
}

const whichSlow = "STORETEST_SLOW"

// TestSlowSuite runs the suite on the store that the environment names.
func TestSlowSuite(t *testing.T) {
	s, ok := slow[os.Getenv(whichSlow)]
	if !ok {
		return
	}
	try := -1 // Run looks at a fixture before
	storetest.Run(t, storetest.Harness{TTL: s.ttl, Programmes: 2, Open: func(t *testing.T) storetest.Fixture {
		st := memstore.New()
		t.Cleanup(func() { st.Close() })
		if try++; try > s.first {
			return storetest.Fixture{Store: st}
		}
		return storetest.Fixture{Store: s.store(st)}
	}})
}

func TestATryThatProvesNothingIsFollowedByAnother(t *testing.T) {
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
					t.Errorf("want %d tries that prove nothing, and then %q (%v):\n%s", s.again, s.fails, err, out)
				}
			})
		})
	}
	all.Wait()
}

// stalling sleeps before it reads, for longer than the record lives.
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

// absent is not there to create anything.
type absent struct{ store.Store }

func leave(st store.Store) store.Store { return absent{st} }

func (absent) Create(context.Context, store.Claim) (store.Grant, error) {
	return store.Grant{}, fmt.Errorf("create: %w", store.ErrUnavailable)
}

// oblivious has no record that it could show.
type oblivious struct{ store.Store }

func forget(st store.Store) store.Store { return oblivious{st} }

func (oblivious) Get(context.Context, string) (store.Record, error) {
	return store.Record{}, store.ErrNotFound
}

// clinging keeps records for an hour more, and does not say so.
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
