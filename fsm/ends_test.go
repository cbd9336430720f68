package fsm_test

import (
	"context"
	"errors"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leasehold-go/leasehold/fsm"
)

// endings is a machine with user code at every place where a machine calls user code. One
// place ends the goroutine's work once, by a panic or by Goexit.
type endings struct {
	place   string
	end     func()
	armed   atomic.Bool
	reached bool

	m               *fsm.Machine[state]
	encoded, stored snapshot
}

var (
	leaving  = fsm.NewSignal("leaving")
	choosing = fsm.NewSignal("choosing")
	waiting  = fsm.NewSignal("waiting")
	absent   = fsm.NewSignal("absent")
)

// at is called by the user code of a place.
func (e *endings) at(place string) error {
	if e.place == place && e.armed.CompareAndSwap(true, false) {
		e.reached = true
		e.end()
	}
	return nil
}

func (e *endings) hook(place string) hook {
	return func(context.Context, transition) error { return e.at(place) }
}

// endingPlaces are the places of user code, in the order of a change.
var endingPlaces = []string{
	"err", "unhandled", "if", "choose", "edge guard", "guard", "before", "timeout func", "write", "encode", "committed",
	"exit", "edge", "do", "enter", "after", "finally", "observer", "timeout error", "writer told", "failed",
}

// timeoutPlaces are those that only a refused timeout reaches.
var timeoutPlaces = []string{"timeout error", "writer told"}

func newEndings(t *testing.T, place string, end func()) *endings {
	e := &endings{place: place, end: end}
	ok := func(place string) fsm.RuleOption[state, struct{}] {
		return fsm.Do(func(context.Context, transition, struct{}) error { return e.at(place) })
	}
	own := func(place string) fsm.RuleOption[state, struct{}] {
		return fsm.If("own", func(context.Context, transition, struct{}) error { return e.at(place) })
	}
	def, err := fsm.Define(idle, fsm.Table[state]{idle: {active}, active: {idle, warming}, warming: {}},
		fsm.On(leaving, fsm.FromAny[state](), active, own("if"), ok("do")),
		fsm.Choose(choosing, fsm.From(idle), func(context.Context, transition, struct{}) (state, error) { return active, e.at("choose") }, []state{active}, own("if"), ok("do")),
		fsm.Internal(waiting, fsm.FromAny[state](), fsm.Do(func(context.Context, transition, struct{}) error { time.Sleep(3 * time.Second); return nil })),
		fsm.On(absent, fsm.From(active), idle),
		fsm.OnUnhandled(func(_ context.Context, err *fsm.EventError[state]) error { return errors.Join(err, e.at("unhandled")) }),
		fsm.GuardEdge(idle, active, "edge guard", e.hook("edge guard")),
		fsm.Guard(active, "guard", e.hook("guard")),
		fsm.Before(e.hook("before")),
		fsm.Encode(func(_ context.Context, s snapshot) ([]byte, error) { e.encoded = s; return []byte("x"), e.at("encode") }),
		fsm.OnExit(idle, e.hook("exit")),
		fsm.OnEdge(idle, active, e.hook("edge")),
		fsm.OnEntry(active, func(ctx context.Context, _ transition) error {
			if e.armed.Load() && e.place == "failed" {
				_, _ = e.m.Transition(ctx, stopped), e.m.Transition(ctx, stopped) // both are refused
			}
			if e.armed.Load() && slices.Contains(timeoutPlaces, e.place) {
				return errBoom
			}
			return e.at("enter")
		}),
		fsm.After(e.hook("after")),
		fsm.Finally(func(context.Context, transition, error) { _ = e.at("finally") }),
		fsm.Timeout(idle, 2*time.Second, active),
		fsm.TimeoutFunc(active, "long", func(context.Context, transition) time.Duration { _ = e.at("timeout func"); return time.Hour }, idle),
		fsm.OnTimeoutError(func(context.Context, *fsm.TransitionError[state]) { _ = e.at("timeout error") }))
	if err != nil {
		t.Fatal(err)
	}
	e.m = fsm.New(def, fsm.WithWriter(endingWriter{e}), fsm.WithQueue(2, func(context.Context, error) { _ = e.at("failed") }),
		fsm.WithObserver(func(context.Context, fsm.Result[state]) { _ = e.at("observer") }))
	return e
}

// endingWriter stores one value.
type endingWriter struct{ e *endings }

func (w endingWriter) HandleTimeoutError(context.Context, error) { _ = w.e.at("writer told") }

func (w endingWriter) Err() error { return w.e.at("err") }

func (w endingWriter) Write(_ context.Context, encode func() ([]byte, error), commit func()) error {
	_ = w.e.at("write")
	if _, err := encode(); err != nil {
		return err
	}
	w.e.stored = w.e.encoded
	commit()
	return w.e.at("committed")
}

