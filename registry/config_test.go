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
	"github.com/leasehold-go/leasehold/store"
)

func TestRegisterRefusesInvalidConfig(t *testing.T) {
	for want, change := range map[string]func(*config){
		`invalid key: must not be empty`: func(c *config) { c.Key = "" },
		`invalid key "leasehold:x": names that begin with "leasehold:" are the library's own`: func(c *config) { c.Key = "leasehold:x" },
		`invalid key "\xff": is not valid UTF-8`:                                              func(c *config) { c.Key = "\xff" },
		`invalid state of Connected "broken": is not in the definition`:                       func(c *config) { c.Connected = []State{Active, "broken"} },
		`invalid state of LeavePath "gone": is not in the definition`:                         func(c *config) { c.LeavePath = []State{"gone"} },
		`invalid leave timeout -1s: must not be negative`:                                     func(c *config) { c.LeaveTimeout = -time.Second },
		`invalid reclaim policy 3: must be ReclaimNever, ReclaimDead or ReclaimName`:          func(c *config) { c.Reclaim = registry.ReclaimName + 1 },
	} {
		synctest.Test(t, func(t *testing.T) {
			st := teststore.New()
			_, err := registry.Register(t.Context(), newKeeper(t, st), lifecycle, configure(change))
			if _, typed := errors.AsType[*store.InvalidError](err); !typed || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			if len(st.Sent(teststore.Create)) != 0 {
				t.Error("a create was sent")
			}
		})
	}
}

func TestKeyHasTheLengthLimitOfTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeper(t, teststore.New())
		register(t, k, func(c *config) { c.Key = strings.Repeat("k", store.MaxKey) })
		cfg := configure(func(c *config) { c.Key = strings.Repeat("k", store.MaxKey+1) })
		if _, err := registry.Register(t.Context(), k, lifecycle, cfg); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("got %v, want %v", err, store.ErrInvalid)
		}
	})
}

func TestRegisterRequiresKeeperAndDefinition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if _, err := registry.Register(t.Context(), nil, lifecycle, configure()); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("without a keeper: got %v, want %v", err, store.ErrInvalid)
		}
		for _, def := range []*fsm.Definition[State]{nil, {}} {
			if _, err := registry.Register(t.Context(), newKeeper(t, teststore.New()), def, configure()); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("without a definition: got %v, want %v", err, store.ErrInvalid)
			}
		}
	})
}

// The registry makes the value, so the definition must not.
func TestRegisterRefusesDefinitionWithEncodeRule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := teststore.New()
		def, err := lifecycle.With(fsm.Encode(func(context.Context, fsm.Snapshot[State]) ([]byte, error) { return []byte("{}"), nil }))
		if err != nil {
			t.Fatal(err)
		}
		_, err = registry.Register(t.Context(), newKeeper(t, st), def, configure())
		if _, typed := errors.AsType[*fsm.OptionError](err); !typed {
			t.Errorf("got %v, want an option error", err)
		}
		wantGone(t, st)
	})
}

func TestMachineKeepsFiftyTransitionsByDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inst := register(t, newKeeper(t, teststore.New()))
		for range 30 {
			move(t, inst, Starting, Idle)
		}
		if n := len(inst.Machine().History()); n != 50 {
			t.Errorf("history of %d, want 50", n)
		}
	})
}

var owner = fsm.NewData[string]("owner")

func TestMachineOptionsReachTheMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failed []error
		seen := ""
		var current *instance
		def, err := lifecycle.With(fsm.Requires[State](owner), fsm.OnEntry(Starting, func(ctx context.Context, _ fsm.Transition[State]) error {
			seen = owner.Of(ctx)
			return current.Transition(ctx, Stopped) // queued, and refused by the table
		}))
		if err != nil {
			t.Fatal(err)
		}
		i, err := registry.Register(t.Context(), newKeeper(t, teststore.New()), def, configure(func(c *config) {
			c.MachineOptions = []fsm.Option{fsm.WithHistory(1), fsm.WithData(owner, "me"),
				fsm.WithQueue(1, func(_ context.Context, err error) { failed = append(failed, err) })}
		}))
		if err != nil {
			t.Fatal(err)
		}
		current = i
		if err := errors.Join(i.Transition(t.Context(), Starting), i.Transition(t.Context(), Idle)); err != nil {
			t.Fatal(err)
		}
		if seen != "me" || len(failed) != 1 || !errors.Is(failed[0], fsm.ErrInvalidTransition) {
			t.Errorf("data %q, queued changes failed with %v", seen, failed)
		}
		if n := len(i.Machine().History()); n != 1 {
			t.Errorf("a history of %d, want 1", n)
		}
	})
}

func TestRegisterRefusesMachineOptionsThatDefinitionDoesNotAccept(t *testing.T) {
	for want, test := range map[string]struct {
		rule fsm.Rule[State]
		opts []fsm.Option
	}{
		`machine of "job": bad options: data "owner" is missing: give it by WithData`:                             {fsm.Requires[State](owner), nil},
		`machine of "job": bad options: 2 writers, a machine has one`:                                             {fsm.Before(func(context.Context, fsm.Transition[State]) error { return nil }), []fsm.Option{fsm.WithWriter(nullWriter{})}},
		`machine of "job": bad options: the writer makes the value itself, and the definition has an Encode rule`: {fsm.Encode(func(context.Context, fsm.Snapshot[State]) ([]byte, error) { return nil, nil }), nil},
	} {
		t.Run(want, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := teststore.New()
				def, err := lifecycle.With(test.rule)
				if err != nil {
					t.Fatal(err)
				}
				_, err = registry.Register(t.Context(), newKeeper(t, st), def, configure(func(c *config) { c.Key, c.MachineOptions = "job", test.opts }))
				if _, typed := errors.AsType[*fsm.OptionError](err); !typed || err.Error() != want {
					t.Errorf("got  %v\nwant %s", err, want)
				}
				if len(st.Sent(teststore.Create)) != 0 {
					t.Error("a create was sent")
				}
			})
		})
	}
}

type nullWriter struct{}

func (nullWriter) Write(context.Context, func() ([]byte, error), func()) error { return nil }
