package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// newSlowKeeper returns a keeper with few heartbeats, for tests of days.
func newSlowKeeper(t testing.TB, st store.Store) *lease.Keeper {
	return newKeeper(t, st, func(c *lease.Config) { c.TTL, c.Heartbeat = slowTTL, slowTTL/3 })
}

const slowTTL = time.Hour

// wantDefinition fails unless a record's definition can be read and is that of def.
func wantDefinition[S comparable](t *testing.T, st store.Store, r record, def *fsm.Definition[S]) {
	t.Helper()
	got, err := registry.ReadDefinition(context.Background(), st, r)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(def.Describe(), got); diff != "" {
		t.Errorf("description (-want +got):\n%s", diff)
	}
}

func wantNoDefinition(t *testing.T, st store.Store, r record, why string) {
	t.Helper()
	d, err := registry.ReadDefinition(context.Background(), st, r)
	if !errors.Is(err, registry.ErrNoDefinition) || !strings.Contains(fmt.Sprint(err), why) || len(d.States) > 0 {
		t.Errorf("got %+v, %v; want no definition, because %s", d, err, why)
	}
}

func TestDefinitionIsPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, newKeeper(t, st))
		synctest.Wait()
		r := published(t, st)
		wantDefinition(t, st, r, lifecycle)
		observed := store.Observe(st, func(context.Context, store.Call) {})
		wantDefinition(t, observed, r, lifecycle)

		move(t, inst, Starting)
		time.Sleep(ttl)
		if now := published(t, st); now.Definition != r.Definition {
			t.Errorf("the definition of a record was %q and is %q", r.Definition, now.Definition)
		}
		n := 0
		for _, err := range st.List(t.Context(), "") {
			if n++; err != nil {
				t.Fatal(err)
			}
		}
		if n != 1 {
			t.Errorf("a list has %d records, want that of the instance alone", n)
		}
	})
}

// A definition is there for as long as an instance lives and its record may be, and goes then.
func TestDefinitionOutlivesTheLastInstanceAndExpires(t *testing.T) {
	for _, hours := range []int{0, 7, 8, 9, 15, 17, 25, 33} { // it is written every eight hours or a little sooner
		synctest.Test(t, func(t *testing.T) {
			st := teststore.New()
			inst := register(t, newSlowKeeper(t, st))
			synctest.Wait()
			r := published(t, st)
			for range hours {
				wantDefinition(t, st, r, lifecycle)
				time.Sleep(time.Hour)
			}
			st.Inject(teststore.Refuse, teststore.Renew, teststore.Delete)
			_ = inst.Deregister(t.Context())
			time.Sleep(2 * slowTTL)
			wantGone(t, st)
			wantDefinition(t, st, r, lifecycle)
			time.Sleep(48 * time.Hour)
			wantNoDefinition(t, st, r, "the store does not have it")
		})
	}
}

// The fingerprint of the two is the same.
func TestEachVersionOfADefinitionIsPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		guarded, err := lifecycle.With(fsm.Guard(Active, "feed is fresh", func(context.Context, fsm.Transition[State]) error { return nil }))
		if err != nil {
			t.Fatal(err)
		}
		k := newKeeper(t, st)
		register(t, k)
		other, err := registry.Register(t.Context(), k, guarded, configure(func(c *config) { c.Key = "other" }))
		if err != nil {
			t.Fatal(err)
		}
		defer other.Deregister(t.Context())
		synctest.Wait()
		r, err := registry.Get[payload](t.Context(), st, "other")
		if err != nil {
			t.Fatal(err)
		}
		wantDefinition(t, st, published(t, st), lifecycle)
		wantDefinition(t, st, r, guarded)
	})
}

