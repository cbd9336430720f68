package lease_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
	"pgregory.net/rapid"
)

// change holds the arguments of one Write. commit may be nil.
type change struct {
	encode func() ([]byte, error)
	commit func()
}

func put(ctx context.Context, held lease.Lease, c change) error {
	return held.Write(ctx, c.encode, c.commit)
}

// heartbeats has each heartbeat carry the change that next returns for it.
func heartbeats(next func(at time.Time) change) lease.Option {
	var c change
	encode := func(at time.Time) ([]byte, error) {
		c = next(at)
		return c.encode()
	}
	return lease.WithHeartbeatValue(encode, func() {
		if c.commit != nil {
			c.commit()
		}
	})
}

// text is a write of s that tells when it is committed; committed may be nil.
func text(s string, committed func()) change {
	return change{encode: func() ([]byte, error) { return []byte(s), nil }, commit: committed}
}

func TestUpdateReplacesTheValueAndNotTheExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		held := acquire(t, keep(t, st), "k")
		time.Sleep(time.Second)
		given := []byte("second")
		if err := held.Update(t.Context(), given); err != nil {
			t.Fatal(err)
		}
		clear(given) // the caller's again
		r, err := st.Get(t.Context(), "k")
		if err != nil || string(r.Value) != "second" || r.Left != ttl-time.Second || r.Token != held.Token() {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

func TestWriteEncodesThenStoresThenCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		held := acquire(t, keep(t, p), "k")
		p.Inject(teststore.Delay(0, time.Second), teststore.Update)
		var encoded, committed time.Duration
		err := put(t.Context(), held, change{
			encode: func() ([]byte, error) { encoded = time.Since(p.Start); return []byte("v"), nil },
			commit: func() {
				committed = time.Since(p.Start)
				if got := value(t, p.Store, "k"); got != "v" {
					t.Errorf("committed over %q", got)
				}
			},
		})
		if err != nil || encoded != 0 || committed != time.Second {
			t.Errorf("encoded at %v, committed at %v: %v", encoded, committed, err)
		}
	})
}

func TestEncodeErrorIsReturnedAndNothingSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		held := acquire(t, keep(t, p), "k")
		reason := errors.New("no value")
		err := put(t.Context(), held, change{
			encode: func() ([]byte, error) { return nil, reason },
			commit: func() { t.Error("committed") },
		})
		if err != reason || len(p.Sent(teststore.Update)) != 0 {
			t.Errorf("%v, sent %v", err, p.Sent(teststore.Update))
		}
		if err := held.Update(t.Context(), []byte("next")); err != nil {
			t.Errorf("the turn was not given back: %v", err)
		}
	})
}

func TestPanicInEncodeOrCommitGivesTheTurnBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := acquire(t, keep(t, memstore.New()), "k")
		for _, w := range []change{
			{encode: func() ([]byte, error) { panic("encode") }},
			text("v", func() { panic("commit") }),
		} {
			func() {
				defer func() { _ = recover() }()
				_ = put(t.Context(), held, w)
			}()
		}
		if err := held.Update(t.Context(), []byte("next")); err != nil {
			t.Error(err)
		}
	})
}

func TestValueThatBreaksARuleIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		held := acquire(t, keep(t, st), "k")
		for _, v := range [][]byte{nil, {}, make([]byte, store.MaxValue+1)} {
			if err := held.Update(t.Context(), v); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%d bytes: %v", len(v), err)
			}
		}
		if !held.Valid() || value(t, st, "k") != "first" {
			t.Errorf("valid %v, value %q", held.Valid(), value(t, st, "k"))
		}
	})
}

func TestUnavailableUpdateChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		held := acquire(t, keep(t, p), "k")
		p.Inject(teststore.Once(teststore.Refuse), teststore.Update)
		err := put(t.Context(), held, text("second", func() { t.Error("committed") }))
		if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrInDoubt) {
			t.Error(err)
		}
		time.Sleep(heartbeat)
		synctest.Wait()
		for _, r := range p.Sent(teststore.Renew) {
			if len(r.Writes[0].Value) != 0 {
				t.Errorf("restated %q, though nothing was in doubt", r.Writes[0].Value)
			}
		}
		if err := held.Update(t.Context(), []byte("third")); err != nil || value(t, p.Store, "k") != "third" {
			t.Errorf("%q, %v", value(t, p.Store, "k"), err)
		}
	})
}

func TestUpdateInDoubtIsRestatedWithinMoments(t *testing.T) {
	for name, f := range map[string]teststore.Fault{"and it happened": teststore.DropReply, "and it did not": teststore.Drop} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				// Again and again: whether the heartbeat comes before or after
				// the write gives its turn back is up to the scheduler.
				for range 200 {
					p := teststore.New()
					k := keep(t, p)
					held := acquire(t, k, "k")
					p.Inject(teststore.Once(f), teststore.Update)
					err := put(t.Context(), held, text("second", func() { t.Error("committed") }))
					if !errors.Is(err, store.ErrInDoubt) {
						t.Fatal(err)
					}
					time.Sleep(time.Millisecond)
					synctest.Wait()
					if got := value(t, p.Store, "k"); got != "first" {
						t.Fatalf("the record says %q a millisecond later, and the holder %q", got, "first")
					}
					if n := len(p.Sent(teststore.Renew)); n != 1 {
						t.Fatalf("%d heartbeats to restate one value", n)
					}
					_ = k.Close(t.Context())
				}
			})
		})
	}
}

func TestUpdateInDoubtIsRestatedBeforeAnotherIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		held := acquire(t, keep(t, p), "k")
		p.Inject(teststore.Refuse, teststore.Renew) // no help from the heartbeat
		p.Inject(teststore.Once(teststore.DropReply), teststore.Update)
		_ = held.Update(t.Context(), []byte("second"))
		encodedAt := 0
		err := put(t.Context(), held, change{encode: func() ([]byte, error) {
			encodedAt = len(p.Sent(teststore.Update))
			return []byte("third"), nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		if got := values(p.Sent(teststore.Update)); !slices.Equal(got, []string{"second", "first", "third"}) || encodedAt != 2 {
			t.Errorf("sent %q, and made the third after %d", got, encodedAt)
		}
		p.Inject(nil, teststore.Renew)
		_ = held.Update(t.Context(), []byte("fourth")) // settled: not restated again
		if got := values(p.Sent(teststore.Update)); !slices.Equal(got[3:], []string{"fourth"}) {
			t.Errorf("then sent %q", got[3:])
		}
	})
}

// values are those of updates and renewals, in order, without the empty ones.
func values(requests []teststore.Request) []string {
	var all []string
	for _, r := range requests {
		for _, w := range r.Writes {
			if len(w.Value) > 0 {
				all = append(all, string(w.Value))
			}
		}
	}
	return all
}

func TestWriteFailsWhileAnEarlierOneIsUnsettled(t *testing.T) {
	for name, f := range map[string]teststore.Fault{"refused": teststore.Refuse, "in doubt again": teststore.DropReply} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := teststore.New()
				held := acquire(t, keep(t, p), "k")
				p.Inject(teststore.Refuse, teststore.Renew)
				p.Inject(teststore.Once(teststore.DropReply), teststore.Update)
				_ = held.Update(t.Context(), []byte("second"))
				p.Inject(f, teststore.Update)
				for range 3 {
					err := put(t.Context(), held, change{encode: func() ([]byte, error) {
						t.Error("encoded")
						return []byte("third"), nil
					}})
					if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrInDoubt) {
						t.Fatalf("%v", err)
					}
				}
				p.Inject(nil, teststore.Update, teststore.Renew)
				time.Sleep(heartbeat) // nobody writes: the heartbeat settles it
				synctest.Wait()
				if got := value(t, p.Store, "k"); got != "first" {
					t.Errorf("holds %q", got)
				}
			})
		})
	}
}

