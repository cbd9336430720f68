package registry_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// withLog has an instance keep an activity log.
func withLog(c *config) { c.Log = new(registry.Log) }

// logOf returns the log of the key, one text for each entry.
func logOf(t testing.TB, st store.Store, query store.LogQuery) (texts []string) {
	t.Helper()
	for e, err := range registry.ReadLog(context.Background(), st, key, query) {
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, textOf(e))
	}
	return texts
}

func textOf(e registry.LogEntry) string {
	switch e.Kind {
	case registry.LogRegistered:
		return fmt.Sprintf("%s by %s", e.Kind, e.Identity.Host)
	case registry.LogTransition:
		return fmt.Sprintf("%s -> %s", e.Transition.From, e.Transition.To)
	case registry.LogRequest:
		return fmt.Sprintf("%s for %s by %s: %s", e.Kind, e.Request.What, e.Request.Sender, e.Request.Outcome)
	case registry.LogError:
		return fmt.Sprintf("%s: %s", e.Kind, e.Text)
	}
	return string(e.Kind)
}

func wantLog(t testing.TB, st store.Store, want ...string) {
	t.Helper()
	if d := diff(want, logOf(t, st, store.LogQuery{})); d != "" {
		t.Errorf("log (-want +got):\n%s", d)
	}
}

func TestLogTellsWhatHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := served(t, st, nil, withLog)
		if _, err := ask(st, registry.ForState("starting"), registry.WithSender("ops")); err != nil {
			t.Fatal(err)
		}
		_, _ = ask(st, registry.ForState("active"), registry.WithSender("ops"))
		if err := inst.RecordError(t.Context(), errBoom); err != nil {
			t.Fatal(err)
		}
		if err := inst.RecordError(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if err := inst.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		second := register(t, newKeeper(t, st), withLog, func(c *config) { c.Host = "host-b" })
		move(t, second, Starting)
		synctest.Wait()
		st.Evict(key) // it cannot log that
		<-second.Lease().Done()
		if err := second.Deregister(t.Context()); err != nil {
			t.Fatal(err)
		}
		third := register(t, newKeeper(t, st), withLog, func(c *config) { c.Host = "host-c" })
		synctest.Wait()
		want := []string{
			"registered by host-a",
			"idle -> starting", `request for state "starting" by ops: done`,
			`request for state "active" by ops: rejected`,
			"error: boom",
			"starting -> stopping", "stopping -> stopped", "left",
			"registered by host-b", "idle -> starting", "lost",
			"registered by host-c",
		}
		wantLog(t, st, want...)
		slices.Reverse(want)
		if d := diff(want, logOf(t, st, store.LogQuery{Backward: true})); d != "" {
			t.Errorf("backward (-want +got):\n%s", d)
		}
		if d := diff(want[:3], logOf(t, st, store.LogQuery{Backward: true, Limit: 2})); d != "" {
			t.Errorf("the newest two (-want +got):\n%s", d)
		}
		if n := inst.LogDropped() + second.LogDropped(); n != 0 {
			t.Errorf("%d entries dropped", n)
		}
		// Seven days later it is gone, as by default.
		if err := third.Deregister(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(7*24*time.Hour + time.Second)
		wantLog(t, st)
	})
}

func TestFollowLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		ctx, cancel := context.WithCancel(t.Context())
		var texts []string
		var last error
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for e, err := range registry.FollowLog(ctx, st, key, store.LogPosition{}) {
				if last = err; err == nil {
					texts = append(texts, textOf(e))
				}
			}
		}()
		inst := register(t, newKeeper(t, st), withLog)
		move(t, inst, Starting, Warming)
		if err := inst.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		cancel()
		<-ended
		want := []string{"registered by host-a", "idle -> starting", "starting -> warming", "warming -> stopping", "stopping -> stopped", "left"}
		if d := diff(want, texts); d != "" || !errors.Is(last, context.Canceled) {
			t.Errorf("(-want +got)\n%s\nended with %v", d, last)
		}
	})
}