// The writes of a definition do not grow with the number of instances.
func TestInstancesOfAProcessShareTheWritesOfADefinition(t *testing.T) {
	const instances, days = 20, 1
	sent := func(t *testing.T, n int) int {
		st := teststore.New()
		k := newSlowKeeper(t, st)
		for i := range n {
			register(t, k, func(c *config) { c.Key = fmt.Sprint(i) })
		}
		time.Sleep(days * 24 * time.Hour)
		return len(st.Sent(teststore.Define))
	}
	synctest.Test(t, func(t *testing.T) {
		if one := sent(t, 1); one < 3*days || one > 4*days {
			t.Errorf("one instance wrote its definition %d times in %d days", one, days)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		if many := sent(t, instances); many > 5*days {
			t.Errorf("%d instances of a process wrote their definition %d times in %d days", instances, many, days)
		}
	})
}

func TestDefinitionThatCannotBeStoredCostsNothing(t *testing.T) {
	for name, fault := range map[string]teststore.Fault{
		"refused": teststore.Refuse, "without an answer": teststore.Silence, "lost": teststore.Drop, "late": teststore.Delay(time.Hour, 0),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := teststore.New()
				st.Inject(fault, teststore.Define)
				var told notices
				began := time.Now()
				inst := register(t, newSlowKeeper(t, st), told.config)
				move(t, inst, Starting, Warming)
				if took := time.Since(began); took != 0 {
					t.Errorf("registration and transitions took %v", took)
				}
				wantNoDefinition(t, st, published(t, st), "the store does not have it")
				time.Sleep(3 * time.Hour)
				wantAgreement(t, st, inst)
				n := 0
				for _, line := range told.lines() {
					if strings.HasPrefix(line, "definition: definition of \"exchange:1:status\" is not published: put definition ") {
						n++
					}
				}
				if n != 1 {
					t.Errorf("observers were told %d times of one failure, want once", n)
				}
				st.Inject(nil, teststore.Define)
				time.Sleep(2 * time.Hour) // a late one may be under way
				wantDefinition(t, st, published(t, st), lifecycle)

				st.Inject(teststore.Refuse, teststore.Define)
				time.Sleep(12 * time.Hour)
				if lines := told.lines(); len(lines) != 1 || !strings.HasPrefix(lines[0], "definition: ") {
					t.Errorf("observers were told of another failure by %q", lines)
				}
				st.Inject(fault, teststore.Define)
				time.Sleep(12 * time.Hour)
				began = time.Now()
				if err := inst.Deregister(t.Context()); err != nil && name != "late" {
					t.Error(err)
				}
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("the end took %v", took)
				}
				wantGone(t, st)
				time.Sleep(2 * time.Hour) // until a late write has ended
			})
		})
	}
}

// Instances share the writes of a definition, but not the time of an observer.
func TestObserverThatHangsHoldsUpNoDefinition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		k := newSlowKeeper(t, st)
		st.Inject(teststore.Refuse, teststore.Define)
		hang := make(chan struct{})
		hanging := register(t, k, func(c *config) { c.Key = "hanging" }, observe(func(_ context.Context, n registry.Notice) {
			if n.Kind == registry.NoticeDefinition {
				<-hang
			}
		}))
		inst := register(t, k)
		time.Sleep(time.Minute)
		st.Inject(nil, teststore.Define)
		time.Sleep(time.Hour)
		wantDefinition(t, st, published(t, st), lifecycle)
		if err := hanging.Deregister(t.Context()); err == nil {
			t.Error("the end of an instance did not wait for its observer")
		}
		if err := inst.Deregister(t.Context()); err != nil {
			t.Error(err)
		}
		close(hang)
	})
}

// A goroutine of a lost instance would go on for ever.
func TestLostInstancePublishesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst, err := registry.Register(t.Context(), newSlowKeeper(t, st), lifecycle, configure())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		st.Evict(key)
		<-inst.Lease().Done()
		sent := len(st.Sent(teststore.Define))
		time.Sleep(24 * time.Hour)
		if n := len(st.Sent(teststore.Define)) - sent; n > 0 {
			t.Errorf("an instance that was lost has written its definition %d times since", n)
		}
	})
}

// A store that has lost its data has the definition again soon after the next registration, although
// other instances of the process did not notice.
func TestEachRegistrationPublishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		k := newKeeper(t, st)
		st.Inject(func(context.Context, func(context.Context) error) error { return nil }, teststore.Define) // as if it were stored, and lost
		register(t, k, func(c *config) { c.Key = "other" })
		synctest.Wait()
		st.Inject(nil, teststore.Define)
		time.Sleep(time.Second)
		register(t, k)
		wantNoDefinition(t, st, published(t, st), "it is there again after 8 hours, or once another instance registers")
		time.Sleep(10 * time.Second)
		wantDefinition(t, st, published(t, st), lifecycle)
	})
}