// After the store was away for the restating heartbeat too, the next try to renew
// comes with the usual pause and still carries the value.
func TestUnsettledWriteDoesNotMakeHeartbeatsHurryForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		held := acquire(t, keep(t, p), "k")
		p.Inject(teststore.DropReply, teststore.Update)
		p.Inject(teststore.DropReply, teststore.Renew)
		_ = held.Update(t.Context(), []byte("second"))
		time.Sleep(heartbeat)
		if n := len(p.Sent(teststore.Renew)); n < 2 || n > 12 {
			t.Errorf("%d heartbeats in an interval", n)
		}
		p.Inject(nil, teststore.Update, teststore.Renew)
		time.Sleep(heartbeat)
		if got := value(t, p.Store, "k"); got != "first" || !held.Valid() {
			t.Errorf("holds %q: %v", got, held.Err())
		}
	})
}

func TestLateDuplicateOfAnUpdateIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		held := acquire(t, keep(t, p), "k")
		p.Inject(teststore.Once(teststore.Drop), teststore.Update)
		_ = held.Update(t.Context(), []byte("second"))
		late := p.Sent(teststore.Update)[0].Writes[0] // still on its way
		if err := held.Update(t.Context(), []byte("third")); err != nil {
			t.Fatal(err)
		}
		if err := p.Store.Update(t.Context(), store.Update(late)); !errors.Is(err, store.ErrStale) {
			t.Errorf("the late one: %v", err)
		}
		if got := value(t, p.Store, "k"); got != "third" {
			t.Errorf("holds %q", got)
		}
	})
}

func TestWriterThatWaitsForItsTurnHeedsItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		held := acquire(t, keep(t, p), "k")
		p.Inject(teststore.Once(teststore.Delay(0, 5*time.Second)), teststore.Update)
		go held.Update(context.Background(), []byte("slow"))
		synctest.Wait()
		reason := errors.New("no patience")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, reason)
		defer cancel()
		start := time.Now()
		err := held.Update(ctx, []byte("v"))
		if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, reason) || time.Since(start) != time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		time.Sleep(5 * time.Second)
		if err := held.Update(t.Context(), []byte("v")); err != nil {
			t.Error(err)
		}
	})
}

func TestWriteUnderWayReturnsWhenTheLeaseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		held := acquire(t, keep(t, p), "k")
		p.Inject(teststore.Silence, teststore.Update)
		time.AfterFunc(time.Second, func() { _ = held.Release(context.Background()) })
		start := time.Now()
		err := put(t.Context(), held, text("v", func() { t.Error("committed") }))
		if !errors.Is(err, store.ErrInDoubt) || time.Since(start) != time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		if err := held.Update(t.Context(), []byte("v")); !errors.Is(err, lease.ErrReleased) {
			t.Errorf("then: %v", err)
		}
		if n := len(p.Sent(teststore.Update)); n != 1 {
			t.Errorf("%d updates sent", n)
		}
	})
}

// The turn comes free at the moment when the lease ends, and either may be seen
// first.
func TestWritersThatWaitLearnOfTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keep(t, memstore.New())
		for range 100 {
			held := acquire(t, k, "k")
			turn := make(chan struct{})
			go put(context.Background(), held, change{encode: func() ([]byte, error) {
				<-turn
				return nil, errors.New("no value")
			}})
			synctest.Wait()
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() {
					err := put(context.Background(), held, change{encode: func() ([]byte, error) {
						t.Error("encoded")
						return []byte("v"), nil
					}})
					if !errors.Is(err, lease.ErrReleased) {
						t.Error(err)
					}
				})
			}
			synctest.Wait()
			_ = held.Release(t.Context()) // before the turn is free: until then they may write
			close(turn)
			wg.Wait()
		}
	})
}

// journal is a store's record of the values that it took, in order.
type journal struct {
	store.Store
	mu  sync.Mutex
	all []int
}

