package fsm_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leasehold-go/leasehold/fsm"
)

var (
	name  = fsm.NewData[string]("name")
	calls = fsm.NewData[*[]string]("calls")
)

// visit records the place where it runs and the data that it gets.
func visit(ctx context.Context, where string) {
	if list := calls.Of(ctx); list != nil {
		*list = append(*list, where+" of "+name.Of(ctx))
	}
}

func TestGuardsAndHooksGetTheDataOfTheirMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := func(where string) hook {
			return func(ctx context.Context, _ transition) error { visit(ctx, where); return nil }
		}
		def := with(t, fsm.Requires[state](name), fsm.Requires[state](calls), fsm.Requires[state](name),
			fsm.On(boot, fsm.From(idle), starting, fsm.If("if", func(ctx context.Context, _ transition, _ disk) error { visit(ctx, "if"); return nil }),
				fsm.Do(func(ctx context.Context, _ transition, _ disk) error { visit(ctx, "do"); return nil })),
			fsm.Guard(starting, "g", at("guard")), fsm.Before(at("before")), fsm.OnExit(idle, at("exit")), fsm.OnEdge(idle, starting, at("edge")),
			fsm.OnEntry(starting, at("entry")), fsm.After(at("after")),
			fsm.Finally(func(ctx context.Context, _ transition, _ error) { visit(ctx, "finally") }),
			fsm.TimeoutFunc(starting, "patience", func(ctx context.Context, _ transition) time.Duration { visit(ctx, "patience"); return time.Second }, idle),
			fsm.Encode(func(ctx context.Context, _ fsm.Snapshot[state]) ([]byte, error) {
				visit(ctx, "encode")
				return []byte("x"), nil
			}),
			fsm.GuardEdge(starting, idle, "late", func(ctx context.Context, _ transition) error { visit(ctx, "timeout's guard"); return errBoom }),
			fsm.OnTimeoutError(func(ctx context.Context, _ *fsm.TransitionError[state]) { visit(ctx, "timeout error") }),
			fsm.OnUnhandled(func(ctx context.Context, _ *fsm.EventError[state]) error { visit(ctx, "unhandled"); return nil }),
		)
		var ran []string
		m := fsm.New(def, fsm.WithData(name, "overridden"), fsm.WithData(calls, &ran), fsm.WithData(name, "m"), fsm.WithWriter(newLease()))
		defer m.Close(context.Background())
		if err := fsm.Fire(context.Background(), m, boot, disk{1}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if err := m.Fire(context.Background(), stop); err != nil {
			t.Fatal(err)
		}
		want := []string{"if of m", "guard of m", "before of m", "patience of m", "encode of m", "exit of m", "edge of m", "do of m", "entry of m", "after of m", "finally of m",
			"timeout's guard of m", "finally of m", "timeout error of m", "unhandled of m", "finally of m"}
		if diff := cmp.Diff(want, ran); diff != "" {
			t.Errorf("ran (-want +got):\n%s", diff)
		}
		if got := name.Of(context.Background()); got != "" {
			t.Errorf("a context from outside a hook has the data %q", got)
		}
	})
}

// A hook may change another machine with its own context. The hooks of that machine get the
// data of that machine, or none.
func TestDataOfAnOuterMachineIsHidden(t *testing.T) {
	var ran []string
	inner := fsm.New(with(t, fsm.After(func(ctx context.Context, _ transition) error {
		ran = append(ran, "inner "+name.Of(ctx))
		return nil
	})))
	outer := fsm.New(with(t, fsm.After(func(ctx context.Context, _ transition) error {
		ran = append(ran, "outer "+name.Of(ctx))
		return inner.Transition(ctx, starting)
	})), fsm.WithData(name, "o"))
	walk(t, outer, starting)
	if want := []string{"outer o", "inner "}; !slices.Equal(ran, want) {
		t.Errorf("ran %q, want %q", ran, want)
	}
}

func TestDataIsNotInSnapshots(t *testing.T) {
	def := with(t, fsm.Requires[state](name))
	m := fsm.New(def, fsm.WithData(name, "secret"))
	walk(t, m, starting)
	if diff := cmp.Diff(starting, m.Snapshot().State); diff != "" {
		t.Error(diff)
	}
	if _, err := fsm.Restore(def, m.Snapshot()); err == nil {
		t.Error("Restore accepted a machine without required data")
	}
	again, err := fsm.Restore(def, m.Snapshot(), fsm.WithData(name, "other"))
	if err != nil || again.State() != starting {
		t.Errorf("got %v, %v", again, err)
	}
}

func TestOptionsThatContradictTheDefinitionAreRefused(t *testing.T) {
	encoding := fsm.Encode(raw)
	tests := map[string]struct {
		rules []stateRule
		opts  []fsm.Option
		want  []string
	}{
		"nothing required":   {nil, nil, nil},
		"data that is there": {[]stateRule{fsm.Requires[state](name)}, []fsm.Option{fsm.WithData(name, "")}, nil},
		"data missing": {[]stateRule{fsm.Requires[state](name), fsm.Requires[state](calls)}, []fsm.Option{fsm.WithHistory(1)},
			[]string{`data "name" is missing: give it by WithData`, `data "calls" is missing: give it by WithData`}},
		"data of the same name": {[]stateRule{fsm.Requires[state](name)}, []fsm.Option{fsm.WithData(fsm.NewData[string]("name"), "x")},
			[]string{`data "name" is missing: give it by WithData`}},
		"two writers": {nil, []fsm.Option{fsm.WithWriter(newLease()), fsm.WithWriter(newLease())}, []string{"2 writers, a machine has one"}},
		"two encodings": {[]stateRule{encoding}, []fsm.Option{fsm.WithWriter(&encoder{scriptedLease: newLease()})},
			[]string{"the writer makes the value itself, and the definition has an Encode rule"}},
		"one encoding": {[]stateRule{encoding}, []fsm.Option{fsm.WithWriter(newLease())}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			def := with(t, test.rules...)
			_, restored := fsm.Restore(def, fsm.New(lifecycle).Snapshot(), test.opts...)
			for call, err := range map[string]error{"Accepts": def.Accepts(test.opts...), "Restore": restored, "New": made(def, test.opts)} {
				bad, refused := errors.AsType[*fsm.OptionError](err)
				if !refused {
					if test.want != nil || err != nil {
						t.Errorf("%s: %v, want %q", call, err, test.want)
					}
					continue
				}
				if diff := cmp.Diff(test.want, bad.Problems); diff != "" {
					t.Errorf("%s (-want +got):\n%s", call, diff)
				}
			}
		})
	}
}

// made returns the error of the panic of New, or nil.
func made(def *fsm.Definition[state], opts []fsm.Option) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = p.(error)
		}
	}()
	fsm.New(def, opts...)
	return nil
}

func TestRequiresRefusesZeroData(t *testing.T) {
	def, err := lifecycle.With(fsm.Requires[state](fsm.Data[int]{}))
	wantProblems(t, def == nil, err, "the requires rule is for no data: data comes from NewData")
}
