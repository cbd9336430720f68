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
	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// step is one thing that is asked of an instance, and what the store suffers from
// then until the pause after it is over.
type step struct {
	What   string
	Pick   int // of where a transition leads
	Fault  string
	Pause  time.Duration
	Settle bool // then wait until nothing is in doubt
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

// What the store shows is what the machine did and what callers were told: after
// every step, whatever happens to requests. Only while a write is in doubt may it
// be that write which is shown.
func TestRecordAgreesWithTheInstance(t *testing.T) {
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

// face is what callers did of what a record shows.
type face struct {
	state  State
	count  int
	failed string // the last error recorded
	moves  uint64 // transitions made
}

func faceOf(e record) face {
	f := face{state: State(e.State), count: e.Payload.Count, failed: e.Payload.Seen.LastError}
	if n := len(e.History); n > 0 {
		f.moves = e.History[n-1].Number
	}
	return f
}

// walker takes an instance through steps, and keeps its own account.
type walker struct {
	st    *teststore.Store
	inst  *instance
	now   face   // what callers were told
	doubt []face // what was in doubt since
}

func walk(t *testing.T, plan []step, livenessOnly bool) error {
	w := walker{st: teststore.New(), now: face{state: Idle}}
	w.inst = register(t, keep(t, w.st), func(c *config) { c.LivenessOnly = livenessOnly })
	for n, s := range plan {
		if err := w.take(t.Context(), s); err != nil {
			return fmt.Errorf("step %d, %+v: %w", n, s, err)
		}
		if !w.inst.Lease().Valid() {
			break // the store was silent for too long
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
		time.Sleep(2 * heartbeat) // time for a heartbeat to settle, and for what is late to arrive
		w.doubt = nil
		wrong = errors.Join(wrong, w.same())
	}
	return errors.Join(wrong, w.local(), w.stored())
}

// ask does what s says and returns where that should lead.
func (w *walker) ask(ctx context.Context, s step) (face, error) {
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
		return next, w.inst.Update(ctx, func(p *payload) { p.Count, p.Note = -1, bad })
	case "error":
		next.failed = time.Now().String()
		return next, w.inst.RecordError(ctx, errors.New(next.failed))
	case "no error":
		next.failed = ""
		return next, w.inst.RecordError(ctx, nil)
	}
	return next, nil
}

// answer checks that a step failed if it had to, and for no other reason than the
// store's.
func (w *walker) answer(s step, err error) error {
	invalid := s.What == "stray" && errors.Is(err, fsm.ErrInvalidTransition) || s.What == "bad update" && errors.Is(err, errBoom)
	trouble := errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrInDoubt) || errors.Is(err, store.ErrLost)
	if s.What == "bad update" && err == nil || err != nil && !invalid && !trouble {
		return fmt.Errorf("answered %w", err)
	}
	return nil
}

// local checks the instance against what callers were told.
func (w *walker) local() error {
	s, m := w.inst.Status(), w.inst.Machine().Snapshot()
	got := face{s.State, w.now.count, s.LastError, m.Number}
	if got != w.now || m.State != s.State || m.Number > 0 && !m.Since.Equal(s.Changed) {
		return fmt.Errorf("the instance says %+v, its machine %+v; want %+v", s, m, w.now)
	}
	return nil
}

// stored checks the record against what callers were told, and what was in doubt.
func (w *walker) stored() error {
	if !w.inst.Lease().Valid() {
		return nil
	}
	e, err := registry.Get[payload](context.Background(), w.st, key)
	if err != nil {
		return err
	}
	got := faceOf(e)
	for _, may := range append(w.doubt, w.now) {
		if got == may {
			return nil
		}
	}
	return fmt.Errorf("the store shows %+v, want %+v or, in doubt, one of %+v", got, w.now, w.doubt)
}

// same checks the record against the status in all that they share.
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