func (j *journal) take(w store.Renewal, err error) {
	if err != nil || len(w.Value) == 0 {
		return
	}
	n, _ := strconv.Atoi(string(w.Value))
	j.mu.Lock()
	defer j.mu.Unlock()
	j.all = append(j.all, n)
}

func (j *journal) Update(ctx context.Context, w store.Update) error {
	time.Sleep(time.Millisecond)
	err := j.Store.Update(ctx, w)
	j.take(store.Renewal(w), err)
	time.Sleep(time.Millisecond)
	return err
}

func (j *journal) Renew(ctx context.Context, batch []store.Renewal) []store.RenewResult {
	time.Sleep(time.Millisecond)
	answers := j.Store.Renew(ctx, batch)
	for i, w := range batch {
		j.take(w, answers[i].Err)
	}
	time.Sleep(time.Millisecond)
	return answers
}

// ledger is the holder's side: a number that each write raises by one.
type ledger struct {
	mu        sync.Mutex
	now       int
	open      bool // a write was encoded and not yet committed or given up
	committed []int
	problems  []string
}

func (l *ledger) write() change {
	var next int
	return change{
		encode: func() ([]byte, error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.open {
				l.problems = append(l.problems, fmt.Sprintf("prepared %d while another was under way", l.now+1))
			}
			l.open = true
			next = l.now + 1
			return []byte(strconv.Itoa(next)), nil
		},
		commit: func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.open, l.now = false, next
			l.committed = append(l.committed, next)
		},
	}
}

func TestWritesAreSerialisedAndCommittedInTheOrderOfTheStore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pauses := rapid.SliceOfN(rapid.SliceOfN(rapid.IntRange(0, 400), 1, 20), 1, 6).Draw(t, "milliseconds before each write of each writer")
		rapid.SyncTest(t, func(t *rapid.T) {
			j := &journal{Store: memstore.New()}
			var l ledger
			k := keep(t, j, func(c *lease.Config) { c.TTL, c.Heartbeat = time.Second, 100*time.Millisecond })
			held := acquire(t, k, "k", heartbeats(func(time.Time) change { return l.write() }))
			var wg sync.WaitGroup
			for _, mine := range pauses {
				wg.Go(func() {
					for _, ms := range mine {
						time.Sleep(time.Duration(ms) * time.Millisecond)
						if err := put(context.Background(), held, l.write()); err != nil {
							panic(err)
						}
					}
				})
			}
			wg.Wait()
			_ = k.Close(context.Background())
			if len(l.problems) > 0 {
				t.Fatal(l.problems)
			}
			if !slices.Equal(j.all, l.committed) || !slices.IsSorted(j.all) {
				t.Fatalf("the store took %v, the holder committed %v", j.all, l.committed)
			}
		})
	})
}

func TestHeartbeatCarriesNothingWhileAnUpdateIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		held := acquire(t, keep(t, p), "k", heartbeats(func(time.Time) change { return text("beat", nil) }))
		p.Inject(teststore.Delay(0, 3*heartbeat), teststore.Update)
		if err := held.Update(t.Context(), []byte("slow")); err != nil {
			t.Fatal(err)
		}
		over := time.Since(p.Start) // the next heartbeat can be sent in this moment
		beats := slices.DeleteFunc(p.Sent(teststore.Renew), func(r teststore.Request) bool { return r.At >= over })
		if got := values(beats); len(beats) < 2 || len(got) != 0 {
			t.Errorf("%d heartbeats carried %q", len(beats), got)
		}
		time.Sleep(heartbeat)
		synctest.Wait()
		if got := value(t, p.Store, "k"); got != "beat" {
			t.Errorf("then holds %q", got)
		}
	})
}