// Trouble with the log costs its entries, and nothing else.
func TestLogThatFailsHoldsUpNothing(t *testing.T) {
	for name, fault := range map[string]teststore.Fault{"refused": teststore.Refuse, "silent": teststore.Silence} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := teststore.New()
				var told int
				st.Inject(fault, teststore.Append)
				inst := register(t, newKeeper(t, st), func(c *config) {
					c.Log = &registry.Log{Dropped: func(n int, _ error) { told += n }}
				})
				time.Sleep(time.Hour)
				if err := inst.RecordError(t.Context(), errBoom); err != nil {
					t.Fatal(err)
				}
				begun := time.Now()
				move(t, inst, Starting, Warming) // the first stores the entry of the error too
				if d := time.Since(begun); d > 0 {
					t.Errorf("two transitions took %v", d)
				}
				time.Sleep(time.Hour)
				if n := inst.LogDropped(); n != 1 || told != 1 {
					t.Errorf("%d entries dropped, %d told", n, told)
				}
				wantLog(t, st, "error: boom", "idle -> starting", "starting -> warming")
				var at store.LogPosition
				for e := range registry.ReadLog(t.Context(), st, key, store.LogQuery{}) {
					at = e.LogPosition
				}
				if at != (store.LogPosition{Token: inst.Lease().Token(), Number: 4}) {
					t.Errorf("the entry is at %v, which hides that one is missing", at)
				}
				// A leave does not wait for long either.
				st.Inject(fault, teststore.Append)
				begun = time.Now()
				if err := inst.Leave(t.Context()); err != nil {
					t.Error(err)
				}
				if d := time.Since(begun); d > time.Second {
					t.Errorf("leaving took %v", d)
				}
			})
		})
	}
}

// An entry is stored only if its transition is, and once.
func TestLogHasEachTransitionOnce(t *testing.T) {
	for name, fault := range map[string]teststore.Fault{"refused": teststore.Refuse, "lost": teststore.Drop, "reply lost": teststore.DropReply} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := teststore.New()
				inst := register(t, newKeeper(t, st), withLog)
				synctest.Wait()
				st.Inject(once(fault), teststore.Update)
				if err := inst.Transition(t.Context(), Starting); err == nil {
					t.Fatal("the fault did not show")
				}
				move(t, inst, Starting, Warming)
				synctest.Wait()
				want := []string{"registered by host-a", "idle -> starting", "starting -> warming"}
				if name == "reply lost" { // it was written, and then undone
					want = slices.Insert(want, 2, "idle -> starting")
				}
				wantLog(t, st, want...)
				wantAgreement(t, st, inst)
			})
		})
	}
}

func TestLogBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, newKeeper(t, st), func(c *config) { c.Log = &registry.Log{Entries: 3, Age: time.Hour} })
		if err := inst.RecordError(t.Context(), errors.New(strings.Repeat("long ", 10_000))); err != nil {
			t.Fatal(err)
		}
		move(t, inst, Starting, Idle, Starting, Idle)
		synctest.Wait()
		wantLog(t, st, "starting -> idle", "idle -> starting", "starting -> idle")
		time.Sleep(59 * time.Minute)
		move(t, inst, Starting)
		time.Sleep(2 * time.Minute)
		wantLog(t, st, "idle -> starting")
		if n := inst.LogDropped(); n != 0 {
			t.Errorf("%d entries dropped", n)
		}
	})
}

func TestLogNeedsAStoreThatKeepsIt(t *testing.T) {
	bare := struct{ store.Store }{memstore.New()}
	k := newKeeper(t, bare)
	for name, cfg := range map[string]config{
		"store": configure(withLog),
		"age":   configure(func(c *config) { c.Log = &registry.Log{Age: time.Millisecond} }),
		"many":  configure(func(c *config) { c.Log = &registry.Log{Entries: store.MaxLogLength + 1} }),
	} {
		keeper := k
		if name != "store" {
			keeper = newKeeper(t, memstore.New())
		}
		if _, err := registry.Register(t.Context(), keeper, lifecycle, cfg); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, err := range registry.ReadLog(t.Context(), bare, key, store.LogQuery{}) {
		if !errors.Is(err, store.ErrInvalid) {
			t.Error(err)
		}
	}
}

// Long texts are cut in the log, and lose no entry.
func TestLongTextsAreCutInTheLog(t *testing.T) {
	for name, text := range map[string]string{"long": "\u00e4", "long in JSON": "\x01"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := teststore.New()
				long, sender := strings.Repeat(text, 9_000), strings.Repeat("x", registry.MaxRequestText)
				inst := served(t, st, nil, withLog, func(c *config) { c.Host = long })
				if err := inst.TransitionWithCause(t.Context(), Starting, long); err != nil {
					t.Fatal(err)
				}
				if cause := published(t, st).History[0].Cause; cause != long {
					t.Errorf("the cause in the record has %d bytes", len(cause))
				}
				if _, err := ask(st, registry.ForState(long), registry.WithSender(sender)); err == nil {
					t.Fatal("an unknown state was entered")
				}
				if err := inst.RecordError(t.Context(), errors.New(long)); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if got := logOf(t, st, store.LogQuery{}); len(got) != 4 || inst.LogDropped() > 0 {
					t.Errorf("%d entries, %d dropped", len(got), inst.LogDropped())
				}
			})
		})
	}
}

