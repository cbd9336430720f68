package registry_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// Fault 7 of the first protocol: "since" was empty until the holder was active.
func TestFirstValueIsComplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		now := time.Now()
		inst := register(t, newKeeper(t, st))
		if n := len(st.Sent(teststore.Update, teststore.Renew)); n != 0 {
			t.Errorf("got %d writes besides the create", n)
		}
		e := published(t, st)
		if e.State != string(Idle) || !e.Registered.Equal(now) || !e.Changed.Equal(now) || !e.Heartbeat.Equal(now) {
			t.Errorf("published %+v, want idle and everything since %v", e, now)
		}
		seen := e.Payload.Seen
		if seen.State != Idle || !seen.Registered.Equal(now) || !seen.Changed.Equal(now) || !seen.Heartbeat.Equal(now) {
			t.Errorf("the payload was filled with %+v, want everything since %v", seen, now)
		}
		if !seen.Connected.IsZero() || seen.LastError != "" || !seen.LastErrorAt.IsZero() || seen.History != nil {
			t.Errorf("the payload was filled with %+v, want zero for events that have not happened", seen)
		}
		if s := inst.Status(); s.Token == 0 || s.Token != e.Token || s.Token != inst.Lease().Token() {
			t.Errorf("token %d in the status, %d in the record, %d of the lease", s.Token, e.Token, inst.Lease().Token())
		}
		wantAgreement(t, st, inst)
	})
}

func TestInitialStateCanBeConnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inst := register(t, newKeeper(t, teststore.New()), func(c *config) { c.Connected = []State{Idle} })
		if s := inst.Status(); !s.Connected.Equal(s.Registered) {
			t.Errorf("connected at %v, want since %v", s.Connected, s.Registered)
		}
	})
}

func TestTransitionIsPublishedBeforeTheMachineMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, newKeeper(t, st))
		st.Inject(teststore.Delay(0, time.Second), teststore.Update)
		go func() { _ = inst.Transition(t.Context(), Starting) }()
		time.Sleep(time.Second / 2)
		if published(t, st).State != string(Starting) {
			t.Error("the transition is not in the record")
		}
		if inst.State() != Idle || inst.Status().State != Idle {
			t.Error("the machine moved before the store answered")
		}
		time.Sleep(time.Second)
		if inst.State() != Starting || inst.Status().State != Starting {
			t.Error("the machine did not move after the store answered")
		}
		wantAgreement(t, st, inst)
	})
}

func TestRefusedTransitionIsNotPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, newKeeper(t, st))
		before := inst.Status()
		if err := inst.Transition(t.Context(), Active); !errors.Is(err, fsm.ErrInvalidTransition) {
			t.Errorf("got %v, want %v", err, fsm.ErrInvalidTransition)
		}
		if d := diff(before, inst.Status()); d != "" || len(st.Sent(teststore.Update)) != 0 {
			t.Errorf("status or store changed: %s", d)
		}
	})
}

// Fault 6 of the first protocol: the next heartbeat published a write that had failed.
func TestHeartbeatDoesNotPublishFailedWrites(t *testing.T) {
	for name, f := range map[string]teststore.Fault{"refused": teststore.Refuse, "request lost": teststore.Drop, "reply lost": teststore.DropReply, "late": teststore.DeliverLate(heartbeat)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := teststore.New()
				inst := register(t, newKeeper(t, st))
				st.Inject(f, teststore.Update)
				for _, err := range []error{
					inst.Transition(t.Context(), Starting),
					inst.Update(t.Context(), func(p *payload) { p.Count = 42 }),
					inst.RecordError(t.Context(), errBoom),
				} {
					if err == nil {
						t.Error("a failed write returned nil")
					}
				}
				st.Inject(nil, teststore.Update)
				time.Sleep(2 * heartbeat)
				e := published(t, st)
				if e.State != string(Idle) || e.Payload.Count != 0 || e.Payload.Seen.LastError != "" {
					t.Errorf("published %+v, want nothing of the failed writes", e)
				}
				wantAgreement(t, st, inst)
			})
		})
	}
}

func TestStatusFollowsTheMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, newKeeper(t, st))
		for _, to := range []State{Starting, Warming, Active, Stopping, Stopped, Idle} {
			time.Sleep(time.Second)
			move(t, inst, to)
			if s := inst.Status(); s.State != to || !s.Changed.Equal(time.Now()) || s.History[len(s.History)-1].To != to {
				t.Errorf("%+v, want %s since %v", s, to, time.Now())
			}
			if seen := published(t, st).Payload.Seen; seen.Token != inst.Lease().Token() {
				t.Errorf("published token %d, want %d", seen.Token, inst.Lease().Token())
			}
			wantAgreement(t, st, inst)
		}
	})
}

func TestConnectedIsSetOnlyOnEntryFromOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, newKeeper(t, st), func(c *config) { c.Connected = []State{Warming, Active} })
		step := func(to State) time.Time {
			time.Sleep(time.Second)
			move(t, inst, to)
			wantAgreement(t, st, inst)
			return time.Now()
		}
		step(Starting)
		entered := step(Warming)
		want := func(at time.Time, where string) {
			if got := inst.Status().Connected; !got.Equal(at) {
				t.Errorf("%s: connected at %v, want %v", where, got, at)
			}
		}
		want(entered, "on entry")
		step(Active)
		want(entered, "in another connected state")
		step(Stopping)
		want(entered, "after leaving")
		for _, to := range []State{Stopped, Idle, Starting} {
			step(to)
		}
		want(step(Warming), "on the next entry")
	})
}

func TestResetIsPublishedAsForced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, newKeeper(t, st))
		move(t, inst, Starting, Warming)
		if err := inst.Machine().Reset(t.Context(), "stuck"); err != nil {
			t.Fatal(err)
		}
		e := published(t, st)
		if last := e.History[len(e.History)-1]; e.State != string(Idle) || !last.Forced || last.Cause != "stuck" {
			t.Errorf("published %+v, want a forced return to idle", e)
		}
		wantAgreement(t, st, inst)
	})
}

func TestRecordHasTheLastTenTransitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, newKeeper(t, st), func(c *config) { c.MachineOptions = []fsm.Option{fsm.WithHistory(20)} })
		for range 15 {
			move(t, inst, Starting, Idle)
		}
		if err := inst.TransitionWithCause(t.Context(), Starting, "told to"); err != nil {
			t.Fatal(err)
		}
		shown, kept := published(t, st).History, inst.Machine().History()
		if len(shown) != 10 || shown[0].Number != 22 || shown[9].Number != 31 || shown[9].Cause != "told to" {
			t.Errorf("published %+v, want the transitions from 22 to 31", shown)
		}
		if len(kept) != 20 {
			t.Errorf("history of %d, want 20", len(kept))
		}
		wantAgreement(t, st, inst)
	})
}

func TestLastErrorIsPublishedAndRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, newKeeper(t, st))
		time.Sleep(time.Second)
		if err := inst.RecordError(t.Context(), errBoom); err != nil {
			t.Fatal(err)
		}
		at := time.Now()
		time.Sleep(2 * heartbeat)
		if s := published(t, st).Payload.Seen; s.LastError != "boom" || !s.LastErrorAt.Equal(at) {
			t.Errorf("published %q at %v, want boom at %v", s.LastError, s.LastErrorAt, at)
		}
		if err := inst.RecordError(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if s := published(t, st).Payload.Seen; s.LastError != "" || !s.LastErrorAt.IsZero() {
			t.Errorf("published %q at %v, want none", s.LastError, s.LastErrorAt)
		}
		wantAgreement(t, st, inst)
	})
}

func TestHeartbeatIsPublishedWithTheRenew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var last time.Time
		st := teststore.New()
		inst := register(t, newKeeper(t, st, func(c *lease.Config) { c.OnRenew = func(b lease.RenewAttempt) { last = b.At } }))
		for range 5 {
			time.Sleep(heartbeat)
			synctest.Wait()
			e := published(t, st)
			if last.IsZero() || !e.Payload.Seen.Heartbeat.Equal(last) || !e.Heartbeat.Equal(last) {
				t.Errorf("published heartbeat %v, derived %v, want %v", e.Payload.Seen.Heartbeat, e.Heartbeat, last)
			}
			wantAgreement(t, st, inst)
		}
		if n := len(st.Sent(teststore.Update)); n != 0 {
			t.Errorf("heartbeats made %d updates besides the renews", n)
		}
	})
}