func TestDefinitionIsNotPublished(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*config)
		st     func(*teststore.Store) store.Store
	}{
		"NoDefinition":       {func(c *config) { c.NoDefinition = true }, func(st *teststore.Store) store.Store { return st }},
		"a store for leases": {func(*config) {}, func(st *teststore.Store) store.Store { return struct{ store.Store }{st} }},
		"the same, observed": {func(*config) {}, func(st *teststore.Store) store.Store {
			return store.Observe(struct{ store.Store }{st}, func(context.Context, store.Call) {})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := teststore.New()
				var told notices
				register(t, newSlowKeeper(t, test.st(st)), test.change, told.config)
				time.Sleep(time.Minute)
				if n := len(st.Sent(teststore.Define)); n > 0 {
					t.Errorf("a definition was written %d times", n)
				}
				wantNoDefinition(t, st, published(t, st), "its instance publishes none")
				told.want(t, "registered")
			})
		})
	}
}

func TestLongDefinitionIsNotPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := make(fsm.Table[string])
		name := func(i int) string { return fmt.Sprint(strings.Repeat("long", 100), i) }
		for i := range 400 {
			table[name(i)] = []string{name(i + 1)}
		}
		table[name(400)] = nil
		st := teststore.New()
		var told notices
		var c config
		told.config(&c)
		inst, err := registry.Register(t.Context(), newSlowKeeper(t, st), fsm.MustDefine(name(0), table), registry.Config[string, payload]{
			Key: key, PublicIP: noAddress, Observers: c.Observers,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer inst.Deregister(t.Context())
		time.Sleep(24 * time.Hour)
		wantNoDefinition(t, st, published(t, st), "too long")
		lines := told.lines()
		if len(lines) != 2 || !strings.Contains(lines[1], "definition: definition of \"exchange:1:status\" is not published: invalid definition of ") {
			t.Errorf("observers were told %q", lines)
		}
	})
}

func TestDefinitionThatCannotBeRead(t *testing.T) {
	st := teststore.New()
	inst := register(t, newKeeper(t, st))
	r := published(t, st)
	if err := inst.Deregister(t.Context()); err != nil {
		t.Fatal(err)
	}
	with := func(change func(*record)) record {
		changed := r
		change(&changed)
		return changed
	}
	wantNoDefinition(t, st, with(func(r *record) { r.Published = false }), "not written by package registry")
	wantNoDefinition(t, st, with(func(r *record) { r.Definition = "" }), "publishes none")
	wantNoDefinition(t, st, with(func(r *record) { r.Definition = "../\x1b[2J" + strings.Repeat("x", 999) }), `"../\x1b[2Jxxx`)
	wantNoDefinition(t, st, with(func(r *record) { r.Definition = store.DefinitionID(nil) }), "the store does not have it")
	if _, err := registry.ReadDefinition(t.Context(), st, with(func(r *record) { r.Token = 0 })); !errors.Is(err, store.ErrForeign) {
		t.Errorf("of a foreign value: %v", err)
	}
	if _, err := registry.ReadDefinition(t.Context(), struct{ store.Store }{st}, r); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("from a store without definitions: %v", err)
	}

	// What an instance with bad intentions could store.
	for _, value := range []string{"x", "null", "{}", `{"states":[]}`, `{"states":[{"name":"a","parent":"a","initial":"a"}]}`,
		`{"states":[{"name":"a"}],"edges":[{"from":"a","to":"b","declared":"a","kind":"self"}]}`,
		`{"states":[{"name":"a"}],"edges":[{"from":"a","to":"a","declared":"a","kind":"odd"}]}`, strings.Repeat("[", 9999)} {
		if err := st.PutDefinition(t.Context(), []byte(value), time.Hour); err != nil {
			t.Fatal(err)
		}
		d, err := registry.ReadDefinition(t.Context(), st, with(func(r *record) { r.Definition = store.DefinitionID([]byte(value)) }))
		if err == nil || !strings.HasPrefix(err.Error(), `definition of "exchange:1:status": `) {
			t.Errorf("of %.40q: %+v, %v", value, d, err)
		}
	}
}

// Older versions read a record with a definition, and it reads theirs.
func TestRecordNamesItsDefinition(t *testing.T) {
	st := teststore.New()
	register(t, newKeeper(t, st))
	raw, err := st.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	var value struct {
		Part struct{ Definition string } `json:"leasehold"`
	}
	if err := json.Unmarshal(raw.Value, &value); err != nil || value.Part.Definition != published(t, st).Definition || store.CheckDefinitionID(value.Part.Definition) != nil {
		t.Errorf("%v; the record is %s", err, raw.Value)
	}
}
