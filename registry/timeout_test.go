package registry_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/registry"
)

// withTimeout returns the lifecycle with a timeout of 30 s in Warming.
func withTimeout(t *testing.T, rules ...fsm.Rule[State]) *fsm.Definition[State] {
	t.Helper()
	def, err := lifecycle.With(append(rules, fsm.Timeout(Warming, 30*time.Second, Idle))...)
	if err != nil {
		t.Fatal(err)
	}
	return def
}

func TestTimeoutIsPublishedWithItsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst, err := registry.Register(t.Context(), newKeeper(t, st), withTimeout(t), configure())
		if err != nil {
			t.Fatal(err)
		}
		defer inst.Deregister(context.Background())
		move(t, inst, Starting, Warming)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		e := published(t, st)
		last := e.History[len(e.History)-1]
		if e.State != string(Idle) || last.From != string(Warming) || last.Cause != "timeout after 30s in warming" || !e.Changed.Equal(time.Now()) {
			t.Errorf("published %s since %v, %+v", e.State, e.Changed, last)
		}
		wantAgreement(t, st, inst)
	})
}

func TestDeregisterEndsTimeouts(t *testing.T) {
	for name, lose := range map[string]bool{"released": false, "lost": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := teststore.New()
				def := withTimeout(t, fsm.Finally(func(_ context.Context, tr fsm.Transition[State], err error) {
					if tr.Cause != "" {
						t.Errorf("a timeout ran: %+v, %v", tr, err)
					}
				}))
				inst, err := registry.Register(t.Context(), newKeeper(t, st), def, configure(func(c *config) { c.LeavePath = nil }))
				if err != nil {
					t.Fatal(err)
				}
				move(t, inst, Starting, Warming)
				if lose {
					st.Evict(key)
					<-inst.Lease().Done()
					if err := inst.Machine().Detach(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				if err := inst.Deregister(t.Context()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Hour)
				synctest.Wait()
				if inst.State() != Warming {
					t.Errorf("in %s", inst.State())
				}
			})
		})
	}
}

func TestConnectedIncludesSubstates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		def := fsm.MustDefine(Idle, fsm.Table[State]{Idle: {Active}, Active: {Idle}, Warming: {Starting}, Starting: {}}, fsm.Substates(Active, Warming, Starting))
		inst, err := registry.Register(t.Context(), newKeeper(t, st), def, configure(func(c *config) { c.LeavePath = nil }))
		if err != nil {
			t.Fatal(err)
		}
		defer inst.Deregister(context.Background())
		time.Sleep(time.Second)
		move(t, inst, Active)
		entered := time.Now()
		time.Sleep(time.Second)
		move(t, inst, Starting)
		if s := inst.Status(); s.State != Starting || !s.Connected.Equal(entered) {
			t.Errorf("in %s, connected at %v, want %v", s.State, s.Connected, entered)
		}
		wantAgreement(t, st, inst)
	})
}

func TestRefusedTimeoutIsTheLastErrorOfTheNextValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		def := withTimeout(t, fsm.GuardEdge(Warming, Idle, "cold", func(context.Context, fsm.Transition[State]) error { return errors.New("still hot") }))
		inst, err := registry.Register(t.Context(), newKeeper(t, st), def, configure())
		if err != nil {
			t.Fatal(err)
		}
		defer inst.Deregister(context.Background())
		move(t, inst, Starting, Warming)
		time.Sleep(30 * time.Second)
		refused := time.Now().UTC()
		time.Sleep(time.Minute) // heartbeats
		s := inst.Status()
		if !strings.Contains(s.LastError, "still hot") || !s.LastErrorAt.Equal(refused) || s.State != Warming {
			t.Errorf("in %s, last error %q at %v, want that of %v", s.State, s.LastError, s.LastErrorAt, refused)
		}
		if err := inst.RecordError(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if s := inst.Status(); s.LastError != "" {
			t.Errorf("the error came back: %q", s.LastError)
		}
		wantAgreement(t, st, inst)
	})
}