// A machine without a history has a log all the same.
func TestLogWithoutHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, newKeeper(t, st), withLog, func(c *config) { c.MachineOptions = []fsm.Option{fsm.WithHistory(0)} })
		move(t, inst, Starting, Warming)
		synctest.Wait()
		wantLog(t, st, "registered by host-a", "idle -> starting", "starting -> warming")
	})
}

// A loss between the last entry of a query and its far bound is part of it.
func TestLossAtTheFarBoundOfAQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		var tokens []store.Token
		for range 3 {
			inst := register(t, newKeeper(t, st), withLog)
			tokens = append(tokens, inst.Lease().Token())
			synctest.Wait()
			st.Evict(key)
			<-inst.Lease().Done()
		}
		at := func(n int) store.LogPosition { return store.LogPosition{Token: tokens[n], Number: 1} }
		const registered = "registered by host-a"
		for name, c := range map[string]struct {
			query store.LogQuery
			want  []string
		}{
			"forward":           {store.LogQuery{Before: at(1)}, []string{registered, "lost"}},
			"forward, limited":  {store.LogQuery{Before: at(1), Limit: 1}, []string{registered}},
			"backward":          {store.LogQuery{After: at(1), Backward: true}, []string{registered, "lost"}},
			"backward, limited": {store.LogQuery{After: at(1), Backward: true, Limit: 1}, []string{registered}},
			"nothing but":       {store.LogQuery{After: at(0), Before: at(1)}, []string{"lost"}},
			"nothing but, back": {store.LogQuery{After: at(0), Before: at(1), Backward: true}, []string{"lost"}},
		} {
			if d := diff(c.want, logOf(t, st, c.query)); d != "" {
				t.Errorf("%s (-want +got):\n%s", name, d)
			}
		}
	})
}

// An instance whose first timeout is over at once was registered before that moved it.
func TestRegistrationIsTheFirstEntry(t *testing.T) {
	def, err := lifecycle.With(fsm.Timeout(Idle, time.Nanosecond, Starting))
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		st := memstore.New()
		inst, err := registry.Register(t.Context(), newKeeper(t, st), def, configure(withLog))
		if err != nil {
			t.Fatal(err)
		}
		for inst.State() == Idle {
			time.Sleep(time.Millisecond)
		}
		if err := inst.Deregister(t.Context()); err != nil {
			t.Error(err)
		}
		wantLog(t, st, "registered by host-a", "idle -> starting", "left")
	}
}

// The function Dropped may take its time, call the instance and panic.
func TestFunctionOfDroppedEntriesHoldsUpNothing(t *testing.T) {
	for name, dropped := range map[string]func(*instance){
		"slow":       func(*instance) { time.Sleep(time.Minute) },
		"error":      func(inst *instance) { _ = inst.RecordError(context.Background(), errBoom) },
		"deregister": func(inst *instance) { _ = inst.Deregister(context.Background()) },
		"panic":      func(*instance) { panic("boom") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := teststore.New()
				st.Inject(teststore.Refuse, teststore.Append)
				registered := make(chan *instance, 1)
				inst := register(t, newKeeper(t, st), func(c *config) {
					c.Log = &registry.Log{Dropped: func(int, error) {
						inst := <-registered
						registered <- inst
						dropped(inst)
					}}
				})
				registered <- inst
				for inst.LogDropped() == 0 {
					time.Sleep(time.Second)
				}
				begun := time.Now()
				if err := inst.Transition(t.Context(), Starting); err != nil && name != "deregister" {
					t.Error(err)
				}
				if d := time.Since(begun); d > 0 {
					t.Errorf("a transition took %v", d)
				}
				time.Sleep(2 * time.Minute)
				_ = inst.Deregister(t.Context())
				time.Sleep(2 * time.Minute)
			})
		})
	}
}
