package lease_test

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"pgregory.net/rapid"
)

func TestEachIntervalIsUpToATenthShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		acquire(t, keep(t, p), "k")
		time.Sleep(200 * heartbeat)
		synctest.Wait()
		last, lengths := time.Duration(0), make(map[time.Duration]bool)
		for _, r := range p.Sent(teststore.Renew) {
			interval := r.At - last
			if interval < heartbeat*9/10 || interval > heartbeat {
				t.Errorf("an interval of %v", interval)
			}
			last, lengths[interval] = r.At, true
		}
		if len(lengths) < 100 {
			t.Errorf("%d different intervals of 200: a fleet would beat in step", len(lengths))
		}
	})
}

func TestManyLeasesCostFewRequestsAndNoGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const leases, intervals = 1000, 10
		p := teststore.New()
		k := keep(t, p)
		one := acquire(t, k, "one")
		synctest.Wait()
		before := runtime.NumGoroutine()
		for i := range leases - 1 {
			acquire(t, k, fmt.Sprint(i))
		}
		synctest.Wait()
		if after := runtime.NumGoroutine(); after > before {
			t.Errorf("%d goroutines with one lease, %d with %d", before, after, leases)
		}
		time.Sleep(intervals * heartbeat)
		synctest.Wait()
		renewed := 0
		for _, r := range p.Sent(teststore.Renew) {
			renewed += len(r.Writes)
		}
		// Four batches of 256; jitter fits in one round more, or two.
		if n := len(p.Sent(teststore.Renew)); n > 4*(intervals+2) {
			t.Errorf("%d requests in %d intervals", n, intervals)
		}
		if least := leases * intervals; renewed < least || renewed > least*5/4 {
			t.Errorf("%d renewals of %d leases in %d intervals", renewed, leases, intervals)
		}
		if !one.Valid() {
			t.Error(one.Err())
		}
	})
}

func TestFailedRenewsAreTriedAgainWithLongerPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		held := acquire(t, keep(t, p), "k")
		p.Inject(teststore.Refuse, teststore.Renew)
		time.Sleep(heartbeat * 18 / 10) // less than two intervals, whatever the jitter
		p.Inject(nil, teststore.Renew)
		tries := p.Sent(teststore.Renew)
		if len(tries) < 5 {
			t.Fatalf("%d tries in most of an interval", len(tries))
		}
		for i := range tries[1:] {
			pause, most := tries[i+1].At-tries[i].At, min(heartbeat/16<<i, heartbeat/4)
			if pause < most/2 || pause > most {
				t.Errorf("pause %d is %v, not within a half and the whole of %v", i, pause, most)
			}
		}
		time.Sleep(20 * heartbeat)
		if !held.Valid() {
			t.Error(held.Err())
		}
		// The rhythm is the old one again, and so is the first pause.
		if n := len(p.Sent(teststore.Renew)) - len(tries); n < 20 || n > 24 {
			t.Errorf("%d renewals in 20 intervals after the store came back", n)
		}
		p.Inject(teststore.Once(teststore.Refuse), teststore.Renew)
		n := len(p.Sent(teststore.Renew))
		time.Sleep(heartbeat + heartbeat/16)
		if late := p.Sent(teststore.Renew)[n:]; len(late) < 2 || late[1].At-late[0].At > heartbeat/16 {
			t.Errorf("after trouble that passed, the next is not met with a short pause: %v", late)
		}
	})
}

func TestLeasesThatFailTogetherAreTriedAgainTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const leases = 1000
		p := teststore.New()
		k := keep(t, p)
		for i := range leases {
			acquire(t, k, fmt.Sprint(i))
		}
		p.Inject(teststore.Refuse, teststore.Renew)
		time.Sleep(window)
		if n := len(p.Sent(teststore.Renew)); n > 4*16 {
			t.Errorf("%d requests to a store that is away for one window", n)
		}
	})
}

