package lease_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
	"pgregory.net/rapid"
)

var logLimits = store.LogLimits{Entries: 1000, Age: time.Hour}

// logged returns the entries of the log of a key, each with its number.
func logged(t tester, st *teststore.Store, key string) (all []string) {
	t.Helper()
	for e, err := range st.ReadLog(t.Context(), key, store.LogQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%d %.20s", e.Number, e.Value))
	}
	return all
}

// putLogged writes a value with an entry of the log.
func putLogged(ctx context.Context, held lease.Lease, entry string) error {
	return held.WriteContent(ctx, func() (lease.Content, error) {
		return lease.Content{Value: []byte(entry), Log: [][]byte{[]byte(entry)}}, nil
	}, nil)
}

// The entry of a write is stored with it, or not at all, also while an earlier entry is on its way.
func TestEntryIsStoredWithItsWrite(t *testing.T) {
	for name, c := range map[string]struct {
		earlier, write teststore.Fault
		stored         bool     // the write, and its entry with it
		log            []string // in the end
		dropped        int
	}{
		"at once":                              {nil, nil, true, []string{"1 a", "2 write", "3 b", "4 c"}, 0},
		"earlier entry is slow":                {teststore.Delay(time.Second, 0), nil, true, []string{"1 a", "2 write", "3 b", "4 c"}, 0},
		"earlier entry has no answer yet":      {teststore.Delay(0, time.Second), nil, true, []string{"1 a", "2 write", "3 b", "4 c"}, 0},
		"earlier entry comes after the write":  {teststore.Once(teststore.DeliverLate(time.Second)), nil, true, []string{"1 a", "2 write", "3 b", "4 c"}, 0},
		"both are slow":                        {teststore.Delay(time.Second, 0), teststore.Delay(2*time.Second, 0), true, []string{"1 a", "2 write", "3 b", "4 c"}, 0},
		"write is refused":                     {teststore.Delay(time.Second, 0), teststore.Refuse, false, []string{"1 a", "2 b", "3 c"}, 0},
		"write is refused after a second":      {teststore.Delay(0, 2*time.Second), refuseIn(time.Second), false, []string{"1 a", "2 b", "3 c"}, 0},
		"write is lost":                        {teststore.Delay(time.Second, 0), teststore.Drop, false, []string{"1 a", "3 b", "4 c"}, 0},
		"reply to the write is lost":           {teststore.Delay(time.Second, 0), teststore.DropReply, true, []string{"1 a", "2 write", "3 b", "4 c"}, 0},
		"earlier entry is refused at first":    {teststore.Once(teststore.Refuse), nil, true, []string{"1 a", "2 write", "3 b", "4 c"}, 0},
		"earlier entry is refused all along":   {teststore.Refuse, nil, true, []string{"1 a", "2 write"}, 2},
		"both are refused, then entries again": {teststore.Once(teststore.Refuse), teststore.Refuse, false, []string{"1 a", "2 b", "3 c"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := teststore.New()
				dropped := 0
				var mu sync.Mutex
				held := acquire(t, keep(t, st), "k", lease.WithLog(logLimits, func(n int, _ error) {
					mu.Lock()
					dropped += n
					mu.Unlock()
				}))
				st.Inject(c.earlier, teststore.Append)
				st.Inject(c.write, teststore.Update)
				begun := time.Now()
				if err := held.AppendLog([]byte("a")); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				written := make(chan error, 1)
				go func() { written <- putLogged(t.Context(), held, "write") }()
				synctest.Wait()
				if err := held.AppendLog([]byte("b"), []byte("c")); err != nil {
					t.Fatal(err)
				}
				err := <-written
				if stored := slices.Contains(logged(t, st, "k"), "2 write"); stored != c.stored || c.write == nil && (err != nil || time.Since(begun) > 0) {
					t.Errorf("after the write, after %v: %v, log %q", time.Since(begun), err, logged(t, st, "k"))
				}
				if err := held.FlushLog(t.Context()); err != nil {
					t.Error(err)
				}
				synctest.Wait()
				mu.Lock()
				defer mu.Unlock()
				if got := logged(t, st, "k"); !slices.Equal(got, c.log) || dropped != c.dropped {
					t.Errorf("log %q and %d dropped, want %q and %d", got, dropped, c.log, c.dropped)
				}
			})
		})
	}
}

// refuseIn refuses a request after a time.
func refuseIn(d time.Duration) teststore.Fault {
	return func(ctx context.Context, send func(context.Context) error) error {
		time.Sleep(d)
		return teststore.Refuse(ctx, send)
	}
}

// logless makes updates without their entries, for a reason.
type logless struct {
	*teststore.Store
	reason error
}

