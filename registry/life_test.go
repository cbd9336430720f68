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

// Fault 7 of the first protocol: since was empty until the holder was active.
func TestFirstRecordIsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		now := time.Now()
		inst := register(t, keep(t, st))
		if n := len(st.Sent(teststore.Update, teststore.Renew)); n != 0 {
			t.Errorf("it took %d writes beside the create", n)
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
			t.Errorf("the payload was filled with %+v, want nothing that has not been", seen)
		}
		if s := inst.Status(); s.Token == 0 || s.Token != e.Token || s.Token != inst.Lease().Token() {
			t.Errorf("token %d in the status, %d in the record, %d of the lease", s.Token, e.Token, inst.Lease().Token())
		}
		wantAgreement(t, st, inst)
	})
}

func TestInitialStateMayBeConnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inst := register(t, keep(t, teststore.New()), func(c *config) { c.Connected = []State{Idle} })
		if s := inst.Status(); !s.Connected.Equal(s.Registered) {
			t.Errorf("connected at %v, want since %v", s.Connected, s.Registered)
		}
	})
}

func TestTransitionIsPublishedBeforeItCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, keep(t, st))
		st.Inject(teststore.Delay(0, time.Second), teststore.Update)
		go func() { _ = inst.Transition(t.Context(), Starting) }()
		time.Sleep(time.Second / 2)
		if published(t, st).State != string(Starting) {
			t.Error("it is not published yet")
		}
		if inst.State() != Idle || inst.Status().State != Idle {
			t.Error("it counts before the store has answered")
		}
		time.Sleep(time.Second)
		if inst.State() != Starting || inst.Status().State != Starting {
			t.Error("it does not count after the store has answered")
		}
		wantAgreement(t, st, inst)
	})
}

func TestRefusedTransitionIsNotPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, keep(t, st))
		before := inst.Status()
		if err := inst.Transition(t.Context(), Active); !errors.Is(err, fsm.ErrInvalidTransition) {
			t.Errorf("got %v, want %v", err, fsm.ErrInvalidTransition)
		}
		if d := diff(before, inst.Status()); d != "" || len(st.Sent(teststore.Update)) != 0 {
			t.Errorf("it left a trace: %s", d)
		}
	})
}

// Fault 6 of the first protocol: the next heartbeat published what the caller had
// been told failed.
func TestHeartbeatDoesNotPublishWhatFailed(t *testing.T) {
	for name, f := range map[string]teststore.Fault{"refused": teststore.Refuse, "lost on its way": teststore.Drop, "done, reply lost": teststore.DropReply, "late": teststore.DeliverLate(heartbeat)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := teststore.New()
				inst := register(t, keep(t, st))
				st.Inject(f, teststore.Update)
				for _, err := range []error{
					inst.Transition(t.Context(), Starting),
					inst.Update(t.Context(), func(p *payload) { p.Count = 42 }),
					inst.RecordError(t.Context(), errBoom),
				} {
					if err == nil {
						t.Error("a write that failed was said to succeed")
					}
				}
				st.Inject(nil, teststore.Update)
				time.Sleep(2 * heartbeat)
				e := published(t, st)
				if e.State != string(Idle) || e.Payload.Count != 0 || e.Payload.Seen.LastError != "" {
					t.Errorf("published %+v, want nothing of what failed", e)
				}
				wantAgreement(t, st, inst)
			})
		})
	}
}

func TestStatusFollowsTheMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, keep(t, st))
		for _, to := range []State{Starting, Warming, Active, Stopping, Stopped, Idle} {
			time.Sleep(time.Second)
			climb(t, inst, to)
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

func TestConnectedIsSetOnEntryOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, keep(t, st), func(c *config) { c.Connected = []State{Warming, Active} })
		step := func(to State) time.Time {
			time.Sleep(time.Second)
			climb(t, inst, to)
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
		want(entered, "in another that counts")
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
		inst := register(t, keep(t, st))
		climb(t, inst, Starting, Warming)
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

func TestRecordShowsTheMostRecentTransitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, keep(t, st), func(c *config) { c.MachineOptions = []fsm.Option{fsm.WithHistory(20)} })
		for range 15 {
			climb(t, inst, Starting, Idle)
		}
		if err := inst.TransitionWithCause(t.Context(), Starting, "told to"); err != nil {
			t.Fatal(err)
		}
		shown, kept := published(t, st).History, inst.Machine().History()
		if len(shown) != 10 || shown[0].Number != 22 || shown[9].Number != 31 || shown[9].Cause != "told to" {
			t.Errorf("shows %+v, want the transitions from 22 to 31", shown)
		}
		if len(kept) != 20 {
			t.Errorf("remembers %d, want 20", len(kept))
		}
		wantAgreement(t, st, inst)
	})
}

func TestLastErrorIsPublishedAndTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, keep(t, st))
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
		inst := register(t, keep(t, st, func(c *lease.Config) { c.OnRenew = func(b lease.RenewAttempt) { last = b.At } }))
		for range 5 {
			time.Sleep(heartbeat)
			synctest.Wait()
			e := published(t, st)
			if last.IsZero() || !e.Payload.Seen.Heartbeat.Equal(last) || !e.Heartbeat.Equal(last) {
				t.Errorf("shows a heartbeat at %v, derives %v, want %v", e.Payload.Seen.Heartbeat, e.Heartbeat, last)
			}
			wantAgreement(t, st, inst)
		}
		if n := len(st.Sent(teststore.Update)); n != 0 {
			t.Errorf("heartbeats made %d updates beside the renews", n)
		}
	})
}

func TestHeartbeatThatFailedIsNotInTheStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, keep(t, st))
		before := inst.Status()
		st.Inject(teststore.Refuse, teststore.Renew)
		time.Sleep(2 * heartbeat)
		if d := diff(before, inst.Status()); d != "" {
			t.Errorf("the status moved:\n%s", d)
		}
	})
}

// Liveness is then told by the time left alone.
func TestLivenessOnlyHeartbeatWritesNoValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var last time.Time
		st := teststore.New()
		onRenew := func(c *lease.Config) { c.OnRenew = func(b lease.RenewAttempt) { last = b.At } }
		inst := register(t, keep(t, st, onRenew), func(c *config) { c.LivenessOnly = true })
		before := inst.Status()
		time.Sleep(time.Minute)
		synctest.Wait()
		for _, r := range st.Sent(teststore.Renew) {
			if len(r.Values()) > 0 {
				t.Fatal("a heartbeat wrote a value")
			}
		}
		e := published(t, st)
		if d := diff(before, inst.Status()); d != "" || !e.Heartbeat.Equal(last) || time.Since(last) > heartbeat {
			t.Errorf("a reader derives the heartbeat %v, want %v; status:\n%s", e.Heartbeat, last, d)
		}
	})
}

// A ttl that is not a whole number of milliseconds must not hide the heartbeat.
func TestHeartbeatIsDerivedForAnyTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		now := time.Now()
		register(t, keep(t, st, func(c *lease.Config) { c.TTL += time.Nanosecond }))
		if e := published(t, st); now.Sub(e.Heartbeat).Abs() > time.Millisecond {
			t.Errorf("derives the heartbeat %v, want %v", e.Heartbeat, now)
		}
	})
}

func TestNothingIsWrittenAfterLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		inst := register(t, keep(t, st))
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

func TestStatusAfterLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		st.Inject(teststore.Delay(time.Second/2, time.Second/2), teststore.Create) // the machine is younger than the record
		inst := register(t, keep(t, st))
		last := inst.Status()
		st.Evict(key)
		<-inst.Lease().Done()
		last.Heartbeat = inst.Status().Heartbeat // one may have come before
		if d := diff(last, inst.Status()); d != "" {
			t.Errorf("the loss alone changed the status:\n%s", d)
		}
		if err := inst.Machine().Detach(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		climb(t, inst, Starting, Warming, Active)
		s := inst.Status()
		if s.State != Active || !s.Changed.Equal(time.Now()) || !s.Connected.Equal(time.Now()) || len(s.History) != 3 {
			t.Errorf("%+v, want where the machine has gone in this process", s)
		}
	})
}

// What an instance shows of another kind of state is how it prints.
func TestStatesOfAnyKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		def := fsm.MustDefine(1, fsm.Table[int]{1: {2}, 2: {}})
		cfg := registry.Config[int, struct{}]{Key: key, PublicIP: nowhere}
		inst, err := registry.Register(t.Context(), keep(t, st), def, cfg)
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
