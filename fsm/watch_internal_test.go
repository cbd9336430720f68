package fsm

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// An internal test: what is left behind costs every later step, and nobody outside
// can see it.
func TestWatchersLeaveNothingBehind(t *testing.T) {
	def := MustDefine("a", Table[string]{"a": {"b"}, "b": {"a"}})
	step := func(m *Machine[string], to string) {
		if err := m.Transition(context.Background(), to); err != nil {
			t.Fatal(err)
		}
	}
	ways := map[string]func(context.Context, context.CancelFunc, *Machine[string]){
		"wait met": func(ctx context.Context, _ context.CancelFunc, m *Machine[string]) {
			go func() { _, _ = m.Wait(ctx, "b") }()
			synctest.Wait()
			step(m, "b")
		},
		"wait cancelled": func(ctx context.Context, cancel context.CancelFunc, m *Machine[string]) {
			go func() { _, _ = m.Wait(ctx, "b") }()
			synctest.Wait()
			cancel()
		},
		"subscription left": func(ctx context.Context, _ context.CancelFunc, m *Machine[string]) {
			steps := m.Subscribe(ctx, 1)
			step(m, "b")
			for range steps {
				break
			}
		},
		"subscription never ranged over": func(ctx context.Context, cancel context.CancelFunc, m *Machine[string]) {
			m.Subscribe(ctx, 1)
			cancel()
		},
		"subscription overflowed": func(ctx context.Context, _ context.CancelFunc, m *Machine[string]) {
			m.Subscribe(ctx, 1)
			step(m, "b")
			step(m, "a")
		},
		"closed": func(ctx context.Context, _ context.CancelFunc, m *Machine[string]) {
			m.Subscribe(ctx, 1)
			if err := m.Close(ctx); err != nil {
				t.Error(err)
			}
		},
	}
	for name, leave := range ways {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				counted := &counting{Context: ctx}
				m := New(def)
				leave(counted, cancel, m)
				synctest.Wait()
				if m.watch != nil {
					t.Errorf("%d watchers are left", len(m.watch.list))
				}
				if counted.registered != 0 {
					t.Errorf("%d registrations with the context are left", counted.registered)
				}
			})
		})
	}
}

// counting is a context that counts who wants to be called when it ends.
type counting struct {
	context.Context
	registered int
}

// Value hides the context within, or package context would go past this one.
func (c *counting) Value(any) any { return nil }

// AfterFunc is what context.AfterFunc asks a context of another's making for.
func (c *counting) AfterFunc(run func()) func() bool {
	c.registered++
	stop := context.AfterFunc(c.Context, func() { c.registered--; run() })
	return func() bool {
		stopped := stop()
		if stopped {
			c.registered--
		}
		return stopped
	}
}

// While others are still told, one that leaves is not.
func TestWatcherThatLeavesDoesNotTakeOthersAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(MustDefine("a", Table[string]{"a": {"b"}, "b": {"a"}}))
		first, cancel := context.WithCancel(context.Background())
		gone, stays := m.Subscribe(first, 4), m.Subscribe(context.Background(), 4)
		cancel()
		synctest.Wait()
		if err := m.Transition(context.Background(), "b"); err != nil {
			t.Fatal(err)
		}
		for tr, err := range gone {
			if !errors.Is(err, context.Canceled) || tr.Number != 0 {
				t.Errorf("the one that left got %+v, %v", tr, err)
			}
		}
		for tr, err := range stays {
			if err != nil || tr.To != "b" {
				t.Errorf("the other got %+v, %v", tr, err)
			}
			break
		}
	})
}