func (l logless) UpdateWith(ctx context.Context, u store.Update, with store.Addition) error {
	failed := with.Log.Failed
	with.Log = store.LogEntries{}
	err := l.Store.UpdateWith(ctx, u, with)
	if err == nil {
		failed(l.reason)
	}
	return err
}

// An entry that the store did not take with its write follows, if it can.
func TestEntryFollowsAWriteThatWasMadeWithoutIt(t *testing.T) {
	refused := errors.New("refused")
	for reason, want := range map[error][]string{
		store.ErrUnavailable: {"1 a", "2 write", "3 b"},
		store.ErrInDoubt:     {"1 a", "2 write", "3 b"},
		refused:              {"1 a", "3 b"},
	} {
		t.Run(reason.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := logless{teststore.New(), reason}
				dropped := 0
				held := acquire(t, keep(t, st), "k", lease.WithLog(logLimits, func(n int, _ error) { dropped += n }))
				st.Inject(teststore.Delay(0, time.Second), teststore.Append)
				if err := held.AppendLog([]byte("a")); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if err := putLogged(t.Context(), held, "write"); err != nil {
					t.Fatal(err)
				}
				if err := held.AppendLog([]byte("b")); err != nil {
					t.Fatal(err)
				}
				if err := held.FlushLog(t.Context()); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if got := logged(t, st.Store, "k"); !slices.Equal(got, want) || dropped != 3-len(want) {
					t.Errorf("log %q and %d dropped, want %q", got, dropped, want)
				}
			})
		})
	}
}

// A write does not carry all entries that wait: they could be a mebibyte.
func TestWriteCarriesFewBytesOfEarlierEntries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		held := acquire(t, keep(t, st), "k", lease.WithLog(logLimits, nil))
		st.Inject(teststore.Delay(time.Second, 0), teststore.Append)
		long := make([]byte, store.MaxLogValue)
		if err := held.AppendLog(long, long, long, long, long); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := putLogged(t.Context(), held, "write"); err != nil {
			t.Fatal(err)
		}
		if got := logged(t, st, "k"); len(got) != 0 {
			t.Errorf("after the write: %q", got)
		}
		if err := held.FlushLog(t.Context()); err != nil {
			t.Error(err)
		}
		if got := logged(t, st, "k"); len(got) != 6 || got[5] != "6 write" {
			t.Errorf("log %q", got)
		}
	})
}

// Whatever fails, an entry is in the log once, and that of a write only if the value was written.
func TestLogThroughRandomFaults(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			st := teststore.New()
			var dropped atomic.Int64
			held := acquire(t, keep(t, st), "k", lease.WithLog(logLimits, func(n int, _ error) { dropped.Add(int64(n)) }))
			faults := []teststore.Fault{nil, teststore.Refuse, teststore.Drop, teststore.DropReply, refuseIn(time.Second / 2), teststore.Delay(time.Second/2, time.Second/3), teststore.DeliverLate(time.Second / 4)}
			written := make(map[string]error)
			var mu sync.Mutex
			var calls sync.WaitGroup
			for n := range rapid.IntRange(1, 30).Draw(rt, "calls") {
				fault := rapid.SampledFrom(faults).Draw(rt, "fault")
				name := fmt.Sprint(n)
				switch rapid.IntRange(0, 3).Draw(rt, "call") {
				case 0:
					st.Inject(fault, teststore.Append)
				case 1:
					st.Inject(fault, teststore.Update)
				case 2:
					_ = held.AppendLog([]byte("entry " + name))
				case 3:
					calls.Go(func() {
						err := putLogged(t.Context(), held, "write "+name)
						mu.Lock()
						defer mu.Unlock()
						written["write "+name] = err
					})
				}
				time.Sleep(time.Duration(rapid.IntRange(0, 600).Draw(rt, "pause")) * time.Millisecond)
			}
			st.Inject(nil, teststore.Append, teststore.Update)
			calls.Wait()
			_ = held.AppendLog([]byte("last"))
			if err := held.FlushLog(t.Context()); err != nil {
				rt.Error(err)
			}
			seen := make(map[string]bool)
			for e, err := range st.ReadLog(t.Context(), "k", store.LogQuery{}) {
				value := string(e.Value)
				if err != nil || seen[value] {
					rt.Errorf("%q again, or %v", value, err)
				}
				seen[value] = true
			}
			for value, err := range written {
				missing := err == nil && !seen[value] && dropped.Load() == 0
				extra := err != nil && seen[value] && !errors.Is(err, store.ErrInDoubt)
				if missing || extra {
					rt.Errorf("%s: %v, in the log %v", value, err, seen[value])
				}
			}
			if !seen["last"] {
				rt.Error("the last entry is missing")
			}
		})
	})
}