// With random faults on every path the record never says what the holder neither
// committed nor has in doubt, and once the store is well they agree.
func TestRecordAndHolderAgreeOnceTheStoreIsWell(t *testing.T) {
	faults := []teststore.Fault{nil, nil, teststore.Refuse, teststore.DropReply, teststore.LoseReply}
	rapid.Check(t, func(t *rapid.T) {
		type step struct{ Renew, Update, Writes, Pause int }
		steps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
			return step{
				rapid.IntRange(0, len(faults)-1).Draw(t, "fault of renewals"),
				rapid.IntRange(0, len(faults)-1).Draw(t, "fault of updates"),
				rapid.IntRange(0, 3).Draw(t, "writes"),
				rapid.IntRange(0, 1500).Draw(t, "milliseconds"),
			}
		}), 1, 4).Draw(t, "steps")
		rapid.SyncTest(t, func(t *rapid.T) {
			p := teststore.New()
			committed := "first"
			held := acquire(t, keep(t, p), "k")
			for i, s := range steps {
				p.Inject(faults[s.Renew], teststore.Renew)
				p.Inject(faults[s.Update], teststore.Update)
				for n := range s.Writes {
					v := fmt.Sprintf("%d.%d", i, n)
					ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
					_ = put(ctx, held, text(v, func() { committed = v }))
					cancel()
				}
				time.Sleep(time.Duration(s.Pause) * time.Millisecond)
			}
			p.Inject(nil, teststore.Renew, teststore.Update)
			time.Sleep(heartbeat)
			synctest.Wait()
			if held.Valid() && value(t, p.Store, "k") != committed {
				t.Fatalf("the record says %q, the holder %q", value(t, p.Store, "k"), committed)
			}
		})
	})
}

// oddly is a store that does what it is told and answers with an error of its own.
func oddly(ctx context.Context, call func(context.Context) error) error {
	_ = call(ctx)
	return errOdd
}

var errOdd = errors.New("the cable is loose")

// What an error that the contract does not know means for a call, nobody knows: it is
// in doubt, and settled as that is.
func TestErrorThatTheContractDoesNotKnowIsADoubt(t *testing.T) {
	t.Run("update", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := teststore.New()
			held := acquire(t, keep(t, p), "k")
			p.Inject(teststore.Once(oddly), teststore.Update)
			err := put(t.Context(), held, text("second", func() { t.Error("committed") }))
			if !errors.Is(err, store.ErrInDoubt) || !errors.Is(err, errOdd) {
				t.Error(err)
			}
			time.Sleep(time.Millisecond)
			synctest.Wait()
			if got := value(t, p.Store, "k"); got != "first" {
				t.Errorf("holds %q", got)
			}
		})
	})
	t.Run("renew", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := teststore.New()
			held := acquire(t, keep(t, p), "k", heartbeats(func(time.Time) change {
				return text("beat", func() { t.Error("committed") })
			}))
			p.Inject(oddly, teststore.Renew)
			time.Sleep(heartbeat)
			synctest.Wait()
			p.Inject(teststore.Refuse, teststore.Renew)
			if err := held.Update(t.Context(), []byte("second")); err != nil {
				t.Error(err)
			}
			if got := values(p.Sent(teststore.Update)); !slices.Equal(got, []string{"first", "second"}) {
				t.Errorf("sent %q", got)
			}
		})
	})
	t.Run("create", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := teststore.New()
			p.Inject(oddly, teststore.Create)
			_, err := keep(t, p).Acquire(t.Context(), "k", []byte("first"))
			if !errors.Is(err, store.ErrInDoubt) || !errors.Is(err, errOdd) {
				t.Error(err)
			}
			time.Sleep(time.Millisecond)
			synctest.Wait()
			if got := value(t, p.Store, "k"); got != "" {
				t.Errorf("%q is left behind", got)
			}
		})
	})
	t.Run("delete", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := teststore.New()
			held := acquire(t, keep(t, p), "k")
			p.Inject(teststore.Once(func(context.Context, func(context.Context) error) error { return errOdd }), teststore.Delete)
			if err := held.Release(t.Context()); err != nil || value(t, p.Store, "k") != "" {
				t.Errorf("%v, holds %q", err, value(t, p.Store, "k"))
			}
		})
	})
}