func TestFailedHeartbeatDoesNotChangeTheStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, newKeeper(t, st))
		before := inst.Status()
		st.Inject(teststore.Refuse, teststore.Renew)
		time.Sleep(2 * heartbeat)
		if d := diff(before, inst.Status()); d != "" {
			t.Errorf("the status changed:\n%s", d)
		}
	})
}

// Readers derive the heartbeat from the time left.
func TestLivenessOnlyHeartbeatHasNoValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var last time.Time
		st := teststore.New()
		onRenew := func(c *lease.Config) { c.OnRenew = func(b lease.RenewAttempt) { last = b.At } }
		inst := register(t, newKeeper(t, st, onRenew), func(c *config) { c.LivenessOnly = true })
		before := inst.Status()
		time.Sleep(time.Minute)
		synctest.Wait()
		for _, r := range st.Sent(teststore.Renew) {
			if len(r.Values()) > 0 {
				t.Fatal("a heartbeat has a value")
			}
		}
		e := published(t, st)
		if d := diff(before, inst.Status()); d != "" || !e.Heartbeat.Equal(last) || time.Since(last) > heartbeat {
			t.Errorf("derived heartbeat %v, want %v; status:\n%s", e.Heartbeat, last, d)
		}
	})
}

// The record has the TTL in milliseconds, rounded up.
func TestHeartbeatIsDerivedForAnyTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		now := time.Now()
		register(t, newKeeper(t, st, func(c *lease.Config) { c.TTL += time.Nanosecond }))
		if e := published(t, st); now.Sub(e.Heartbeat).Abs() > time.Millisecond {
			t.Errorf("derived heartbeat %v, want %v", e.Heartbeat, now)
		}
	})
}

func TestNothingIsWrittenAfterLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, newKeeper(t, st))
		st.Evict(key)
		<-inst.Lease().Done()
		before := len(st.Sent(teststore.Create, teststore.Renew, teststore.Update))
		for _, err := range []error{
			inst.Transition(t.Context(), Starting),
			inst.Update(t.Context(), func(p *payload) { p.Count = 42 }),
			inst.RecordError(t.Context(), errBoom),
		} {
			if !errors.Is(err, store.ErrLost) {
				t.Errorf("got %v, want %v", err, store.ErrLost)
			}
		}
		time.Sleep(time.Hour)
		if n := len(st.Sent(teststore.Create, teststore.Renew, teststore.Update)) - before; n != 0 {
			t.Errorf("%d writes after the loss", n)
		}
		wantGone(t, st)
	})
}

func TestStatusFollowsTheMachineAfterLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		st.Inject(teststore.Delay(time.Second/2, time.Second/2), teststore.Create) // the machine is made after the first value
		inst := register(t, newKeeper(t, st))
		last := inst.Status()
		st.Evict(key)
		<-inst.Lease().Done()
		last.Heartbeat = inst.Status().Heartbeat // a heartbeat may have come before the loss
		if d := diff(last, inst.Status()); d != "" {
			t.Errorf("the loss alone changed the status:\n%s", d)
		}
		if err := inst.Machine().Detach(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		move(t, inst, Starting, Warming, Active)
		s := inst.Status()
		if s.State != Active || !s.Changed.Equal(time.Now()) || !s.Connected.Equal(time.Now()) || len(s.History) != 3 {
			t.Errorf("%+v, want the state of the machine", s)
		}
	})
}

// The record has a state as fmt prints it.
func TestStatesOfAnyTypeArePublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		def := fsm.MustDefine(1, fsm.Table[int]{1: {2}, 2: {}})
		cfg := registry.Config[int, struct{}]{Key: key, PublicIP: noAddress}
		inst, err := registry.Register(t.Context(), newKeeper(t, st), def, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := inst.Transition(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		if e := published(t, st); e.State != "2" || e.History[0].From != "1" {
			t.Errorf("published %+v, want 1 -> 2", e)
		}
	})
}
