package feed_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
	"pgregory.net/rapid"
)

// tooMany is one more than the number of keys that a feed marks one by one.
const tooMany = 10_001

var errUnavailable = &store.Error{Op: "test", Condition: store.ErrUnavailable}

// act is one step of a random programme.
type act struct {
	Kind  string
	Key   string
	TTL   time.Duration
	Pause time.Duration // after the step
}

var acts = rapid.Custom(func(t *rapid.T) act {
	return act{
		Kind: rapid.SampledFrom([]string{
			"put", "put", "put", "put", "renew", "delete", "delete", "vanish",
			"lose marks", "keep marks", "reads fail", "reads succeed", "missed", "false mark", "flood",
		}).Draw(t, "kind"),
		Key:   rapid.SampledFrom([]string{"a", "a1", "a2", "b"}).Draw(t, "key"),
		TTL:   time.Duration(rapid.Int64Range(1, int64(time.Minute)).Draw(t, "ttl")),
		Pause: time.Duration(rapid.SampledFrom([]int64{0, 1, int64(time.Millisecond), int64(time.Second), int64(20 * time.Second)}).Draw(t, "pause")),
	}
})

func (a act) do(s *table, n int, lossy bool) {
	switch a.Kind {
	case "put":
		s.put(a.Key, fmt.Sprint(n), a.TTL)
	case "renew":
		s.renew(a.Key, a.TTL)
	case "delete":
		s.remove(a.Key, store.CauseDeleted)
	case "vanish":
		s.remove(a.Key, store.CauseUnknown)
	case "lose marks":
		s.loseMarks(lossy)
	case "keep marks":
		s.loseMarks(false)
	case "reads fail":
		s.fail(errUnavailable)
	case "reads succeed":
		s.fail(nil)
	case "missed":
		s.hub.Missed()
	case "false mark":
		s.hub.Mark(a.Key, store.CauseDeleted)
	case "flood":
		for i := range tooMany {
			s.hub.Mark(fmt.Sprintf("a%d", i), store.CauseDeleted)
		}
	}
	time.Sleep(a.Pause)
}

func TestAppliedEventsEqualList(t *testing.T) {
	full.Only(t)
	for _, lossy := range []bool{false, true} {
		t.Run(fmt.Sprintf("lossy %v", lossy), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				before := rapid.SliceOfN(acts, 0, 4).Draw(t, "before")
				after := rapid.SliceOfN(acts, 1, 20).Draw(t, "after")
				gather := rapid.SampledFrom([]time.Duration{0, 0, 100 * time.Millisecond}).Draw(t, "gather")
				pauses := rapid.SliceOfN(rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Second}), 1, 3).Draw(t, "readers' pauses")
				prefix := rapid.SampledFrom([]string{"", "a", "a1", "c"}).Draw(t, "prefix")
				rapid.SyncTest(t, func(t *rapid.T) {
					s := newTable()
					s.hub.Lossy, s.gather = lossy, gather
					for i, a := range before {
						a.do(s, -i, lossy)
					}
					s.fail(nil) // the first list must not fail
					var readers []*reader
					for _, pause := range pauses {
						readers = append(readers, watch(t.Context(), s, prefix, pause))
					}
					for i, a := range after {
						a.do(s, i, lossy)
					}
					s.fail(nil)
					s.put("a", "the last", time.Hour)
					// a lossy feed lists its prefix at least once a minute
					time.Sleep(3 * time.Minute)
					for _, r := range readers {
						if err := r.agree(s, prefix); err != nil {
							t.Fatal(err)
						}
						if err, ended := r.end(); err != nil || ended {
							t.Fatal("ended: ", err)
						}
					}
				})
			})
		})
	}
}

// Changes that follow each other within the time of a gathered watch are read together, and none is later
// than that.
func TestAGatheredWatchReadsChangesTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTable()
		s.gather = 100 * time.Millisecond
		ctx, stop := context.WithCancel(t.Context())
		r := watch(ctx, s, "", 0)
		time.Sleep(time.Second)
		s.put("a", "1", time.Hour)
		time.Sleep(50 * time.Millisecond)
		s.put("b", "2", time.Hour)
		time.Sleep(49 * time.Millisecond)
		s.put("a", "3", time.Hour)
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		got := r.lines()
		slices.Sort(got)
		if want := []string{"0s synced", "1.1s put a 1=3", "1.1s put b 2=2"}; !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
		s.put("b", "4", time.Hour)
		time.Sleep(time.Second)
		if _, reads := s.asked(); reads != 2 {
			t.Errorf("%d reads", reads)
		}
		s.put("b", "5", time.Hour)
		stop()
		synctest.Wait()
		if err, ended := r.end(); !ended || !errors.Is(err, context.Canceled) {
			t.Errorf("ended %v: %v", ended, err)
		}
	})
}

func TestFirstListIsSyncedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTable()
		s.put("a", "1", time.Hour)
		s.put("b", "2", time.Hour)
		r := watch(t.Context(), s, "", 0)
		got := r.lines()
		slices.Sort(got)
		if want := []string{"0s put a 1=1", "0s put b 2=2", "0s synced"}; !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
		empty := watch(t.Context(), s, "c", 0)
		if got, want := empty.lines(), []string{"0s synced"}; !slices.Equal(got, want) {
			t.Errorf("got %q for an empty prefix", got)
		}
		s.put("a", "3", time.Hour)
		s.remove("b", store.CauseDeleted)
		for _, line := range r.lines() {
			if line == "0s synced" || line == "0s resync" {
				t.Errorf("got %s without a reason", line)
			}
		}
	})
}

func TestGoneHasItsCause(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(s *table)
		want string
	}{
		"release": {func(s *table) { s.remove("a", store.CauseDeleted) }, "5s gone a deleted"},
		"release after an update": {func(s *table) {
			s.put("a", "2", time.Minute)
			s.remove("a", store.CauseDeleted)
		}, "5s gone a deleted"},
		"removal without a known cause": {func(s *table) { s.remove("a", store.CauseUnknown) }, "5s gone a unknown"},
		"expiry that is marked":         {func(s *table) { s.remove("a", store.CauseExpired) }, "5s gone a expired"},
		"expiry":                        {func(*table) {}, "10s gone a expired"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newTable()
				s.put("a", "1", 10*time.Second)
				r := watch(t.Context(), s, "", 0)
				r.lines()
				time.Sleep(5 * time.Second)
				c.end(s)
				time.Sleep(time.Minute)
				if got := r.lines(); !slices.Equal(got, []string{c.want}) {
					t.Errorf("got %q, want %q", got, c.want)
				}
			})
		})
	}
}

// The answer with a time left is late by the round trip. A record that is read before the end that the
// reader knows, because another is due, can have expired all the same.
func TestExpiryHasItsCauseAlsoIfTheTimeLeftCameLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTable()
		s.put("a", "1", 10*time.Second)
		s.put("b", "1", 10*time.Second)
		r := watch(t.Context(), s, "", 0)
		r.lines()
		time.Sleep(time.Second)
		s.answerLate(50 * time.Millisecond)
		s.put("b", "2", 9*time.Second)
		time.Sleep(time.Second)
		s.answerLate(0)
		r.lines()
		time.Sleep(time.Minute)
		got := r.lines()
		slices.Sort(got)
		if want := []string{"10s gone a expired", "10s gone b expired"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// The time left of a record counts from the read, not from the event that a slow reader
// gets later.
func TestSlowReaderGetsAnExpiryOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTable()
		for i := range 8 {
			s.put(fmt.Sprint(i), "v", 10*time.Second)
		}
		r := watch(t.Context(), s, "", time.Second)
		time.Sleep(10*time.Second - 1)
		if got := r.lines(); len(got) != 9 {
			t.Fatalf("got %q", got)
		}
		r.stopPausing()
		time.Sleep(time.Nanosecond)
		if got := r.lines(); len(got) != 8 {
			t.Errorf("got %q for eight expired records", got)
		}
	})
}

func TestSuccessorWithTheSameValueIsAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTable()
		s.put("a", "v", time.Hour)
		r := watch(t.Context(), s, "", 0)
		r.lines()
		s.remove("a", store.CauseDeleted)
		s.put("a", "v", time.Hour)
		if err := r.agree(s, ""); err != nil {
			t.Error(err)
		}
	})
}

// Two servers of a cluster can tell of the two in the wrong order, while the slot of a key moves.
func TestSuccessorIsSeenAlsoIfTheDeleteIsToldLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTable()
		s.put("a", "1", time.Hour)
		r := watch(t.Context(), s, "", 0)
		r.lines()
		s.loseMarks(true)
		s.remove("a", store.CauseDeleted)
		s.loseMarks(false)
		s.put("a", "2", time.Hour)
		s.hub.MarkDeleted("a", 1)
		if err := r.agree(s, ""); err != nil {
			t.Error(err)
		}
	})
}

func TestUnmarkedRenewalIsNotAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTable()
		s.put("a", "1", 10*time.Second)
		r := watch(t.Context(), s, "", 0)
		r.lines()
		for range 20 {
			time.Sleep(9 * time.Second)
			s.renew("a", 10*time.Second)
		}
		if got := r.lines(); len(got) != 0 {
			t.Errorf("got %q", got)
		}
		if _, reads := s.asked(); reads > 20 {
			t.Errorf("%d reads for 20 renewals", reads)
		}
		time.Sleep(10 * time.Second)
		if got, want := r.lines(), []string{"3m10s gone a expired"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// Records that are due soon are read together with the one that is due: reads do not grow with the
// number of records.
func TestReadsOfManyRenewedRecordsAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, ttl, minutes = 400, 40 * time.Second, 10
		s := newTable()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for i := range n { // one after the other, each with its own heartbeat
			key := fmt.Sprint(i)
			s.put(key, "v", ttl)
			go func() {
				for beat := time.NewTicker(ttl / 3); ; {
					select {
					case <-beat.C:
						s.renew(key, ttl)
					case <-ctx.Done():
						return
					}
				}
			}()
			time.Sleep(ttl / n)
		}
		r := watch(ctx, s, "", 0)
		_, before := s.asked()
		time.Sleep(minutes * time.Minute)
		if _, reads := s.asked(); reads-before > 10*minutes {
			t.Errorf("%d reads in %d minutes", reads-before, minutes)
		}
		if err := r.agree(s, ""); err != nil {
			t.Error(err)
		}
		cancel()
		synctest.Wait()
	})
}

func TestQuietTableIsNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTable()
		s.put("a", "1", 10*time.Hour)
		watch(t.Context(), s, "", 0)
		time.Sleep(9 * time.Hour)
		s.put("b", "1", time.Hour)
		if lists, reads := s.asked(); lists != 1 || reads > 1 {
			t.Errorf("%d lists and %d reads in nine quiet hours", lists, reads)
		}
	})
}

func TestLossyFeedFindsWhatItMissedWithinTheLongestTimeLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTable()
		s.hub.Lossy = true
		s.put("a", "1", 10*time.Second)
		r := watch(t.Context(), s, "", 0)
		r.lines()
		s.loseMarks(true)
		s.put("b", "2", 30*time.Second)
		time.Sleep(10 * time.Second)
		want := []string{"10s resync", "10s put b 2=2", "10s gone a expired", "10s synced"}
		if got := r.lines(); len(got) != 4 || got[0] != want[0] || got[3] != want[3] {
			t.Errorf("got %q, want %q", got, want)
		}
		if err := r.agree(s, ""); err != nil {
			t.Error(err)
		}
	})
}

func TestLossyFeedThatMissedNothingYieldsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTable()
		s.hub.Lossy = true
		s.put("a", "1", 10*time.Hour)
		r := watch(t.Context(), s, "", 0)
		r.lines()
		time.Sleep(time.Hour)
		if got := r.lines(); len(got) != 0 {
			t.Errorf("got %q", got)
		}
		if lists, _ := s.asked(); lists < 60 || lists > 62 {
			t.Errorf("%d full reads in an hour, want one a minute", lists)
		}
	})
}

func TestMissedMarksCauseAResync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTable()
		r := watch(t.Context(), s, "", 0)
		r.lines()
		s.hub.Missed()
		if got, want := r.lines(), []string{"0s resync", "0s synced"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestTooManyMarksCauseAResync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTable()
		r := watch(t.Context(), s, "", time.Second)
		s.put("k", "0", time.Hour)
		synctest.Wait() // and the reader pauses
		for i := range tooMany {
			s.hub.Mark(fmt.Sprint(i), store.CauseUnknown)
		}
		s.put("k", "1", time.Hour)
		time.Sleep(time.Minute)
		got := r.lines()
		if n := len(got); n < 4 || got[n-3][3:] != "resync" || got[n-1][3:] != "synced" {
			t.Errorf("got %q", got)
		}
		if err := r.agree(s, ""); err != nil {
			t.Error(err)
		}
	})
}

func TestFailureAfterTheFirstSyncCausesAResync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTable()
		s.put("a", "1", time.Hour)
		s.put("b", "2", 30*time.Second)
		r := watch(t.Context(), s, "", 0)
		r.lines()
		s.fail(errUnavailable)
		s.put("a", "3", time.Hour)
		time.Sleep(time.Minute)
		if got := r.lines(); len(got) != 0 {
			t.Errorf("got %q while reads failed", got)
		}
		if lists, reads := s.asked(); lists+reads > 25 || lists+reads < 10 {
			t.Errorf("%d reads while reads failed for a minute", lists+reads)
		}
		s.fail(nil)
		time.Sleep(5 * time.Second)
		got := r.lines()
		if len(got) != 4 || got[0][len(got[0])-6:] != "resync" || got[3][len(got[3])-6:] != "synced" {
			t.Errorf("got %q", got)
		}
		if err := r.agree(s, ""); err != nil {
			t.Error(err)
		}
		s.put("a", "4", time.Hour) // without a further pause
		if got := r.lines(); len(got) != 1 {
			t.Errorf("got %q", got)
		}
	})
}

