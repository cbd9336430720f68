package fsm

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// This is an internal test: a watcher that stays registered slows every later transition, and
// no exported method shows it.
func TestEndedWatchersAreRemoved(t *testing.T) {
	def := MustDefine("a", Table[string]{"a": {"b"}, "b": {"a"}})
	move := func(m *Machine[string], to string) {
		if err := m.Transition(context.Background(), to); err != nil {
			t.Fatal(err)
		}
	}
	ways := map[string]func(context.Context, context.CancelFunc, *Machine[string]){
		"wait met": func(ctx context.Context, _ context.CancelFunc, m *Machine[string]) {
			go func() { _, _ = m.Wait(ctx, "b") }()
			synctest.Wait()
			move(m, "b")
		},
		"wait cancelled": func(ctx context.Context, cancel context.CancelFunc, m *Machine[string]) {
			go func() { _, _ = m.Wait(ctx, "b") }()
			synctest.Wait()
			cancel()
		},
		"subscription left": func(ctx context.Context, _ context.CancelFunc, m *Machine[string]) {
			transitions := m.Subscribe(ctx, 1)
			move(m, "b")
			for range transitions {
				break
			}
		},
		"subscription never ranged over": func(ctx context.Context, cancel context.CancelFunc, m *Machine[string]) {
			m.Subscribe(ctx, 1)
			cancel()
		},
		"subscription overflowed": func(ctx context.Context, _ context.CancelFunc, m *Machine[string]) {
			m.Subscribe(ctx, 1)
			move(m, "b")
			move(m, "a")
		},
		"closed": func(ctx context.Context, _ context.CancelFunc, m *Machine[string]) {
			m.Subscribe(ctx, 1)
			if err := m.Close(ctx); err != nil {
				t.Error(err)
			}
		},
	}
	for name, end := range ways {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				counted := &counting{Context: ctx}
				m := New(def)
				end(counted, cancel, m)
				synctest.Wait()
				if m.watched() {
					t.Errorf("%d watchers are registered", len(m.extras.watchers))
				}
				if counted.registered != 0 {
					t.Errorf("%d functions are registered with the context", counted.registered)
				}
			})
		})
	}
}

// counting is a context that counts the functions registered with its AfterFunc.
type counting struct {
	context.Context
	registered int
}

// Value hides the embedded context. Otherwise package context would use that one directly.
func (c *counting) Value(any) any { return nil }

// AfterFunc implements the optional interface that context.AfterFunc uses.
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

func TestCancelledSubscriberDoesNotEndOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(MustDefine("a", Table[string]{"a": {"b"}, "b": {"a"}}))
		first, cancel := context.WithCancel(context.Background())
		cancelled, other := m.Subscribe(first, 4), m.Subscribe(context.Background(), 4)
		cancel()
		synctest.Wait()
		if err := m.Transition(context.Background(), "b"); err != nil {
			t.Fatal(err)
		}
		for tr, err := range cancelled {
			if !errors.Is(err, context.Canceled) || tr.Number != 0 {
				t.Errorf("the cancelled subscriber got %+v, %v", tr, err)
			}
		}
		for tr, err := range other {
			if err != nil || tr.To != "b" {
				t.Errorf("the other subscriber got %+v, %v", tr, err)
			}
			break
		}
	})
}
