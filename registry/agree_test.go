package registry_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// step is one call of an instance, and the fault of the store during the call and the pause after
// it.
type step struct {
	What   string
	Pick   int // selects the target of a transition
	Fault  string
	Pause  time.Duration
	Settle bool // wait until nothing is in doubt
}

var faults = map[string]teststore.Fault{
	"none": nil, "refuse": teststore.Refuse, "drop": teststore.Drop, "drop reply": teststore.DropReply, "late": teststore.DeliverLate(heartbeat),
	"slow": teststore.Delay(100*time.Millisecond, 100*time.Millisecond),
}

func steps() *rapid.Generator[[]step] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{
			What:   rapid.SampledFrom([]string{"transition", "transition", "stray", "update", "bad update", "error", "no error", "reset", "rest"}).Draw(t, "what"),
			Pick:   rapid.IntRange(0, 5).Draw(t, "pick"),
			Fault:  rapid.SampledFrom([]string{"none", "none", "refuse", "drop", "drop reply", "late", "slow"}).Draw(t, "fault"),
			Pause:  rapid.SampledFrom([]time.Duration{0, time.Millisecond, heartbeat}).Draw(t, "pause"),
			Settle: rapid.Bool().Draw(t, "settle"),
		}
	}), 1, 25)
}

// After every step, record, status and machine agree with the results that callers got. Only a
// write in doubt may also be the one in the record.
func TestRecordAgreesWithTheStatusUnderFaults(t *testing.T) {
	full.Only(t)
	for name, livenessOnly := range map[string]bool{"heartbeats with a value": false, "liveness only": true} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				plan := steps().Draw(rt, "plan")
				var wrong error
				synctest.Test(t, func(t *testing.T) { wrong = walk(t, plan, livenessOnly) })
				if wrong != nil {
					rt.Fatal(wrong)
				}
			})
		})
	}
}

// view is the part of a record that calls change.
type view struct {
	state  State
	count  int
	failed string // last recorded error
	moves  uint64 // transitions made
}

func viewOf(e record) view {
	f := view{state: State(e.State), count: e.Payload.Count, failed: e.Payload.Seen.LastError}
	if n := len(e.History); n > 0 {
		f.moves = e.History[n-1].Number
	}
	return f
}

// walker runs steps on an instance and computes the views to expect.
type walker struct {
	st    *teststore.Store
	inst  *instance
	now   view   // by the results that callers got
	doubt []view // of the writes in doubt since then
}

func walk(t *testing.T, plan []step, livenessOnly bool) error {
	w := walker{st: teststore.New(), now: view{state: Idle}}
	w.inst = register(t, newKeeper(t, w.st), func(c *config) { c.LivenessOnly = livenessOnly })
	for n, s := range plan {
		if err := w.take(t.Context(), s); err != nil {
			return fmt.Errorf("step %d, %+v: %w", n, s, err)
		}
		if !w.inst.Lease().Valid() {
			break // no write was confirmed within the trust window
		}
	}
	return w.local()
}

func (w *walker) take(ctx context.Context, s step) error {
	w.st.Inject(faults[s.Fault], teststore.Update, teststore.Renew)
	next, err := w.ask(ctx, s)
	switch {
	case err == nil && s.What != "rest":
		w.now, w.doubt = next, nil
	case errors.Is(err, store.ErrInDoubt):
		w.doubt = append(w.doubt, next)
	}
	wrong := errors.Join(w.answer(s, err), w.local(), w.stored())
	if err == nil && s.Fault == "none" && s.What != "rest" {
		wrong = errors.Join(wrong, w.same())
	}
	time.Sleep(s.Pause)
	w.st.Inject(nil, teststore.Update, teststore.Renew)
	if s.Settle {
		time.Sleep(2 * heartbeat) // time for a heartbeat to settle the doubt, and for late requests to arrive
		w.doubt = nil
		wrong = errors.Join(wrong, w.same())
	}
	return errors.Join(wrong, w.local(), w.stored())
}

// ask makes the call of a step and returns the view that it leads to.
func (w *walker) ask(ctx context.Context, s step) (view, error) {
	next := w.now
	switch s.What {
	case "transition", "stray":
		targets := lifecycle.Next(w.now.state)
		if s.What == "stray" {
			targets = lifecycle.States()
		}
		next.state, next.moves = targets[s.Pick%len(targets)], next.moves+1
		return next, w.inst.Transition(ctx, next.state)
	case "reset":
		next.state, next.moves = Idle, next.moves+1
		return next, w.inst.Machine().Reset(ctx, "stuck")
	case "update":
		next.count++
		return next, w.inst.Update(ctx, func(p *payload) { p.Count++ })
	case "bad update":
		return next, w.inst.Update(ctx, func(p *payload) { p.Count, p.Note = -1, unencodable })
	case "error":
		next.failed = time.Now().String()
		return next, w.inst.RecordError(ctx, errors.New(next.failed))
	case "no error":
		next.failed = ""
		return next, w.inst.RecordError(ctx, nil)
	}
	return next, nil
}

// answer checks that an invalid call fails, and that a valid call fails only by an error of the
// store.
func (w *walker) answer(s step, err error) error {
	invalid := s.What == "stray" && errors.Is(err, fsm.ErrInvalidTransition) || s.What == "bad update" && errors.Is(err, errBoom)
	ofStore := errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrInDoubt) || errors.Is(err, store.ErrLost)
	if s.What == "bad update" && err == nil || err != nil && !invalid && !ofStore {
		return fmt.Errorf("answered %w", err)
	}
	return nil
}

// local checks status and machine against the expected view.
func (w *walker) local() error {
	s, m := w.inst.Status(), w.inst.Machine().Snapshot()
	got := view{s.State, w.now.count, s.LastError, m.Number}
	if got != w.now || m.State != s.State || m.Number > 0 && !m.Since.Equal(s.Changed) {
		return fmt.Errorf("status %+v, machine %+v; want %+v", s, m, w.now)
	}
	return nil
}

// stored checks the record against the expected view and the writes in doubt.
func (w *walker) stored() error {
	if !w.inst.Lease().Valid() {
		return nil
	}
	e, err := registry.Get[payload](context.Background(), w.st, key)
	if err != nil {
		return err
	}
	got := viewOf(e)
	for _, may := range append(w.doubt, w.now) {
		if got == may {
			return nil
		}
	}
	return fmt.Errorf("record %+v, want %+v or, in doubt, one of %+v", got, w.now, w.doubt)
}

// same checks the record against the status.
func (w *walker) same() error {
	synctest.Wait() // a heartbeat may be between its write and its commit
	if !w.inst.Lease().Valid() {
		return nil
	}
	if d := disagreement(w.st, w.inst); d != "" {
		return fmt.Errorf("record and status disagree (-status +record):\n%s", d)
	}
	return nil
}
