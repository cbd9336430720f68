package registry_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// publish registers an instance with a payload of any type.
func publish[P any](t *testing.T, st store.Store, p P, fill func(*P, registry.Status[State])) (*registry.Instance[State, P], error) {
	t.Helper()
	cfg := registry.Config[State, P]{Key: key, Payload: p, Fill: fill, PublicIP: noAddress}
	inst, err := registry.Register(t.Context(), newKeeper(t, st), lifecycle, cfg)
	if inst != nil {
		t.Cleanup(func() { _ = inst.Deregister(t.Context()) })
	}
	return inst, err
}

func TestRegisterRefusesBadPayload(t *testing.T) {
	type reserved struct {
		Mine int `json:"leasehold"`
	}
	type inner struct{ Leasehold int }
	type embedded struct{ inner }
	for name, p := range map[string]any{
		"nil":                         nil,
		"a nil pointer":               (*payload)(nil),
		"a nil map":                   map[string]int(nil),
		"a number":                    42,
		"a string":                    "{}",
		"a list":                      []int{1},
		"raw JSON without an object":  json.RawMessage(`[{}]`),
		"a value without JSON form":   math.Inf(1),
		"a field without JSON form":   map[string]any{"f": make(chan int)},
		"the reserved field":          reserved{},
		"in another case":             map[string]int{"LeaseHold": 1},
		"in an embedded struct":       embedded{},
		"equal under Unicode folding": map[string]int{"lea\u017fehold": 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := teststore.New()
				if _, err := publish(t, st, p, nil); !errors.Is(err, registry.ErrBadPayload) {
					t.Errorf("got %v, want %v", err, registry.ErrBadPayload)
				}
				if len(st.Sent(teststore.Create)) != 0 {
					t.Error("a create was sent")
				}
			})
		})
	}
}

func TestPayloadErrorNamesTypeAndField(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for want, p := range map[string]any{
			`payload of "exchange:1:status": []int marshals to [1,2], which is not a JSON object`:                                    []int{1, 2},
			`payload of "exchange:1:status": map[string]int has a field "Leasehold", which the registry needs for itself: rename it`: map[string]int{"Leasehold": 1},
			`payload of "exchange:1:status": json: unsupported type: chan int`:                                                       make(chan int),
			`payload of "exchange:1:status": string marshals to "` + strings.Repeat("x", 39) + `, which is not a JSON object`:        strings.Repeat("x", 1000),
		} {
			if _, err := publish(t, teststore.New(), p, nil); err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		}
	})
}

func TestRegisterRefusesBadPayloadFromFill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fill := func(p *map[string]int, _ registry.Status[State]) { *p = map[string]int{"leasehold": 1} }
		if _, err := publish(t, teststore.New(), map[string]int{}, fill); !errors.Is(err, registry.ErrBadPayload) {
			t.Errorf("got %v, want %v", err, registry.ErrBadPayload)
		}
	})
}

func TestEmptyObjectIsAValidPayload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		if _, err := publish(t, st, struct{}{}, nil); err != nil {
			t.Fatal(err)
		}
		if e := published(t, st); !e.Published || e.Err != nil {
			t.Errorf("published %+v", e)
		}
	})
}

func TestPayloadAboveTheSizeLimitIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		large := map[string]string{"x": strings.Repeat("x", store.MaxValue)}
		if _, err := publish(t, st, large, nil); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("at registration: got %v, want %v", err, store.ErrInvalid)
		}
		wantGone(t, st)
		inst, err := publish(t, st, map[string]string{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := inst.Update(t.Context(), func(p *map[string]string) { *p = large }); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("in an update: got %v, want %v", err, store.ErrInvalid)
		}
		time.Sleep(time.Minute)
		if err := inst.Transition(t.Context(), Starting); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

func TestBadUpdateLeavesThePayloadAsItWas(t *testing.T) {
	for name, c := range map[string]struct {
		change map[string]any
		want   error
	}{
		"not an object":                 {nil, registry.ErrBadPayload},
		"the reserved field":            {map[string]any{"leasehold": "mine"}, registry.ErrBadPayload},
		"in another case":               {map[string]any{"LEASEHOLD": "mine"}, registry.ErrBadPayload},
		"a value that fails to marshal": {map[string]any{"note": unencodable}, errBoom},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := teststore.New()
				inst, err := publish(t, st, map[string]any{"count": 1}, nil)
				if err != nil {
					t.Fatal(err)
				}
				if err := inst.Update(t.Context(), func(p *map[string]any) { *p = c.change }); !errors.Is(err, c.want) {
					t.Errorf("got %v, want %v", err, c.want)
				}
				time.Sleep(time.Minute)
				if e := published(t, st); !e.Published || e.Payload.Count != 1 || e.State != string(Idle) {
					t.Errorf("published %+v, want the payload of the registration", e)
				}
			})
		})
	}
}

func TestFailedUpdateLeavesThePayloadAsItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, newKeeper(t, st))
		for _, f := range []teststore.Fault{teststore.Refuse, teststore.Drop, teststore.DropReply} {
			st.Inject(f, teststore.Update)
			if err := inst.Update(t.Context(), func(p *payload) { p.Count += 10 }); err == nil {
				t.Error("got nil, want an error")
			}
			st.Inject(nil, teststore.Update)
			if err := inst.Update(t.Context(), func(p *payload) { p.Count++ }); err != nil {
				t.Fatal(err)
			}
		}
		if e := published(t, st); e.Payload.Count != 3 {
			t.Errorf("published %d, want 3", e.Payload.Count)
		}
	})
}

func TestFillGetsACopyOfThePayload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		var before []int
		inst := register(t, newKeeper(t, st), func(c *config) {
			c.Payload.Count = 1
			c.Fill = func(p *payload, s registry.Status[State]) {
				before = append(before, p.Count)
				p.Count += 1000
				p.Seen = s
			}
		})
		move(t, inst, Starting)
		time.Sleep(time.Minute)
		if err := inst.Update(t.Context(), func(p *payload) { p.Count++ }); err != nil {
			t.Fatal(err)
		}
		for i, n := range before {
			if want := 1 + (i+1)/len(before); n != want {
				t.Errorf("call %d got %d, want %d", i, n, want)
			}
		}
		if e := published(t, st); e.Payload.Count != 1002 {
			t.Errorf("published %d, want 1002", e.Payload.Count)
		}
	})
}

func TestFillCannotChangeTheHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, newKeeper(t, st), func(c *config) {
			c.Fill = func(p *payload, s registry.Status[State]) {
				for i := range s.History {
					s.History[i].Cause = "spoilt"
				}
			}
		})
		move(t, inst, Starting, Warming)
		s := inst.Status()
		for i := range s.History {
			s.History[i].Cause = "spoilt"
		}
		time.Sleep(heartbeat)
		for _, tr := range published(t, st).History {
			if tr.Cause != "" {
				t.Errorf("published %+v", tr)
			}
		}
	})
}

func TestPayloadIsReadBackUnchanged(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.String().Filter(func(s string) bool { return !strings.EqualFold(s, "leasehold") })
		p := rapid.MapOf(name, rapid.String()).Draw(rt, "payload")
		synctest.Test(t, func(t *testing.T) {
			st := teststore.New()
			if _, err := publish(t, st, p, nil); err != nil {
				t.Fatal(err)
			}
			e, err := registry.Get[map[string]any](t.Context(), st, key)
			if err != nil || e.Err != nil || !e.Published {
				t.Fatalf("got %+v, %v", e, err)
			}
			delete(e.Payload, "leasehold")
			want := make(map[string]any, len(p))
			for name, v := range p {
				want[name] = v
			}
			if d := cmp.Diff(want, e.Payload); d != "" {
				t.Fatalf("(-want +got):\n%s", d)
			}
		})
	})
}
