package lease

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
	"pgregory.net/rapid"
)

// Else a program that acquires and releases all the time would pile up leases
// until the next heartbeat.
func TestReleasedLeaseIsForgottenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, err := NewKeeper(memstore.New(), Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close(t.Context())
		held, err := k.Acquire(t.Context(), "k", []byte("v"))
		if err != nil {
			t.Fatal(err)
		}
		_ = held.Release(t.Context())
		if left := k.schedule.close(); len(left) != 0 {
			t.Errorf("%d leases left", len(left))
		}
	})
}

// still returns a keeper whose schedule is looked after by the test.
func still(cfg Config) *Keeper {
	k := &Keeper{store: memstore.New(), cfg: cfg, began: time.Now()}
	k.life, k.open = context.Background(), context.Background()
	k.schedule = newSchedule(k)
	return k
}

func holdFor(k *Keeper, key string, left time.Duration) *lease {
	l := newLease(k, store.Claim{Key: key, Value: []byte("v"), TTL: k.cfg.TTL}, store.Grant{Token: 1, Until: time.Now().Add(left)}, options{})
	k.schedule.add(l, time.Now())
	return l
}

func TestBatchHasTheNearestDeadlines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const minute = time.Minute
		k := still(Config{TTL: time.Hour, Heartbeat: minute})
		lefts := rapid.SliceOfN(rapid.Int64Range(int64(10*minute), int64(60*minute)), 1, 2000).Draw(t, "left")
		for i, left := range lefts {
			holdFor(k, fmt.Sprint(i), time.Duration(left))
		}
		now := time.Now()
		k.schedule.startRound(now, k.moment(now))
		var last time.Duration
		taken := 0
		for b := k.schedule.next(now); b != nil; b = k.schedule.next(now) {
			for _, l := range b.leases {
				left := l.left(now)
				if left < last {
					t.Fatalf("%v left after %v", left, last)
				}
				last = left
				taken++
			}
			delete(k.schedule.active, b)
		}
		if taken != len(lefts) {
			t.Fatalf("%d leases taken of %d", taken, len(lefts))
		}
	})
}

func TestAgendaIsInOrderWhateverIsAddedMovedAndRemoved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a agenda
		var all []*lease
		at := rapid.Int64Range(1, 1000)
		for range rapid.IntRange(1, 200).Draw(t, "operations") {
			switch op := rapid.IntRange(0, 3).Draw(t, "operation"); {
			case op < 2 || len(all) == 0:
				l := &lease{}
				a.add(l, moment(at.Draw(t, "at")))
				all = append(all, l)
			case op == 2:
				a.move(all[rapid.IntRange(0, len(all)-1).Draw(t, "moved")], moment(at.Draw(t, "at")))
			default:
				i := rapid.IntRange(0, len(all)-1).Draw(t, "removed")
				a.remove(all[i])
				all = slices.Delete(all, i, i+1)
			}
			if len(a) != len(all) {
				t.Fatalf("%d entries for %d leases", len(a), len(all))
			}
			for i, e := range a {
				if int(e.lease.schedule.slot) != i || i > 0 && a[(i-1)/2].at > e.at {
					t.Fatalf("entry %d is out of order", i)
				}
			}
		}
	})
}

// The keeper looks once a second while it has leases. Nothing but the clocks tells it of a
// suspend: the monotonic one stood still.
func TestSuspendEndsLeasesAtTheNextTick(t *testing.T) {
	k := still(Config{TTL: 45 * time.Second, Heartbeat: 15 * time.Second})
	if next := k.schedule.survey(time.Now()); next != never {
		t.Errorf("with no leases it looks again at %v", next)
	}
	held := holdFor(k, "k", 45*time.Second)
	ctx, cancel := held.Context(t.Context())
	defer cancel()
	now := k.began.Add(2 * time.Second)
	if next := k.schedule.survey(now); next > k.moment(now)+moment(time.Second) {
		t.Errorf("looks again %v later", time.Duration(next-k.moment(now)))
	}
	if held.reason != nil {
		t.Fatal(held.reason)
	}
	k.schedule.survey(clocks(t, k.began, 3*time.Second, 60*time.Second))
	select {
	case <-held.Done():
	default:
		t.Error("Done is open after a suspend for longer than the window")
	}
	if ctx.Err() == nil || !errors.Is(held.reason, ErrExpired) {
		t.Errorf("context %v, reason %v", ctx.Err(), held.reason)
	}
}

func TestContextsThatEndWithTheirParentsAreForgotten(t *testing.T) {
	k := still(Config{TTL: time.Hour, Heartbeat: time.Minute})
	held := holdFor(k, "k", time.Hour)
	live, stop := held.Context(t.Context())
	defer stop()
	for range 10_000 {
		parent, end := context.WithCancel(t.Context())
		_, _ = held.Context(parent) // and nobody calls the cancel function
		end()
	}
	if n := len(held.contexts); n > 16 {
		t.Errorf("%d contexts kept", n)
	}
	held.lose(store.ErrLost)
	if live.Err() == nil {
		t.Error("a live context was forgotten")
	}
}

// A figure of the documentation: what a lease with a value of 100 bytes needs.
func TestLeaseIsSmall(t *testing.T) {
	const leases, most = 20_000, 500
	k := still(Config{TTL: time.Hour, Heartbeat: time.Minute})
	keys := make([]string, leases)
	for i := range keys {
		keys[i] = fmt.Sprintf("resource:%08d", i)
	}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for _, key := range keys {
		l := newLease(k, store.Claim{Key: key, Value: make([]byte, 100), TTL: time.Hour}, store.Grant{Token: 1, Until: time.Now().Add(time.Hour)}, options{})
		k.schedule.add(l, time.Now())
	}
	if each := (heap() - before) / leases; each > most {
		t.Errorf("%d bytes for a lease, want at most %d", each, most)
	} else {
		t.Logf("%d bytes for a lease", each)
	}
	runtime.KeepAlive(k)
}

func TestManyCyclesLeaveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, err := NewKeeper(memstore.New(), Config{TTL: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close(t.Context())
		for i := range 10_000 {
			held, err := k.Acquire(t.Context(), fmt.Sprint(i%7), []byte("v"))
			if err != nil {
				t.Fatal(err)
			}
			if i%3 == 0 {
				_ = held.Update(t.Context(), []byte("next"))
			}
			if i%100 == 0 {
				time.Sleep(time.Second)
			}
			_ = held.Release(t.Context())
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		s := k.schedule
		s.mu.Lock()
		defer s.mu.Unlock()
		if n := len(s.agenda) + len(s.due.all) + len(s.failing.all) + len(s.urgent) + len(s.byKey) + len(s.active); n > 0 || cap(s.agenda) > 1024 {
			t.Errorf("%d entries left", n)
		}
		if !s.idle {
			t.Error("the keeper still looks every second")
		}
	})
}

// A lease of more than 256 bytes takes 288: the allocator's next size.
func TestALeaseIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(lease{}); size > 256 {
		t.Errorf("a lease has %d bytes, want 256 at most: allocate on demand what most leases never need", size)
	}
}