// endingCalls are the calls that run user code, their own or that of an overdue timeout.
var endingCalls = map[string]func(context.Context, *endings) error{
	"transition": func(ctx context.Context, e *endings) error { return e.m.Transition(ctx, active) },
	"fire":       func(ctx context.Context, e *endings) error { return e.m.Fire(ctx, leaving) },
	"choose":     func(ctx context.Context, e *endings) error { return e.m.Fire(ctx, choosing) },
	"unhandled":  func(ctx context.Context, e *endings) error { return e.m.Fire(ctx, absent) },
	"reset":      func(ctx context.Context, e *endings) error { return e.m.Reset(ctx, "try") },
	"permitted":  func(ctx context.Context, e *endings) error { _, err := e.m.PermittedEvents(ctx); return err },
	"detach":     func(ctx context.Context, e *endings) error { return e.m.Detach(ctx) },
}

// User code that panics or ends its goroutine, in whatever call and at whatever place, leaves
// the machine usable: its readers and callers do not hang, the caller that waits next gets its
// turn, and subscribers have what was committed.
func TestUserCodeThatDoesNotReturnLeavesTheMachineUsable(t *testing.T) {
	ends := map[string]func(){"panic": func() { panic(errBoom) }, "goexit": runtime.Goexit}
	reached := make(map[string]bool)
	for _, place := range endingPlaces {
		for way, end := range ends {
			for name, call := range endingCalls {
				for kind, when := range map[string]moment{"own": free, "overdue": overdue} {
					t.Run(place+" "+way+" in "+name+" "+kind, func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							e := newEndings(t, place, end)
							reached[place+kind] = e.endIn(t, call, when) || reached[place+kind]
						})
					})
				}
			}
		}
		t.Run(place+" goexit in a timer", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEndings(t, place, runtime.Goexit)
				reached[place+"timer"] = e.endIn(t, nil, timer) || reached[place+"timer"]
			})
		})
	}
	events := []string{"unhandled", "if", "choose", "do"} // a timeout is no event
	for _, place := range endingPlaces {
		own, timeout := !slices.Contains(timeoutPlaces, place), !slices.Contains(events, place)
		if reached[place+"own"] != own || timeout && !(reached[place+"overdue"] && reached[place+"timer"]) {
			t.Errorf("%s was reached: %v", place, slices.Sorted(maps.Keys(reached)))
		}
	}
}

// When the call runs in which user code does not return.
type moment uint8

const (
	free    moment = iota // the machine is free
	overdue               // its turn comes when a timeout is overdue, which runs first
	timer                 // there is no call; the timer of the timeout runs it
)

// endIn makes a call in which user code does not return, checks the machine afterwards, and
// reports whether that code was reached.
func (e *endings) endIn(t *testing.T, call func(context.Context, *endings) error, when moment) bool {
	m, ctx := e.m, t.Context()
	var told []transition
	var calls sync.WaitGroup
	following := m.Subscribe(context.Background(), 64)
	calls.Go(func() {
		for tr, err := range following {
			if err == nil {
				told = append(told, tr)
			}
		}
	})
	begin := func(run func()) {
		calls.Go(func() {
			defer func() { _ = recover() }()
			run()
		})
		synctest.Wait()
	}
	if when == overdue { // the timeout is due after 2 s, and this turn takes 3 s
		begin(func() { _ = m.Fire(ctx, waiting) })
		time.Sleep(time.Second)
	}
	e.armed.Store(true)
	var next error
	switch when {
	case timer:
		later(2 * time.Second)
	case free:
		begin(func() { _ = call(ctx, e) })
	case overdue:
		begin(func() { _ = call(ctx, e) })
		begin(func() { next = m.Fire(ctx, waiting) }) // waits behind it
		later(10 * time.Second)
	}
	e.armed.Store(false)

	s := m.Snapshot()
	limited, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if next != nil {
		t.Errorf("the call that waited got %v", next)
	}
	if s.Number > 0 && (e.stored.Number != s.Number || e.stored.State != s.State) {
		t.Errorf("stored %s, number %d; the machine is in %s, number %d", e.stored.State, e.stored.Number, s.State, s.Number)
	}
	if err := m.Reset(limited, "usable"); err != nil {
		t.Error(err)
	}
	if err := m.Transition(limited, active); err != nil {
		t.Error(err)
	}
	if _, err := m.PermittedEvents(limited); err != nil {
		t.Error(err)
	}
	if err := m.Detach(limited); !errors.Is(err, fsm.ErrAttached) {
		t.Errorf("detach: %v", err)
	}
	if err := m.Close(limited); err != nil {
		t.Error(err)
	}
	calls.Wait()
	if diff := cmp.Diff(m.History(), told); diff != "" {
		t.Errorf("committed and told (-committed +told):\n%s", diff)
	}
	return e.reached
}