// More leases than one batch takes, and a heartbeat so long that the next round
// would come too late for those whose batch was not sent.
func TestFailedRoundIsTriedAgainForEveryLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		k := keep(t, p, func(c *lease.Config) { c.Heartbeat = ttl / 2 })
		var all []lease.Lease
		for i := range 1200 {
			all = append(all, acquire(t, k, fmt.Sprint(i)))
		}
		p.Inject(teststore.Refuse, teststore.Renew)
		time.Sleep(ttl / 2)
		p.Inject(nil, teststore.Renew)
		time.Sleep(2 * ttl)
		for _, held := range all {
			if !held.Valid() {
				t.Fatal(held.Err())
			}
		}
	})
}

func TestOutageInsideTheWindowCostsNoLease(t *testing.T) {
	outages := map[string]teststore.Fault{"refused": teststore.Refuse, "silent": teststore.Silence, "replies lost": teststore.LoseReply}
	for name, f := range outages {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				start := rapid.Int64Range(0, int64(2*heartbeat)).Draw(t, "start")
				// The window has six seconds left when the first renew fails. One
				// limit and one pause pass at most before the store's return is seen.
				length := rapid.Int64Range(0, int64(4*time.Second)).Draw(t, "length")
				rapid.SyncTest(t, func(t *rapid.T) {
					p := teststore.New()
					held := acquire(t, keep(t, p), "k")
					time.Sleep(time.Duration(start))
					p.Inject(f, teststore.Renew)
					time.Sleep(time.Duration(length))
					p.Inject(nil, teststore.Renew)
					time.Sleep(3 * ttl)
					if !held.Valid() {
						t.Fatal(held.Err())
					}
				})
			})
		})
	}
}

func TestOneHungRequestCostsNoLeaseAtAnyHeartbeat(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := lease.Config{TTL: time.Duration(rapid.Int64Range(int64(100*time.Millisecond), int64(time.Minute)).Draw(t, "ttl"))}
		cfg.Heartbeat = time.Duration(rapid.Int64Range(int64(10*time.Millisecond), int64(cfg.TTL/2)).Draw(t, "heartbeat"))
		rapid.SyncTest(t, func(t *rapid.T) {
			p := teststore.New()
			held := acquire(t, keep(t, p, func(c *lease.Config) { *c = cfg }), "k")
			p.Inject(teststore.Once(teststore.Silence), teststore.Renew)
			time.Sleep(cfg.TTL)
			if !held.Valid() {
				t.Fatal(held.Err())
			}
		})
	})
}

func TestEveryTryIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		beats := make(chan lease.RenewAttempt, 100)
		held := acquire(t, keep(t, p, func(c *lease.Config) { c.OnRenew = func(b lease.RenewAttempt) { beats <- b } }), "k")
		p.Inject(teststore.Once(teststore.Refuse), teststore.Renew)
		start := time.Now()
		time.Sleep(heartbeat + time.Second)
		synctest.Wait()
		tries := p.Sent(teststore.Renew)
		if len(beats) != len(tries) || len(beats) < 2 {
			t.Fatalf("%d beats reported of %d tries", len(beats), len(tries))
		}
		for i, r := range tries {
			b := <-beats
			if b.Key != "k" || b.Token != held.Token() || b.At.Sub(start) != r.At || (b.Err != nil) != (i == 0) || b.Skipped != nil {
				t.Errorf("beat %d at %v reported as %+v", i, r.At, b)
			}
		}
	})
}

func TestReleasedLeaseIsNotRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		k := keep(t, p)
		a, b := acquire(t, k, "a"), acquire(t, k, "b")
		if err := a.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * ttl)
		for _, r := range p.Sent(teststore.Renew) {
			for _, w := range r.Writes {
				if w.Token != b.Token() {
					t.Fatalf("renewed %+v", w)
				}
			}
		}
	})
}

func TestKeeperWithNothingToKeepAsksNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		keep(t, p)
		time.Sleep(time.Hour)
		if n := len(p.Sent(teststore.Create, teststore.Renew, teststore.Update, teststore.Delete)); n != 0 {
			t.Errorf("%d requests", n)
		}
	})
}