func TestFailureBeforeTheFirstSyncEndsTheWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTable()
		s.fail(errUnavailable)
		r := watch(t.Context(), s, "", 0)
		if err, ended := r.end(); err != errUnavailable || !ended || len(r.lines()) != 0 {
			t.Errorf("%v, ended %v", err, ended)
		}
	})
}

func TestWatchEndsWithTheCauseOfItsContext(t *testing.T) {
	for name, failure := range map[string]error{"while nothing changes": nil, "while reads fail": errUnavailable} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newTable()
				reason := errors.New("enough")
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, reason)
				defer cancel()
				r := watch(ctx, s, "", 0)
				s.fail(failure)
				s.put("a", "1", time.Hour)
				time.Sleep(time.Minute - 1)
				if _, ended := r.end(); ended {
					t.Error("the watch ended before its context")
				}
				time.Sleep(time.Nanosecond)
				if err, ended := r.end(); err != reason || !ended {
					t.Errorf("%v, ended %v", err, ended)
				}
			})
		})
	}
}

func TestWatchWithAnEndedContextYieldsItsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTable()
		s.fail(errUnavailable) // as a store's reads do under an ended context
		reason := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(reason)
		if err, ended := watch(ctx, s, "", 0).end(); err != reason || !ended {
			t.Errorf("%v, ended %v", err, ended)
		}
	})
}

func TestClosedHubEndsWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTable()
		s.put("a", "1", time.Hour)
		r := watch(t.Context(), s, "", 0)
		s.hub.Close()
		s.hub.Close()
		late := watch(t.Context(), s, "", 0)
		for _, r := range []*reader{r, late} {
			if err, ended := r.end(); !errors.Is(err, store.ErrClosed) || !ended {
				t.Errorf("%v, ended %v", err, ended)
			}
		}
	})
}

func TestReaderMayLeaveAtAnyEvent(t *testing.T) {
	for stay := range 6 {
		t.Run(fmt.Sprintf("after %d", stay+1), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newTable()
				s.put("a", "1", 10*time.Second)
				n := 0
				time.AfterFunc(time.Second, func() { s.put("b", "1", time.Hour) })
				time.AfterFunc(2*time.Second, s.hub.Missed)
				for range s.hub.Watch(t.Context(), s, "") {
					if n++; n > stay {
						break
					}
				}
				s.put("c", "1", time.Hour)
				s.hub.Missed()
				s.hub.Close()
				if n != stay+1 {
					t.Errorf("%d events", n)
				}
			})
		})
	}
}

func TestWatchCanBeRangedOverAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTable()
		s.put("a", "1", time.Hour)
		events := s.hub.Watch(t.Context(), s, "")
		for range 2 {
			var kinds []store.EventKind
			for e := range events {
				if kinds = append(kinds, e.Kind); e.Kind == store.EventSynced {
					break
				}
			}
			if !slices.Equal(kinds, []store.EventKind{store.EventPut, store.EventSynced}) {
				t.Errorf("got %v", kinds)
			}
		}
	})
}

func TestMarksOutsideThePrefixCauseNoRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTable()
		r := watch(t.Context(), s, "a*", 0)
		r.lines()
		for _, key := range []string{"a", "b", "ab", "A*"} {
			s.put(key, "v", time.Minute)
		}
		synctest.Wait()
		if _, reads := s.asked(); reads != 0 || len(r.lines()) != 0 {
			t.Errorf("%d reads", reads)
		}
	})
}

// A change of the key is no hurry: a watch that ends a moment later does not read it. The end of
// its record is.
func TestLossyWatchOfAKeyReadsAChangeAMomentLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTable()
		s.hub.Lossy = true
		s.put("a", "1", time.Hour)
		ctx, stop := context.WithCancel(t.Context())
		began, events := time.Now(), make(map[store.EventKind]time.Duration)
		go func() {
			for e, err := range s.hub.WatchKey(ctx, s, "a") {
				if err == nil {
					events[e.Kind] = time.Since(began)
				}
			}
		}()
		synctest.Wait()
		_, before := s.asked()
		s.put("a", "2", time.Hour)
		synctest.Wait()
		if _, reads := s.asked(); reads != before {
			t.Errorf("%d reads of the change at once", reads-before)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if events[store.EventPut] != time.Millisecond {
			t.Errorf("the change came after %v", events[store.EventPut])
		}
		s.put("a", "3", time.Hour)
		synctest.Wait()
		s.remove("a", store.CauseDeleted)
		synctest.Wait()
		if events[store.EventGone] != time.Millisecond {
			t.Errorf("the end came after %v, %v late", events[store.EventGone], events[store.EventGone]-time.Millisecond)
		}
		_, before = s.asked()
		s.put("a", "4", time.Hour)
		synctest.Wait()
		stop()
		synctest.Wait()
		if _, reads := s.asked(); reads != before {
			t.Errorf("%d reads of a watch that has ended", reads-before)
		}
	})
}