// A context whose methods panic, as one of user code can, leaves the machine usable.
func TestContextThatPanicsLeavesTheMachineUsable(t *testing.T) {
	for _, method := range []string{"Value", "Done", "Err", "Deadline"} {
		for name, call := range endingCalls {
			t.Run(name+" "+method, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { endByContext(t, method, call) })
			})
		}
		t.Run("wait "+method, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				endByContext(t, method, func(ctx context.Context, e *endings) error { _, err := e.m.Wait(ctx, warming); return err })
			})
		})
		if method != "Err" { // that would panic on the goroutine that ends the subscription
			t.Run("subscribe "+method, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					endByContext(t, method, func(ctx context.Context, e *endings) error { e.m.Subscribe(ctx, 1); return nil })
				})
			})
		}
		t.Run("close "+method, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				endByContext(t, method, func(ctx context.Context, e *endings) error { return e.m.Close(ctx) })
			})
		})
	}
}

// endByContext makes a call that has to wait for its turn, with a context that panics.
func endByContext(t *testing.T, method string, call func(context.Context, *endings) error) {
	e := newEndings(t, "none", nil)
	var calls sync.WaitGroup
	calls.Go(func() { _ = e.m.Fire(t.Context(), waiting) })
	synctest.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	calls.Go(func() {
		defer func() { _ = recover() }()
		_ = call(panickingContext{ctx, method}, e)
	})
	synctest.Wait()
	calls.Go(func() { _ = e.m.Fire(t.Context(), waiting) })
	later(10 * time.Second)
	cancel()
	synctest.Wait()
	e.m.Snapshot()
	limited, end := context.WithTimeout(t.Context(), 30*time.Second)
	defer end()
	if err := e.m.Reset(limited, "usable"); err != nil && !errors.Is(err, fsm.ErrClosed) {
		t.Error(err)
	}
	if err := e.m.Close(limited); err != nil {
		t.Error(err)
	}
	calls.Wait()
}

// panickingContext is a context of which one method panics.
type panickingContext struct {
	context.Context
	method string
}

func (c panickingContext) in(method string) {
	if c.method == method {
		panic(errBoom)
	}
}

func (c panickingContext) Value(key any) any           { c.in("Value"); return c.Context.Value(key) }
func (c panickingContext) Done() <-chan struct{}       { c.in("Done"); return c.Context.Done() }
func (c panickingContext) Err() error                  { c.in("Err"); return c.Context.Err() }
func (c panickingContext) Deadline() (time.Time, bool) { c.in("Deadline"); return c.Context.Deadline() }

// A writer that calls commit and then returns an error breaks its contract. The machine has
// moved then: the error says so, hooks run, and subscribers are told.
func TestWriterThatFailsAfterCommitMovesTheMachine(t *testing.T) {
	entered := 0
	m := fsm.New(with(t, fsm.OnEntry(starting, func(context.Context, transition) error { entered++; return nil })), fsm.WithWriter(failingAfterCommit{}))
	following := m.Subscribe(t.Context(), 1)
	for _, change := range []func() error{
		func() error { return m.Transition(t.Context(), starting) },
		func() error { return m.Reset(t.Context(), "again") },
	} {
		err := change()
		failed, ok := errors.AsType[*fsm.TransitionError[state]](err)
		if !ok || !failed.Moved || failed.Phase != fsm.PhaseWrite || !errors.Is(err, errBoom) {
			t.Errorf("got %v, want an error of the write that says that the machine has moved", err)
		}
	}
	wantState(t, m, idle, 2)
	if entered != 1 {
		t.Errorf("%d calls of the entry hook", entered)
	}
	for tr, err := range following {
		if err != nil || tr.Number != 1 {
			t.Errorf("the subscriber got %+v, %v", tr, err)
		}
		break
	}
}

type failingAfterCommit struct{}

func (failingAfterCommit) Write(_ context.Context, encode func() ([]byte, error), commit func()) error {
	_, err := encode()
	commit()
	return errors.Join(err, errBoom)
}

// The function of WithQueue gets every change that is dropped, also if it does not return from
// some of its calls.
func TestEveryDroppedChangeIsReported(t *testing.T) {
	var m *fsm.Machine[state]
	var got []string
	m = fsm.New(with(t, fsm.OnEntry(starting, func(ctx context.Context, _ transition) error {
		for _, to := range []state{warming, stopping, idle} {
			if err := m.Transition(ctx, to); err != nil {
				t.Error(err)
			}
		}
		panic(errBoom)
	})), fsm.WithQueue(3, func(_ context.Context, err error) {
		got = append(got, err.Error())
		panic(err)
	}))
	func() {
		defer func() { _ = recover() }()
		_ = m.Transition(t.Context(), starting)
	}()
	want := []string{"starting -> warming: user code did not return", "starting -> stopping: user code did not return", "starting -> idle: user code did not return"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reported (-want +got):\n%s", diff)
	}
	walk(t, m, warming)
	wantState(t, m, warming, 2)
}
