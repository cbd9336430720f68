package fsm_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/fsm/fsmdraw"
)

// unhashable are states of an interface type that no map can have as a key.
var unhashable = []any{[]int{1}, map[string]int{}, [1]any{[]int{}}, struct{ v any }{map[int]int{}}, func() {}}

// A state that cannot be hashed is an unknown state everywhere: every exported method and
// function that takes a state answers as it does for a state that is not in the table.
func TestStatesThatCannotBeHashedAreUnknown(t *testing.T) {
	t.Parallel()
	const unknown = "not in the table"
	// With few targets states are compared, with many they are hashed.
	for _, targets := range []int{1, 100} {
		table := fsm.Table[any]{"idle": nil, "live": {"idle"}, "warm": nil}
		for i := range targets {
			table["idle"], table[i] = append(table["idle"], any(i)), nil
		}
		table["idle"] = append(table["idle"], "live")
		e := fsm.NewSignal("e")
		var chosen any
		choose := func(context.Context, fsm.Transition[any], fsm.NoArg) (any, error) { return chosen, nil }
		def := fsm.MustDefine[any]("idle", table, fsm.Substates[any]("live", "warm"),
			fsm.Choose(e, fsm.From[any]("idle"), choose, []any{0, "live"}))

		// answers returns what every method with a state as an argument returns for one. The
		// methods are those of the types, so that a new one is asked as well.
		answers := func(t *testing.T, s any) (got []string) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			for _, on := range []any{def, fsm.New(def)} {
				v, state := reflect.ValueOf(on), reflect.TypeFor[any]()
				for i := range v.NumMethod() {
					method := v.Type().Method(i)
					for position := 1; position < method.Type.NumIn(); position++ {
						in, takes := []reflect.Value{v}, false
						for at := 1; at < method.Type.NumIn(); at++ {
							switch argument := method.Type.In(at); {
							case argument == state || argument == reflect.SliceOf(state):
								value := reflect.ValueOf(&s).Elem()
								if at != position { // the other argument of two is known
									known := any("idle")
									value = reflect.ValueOf(&known).Elem()
								}
								takes = takes || at == position
								in = append(in, value)
							case argument == reflect.TypeFor[context.Context]():
								in = append(in, reflect.ValueOf(ctx))
							default:
								in = append(in, reflect.Zero(argument))
							}
						}
						if takes {
							var out []any
							for _, r := range method.Func.Call(in) {
								out = append(out, r.Interface())
							}
							for i := range out {
								if err, ok := out[i].(error); ok {
									out[i] = errors.Is(err, fsm.ErrUnknownState)
								}
							}
							got = append(got, fmt.Sprint(method.Name, position, out))
						}
					}
				}
			}

			chosen = s
			got = append(got, fmt.Sprint("Choose ", fsm.New(def).Fire(ctx, e) != nil))
			moved := fsm.Transition[any]{From: s, To: s, Number: 1, At: time.Unix(1, 0)}
			for _, broken := range []func(*fsm.Snapshot[any]){
				func(c *fsm.Snapshot[any]) { c.State = s },
				func(c *fsm.Snapshot[any]) { c.History = []fsm.Transition[any]{moved}; c.Number = 1 },
				func(c *fsm.Snapshot[any]) { c.Timeouts = []fsm.PendingTimeout[any]{{State: s, To: s}} },
				func(c *fsm.Snapshot[any]) { c.HistoryStates = []fsm.HistoryState[any]{{Parent: s, Last: s}} },
			} {
				snapshot := fsm.New(def).Snapshot()
				broken(&snapshot)
				_, restored := fsm.Restore(def, snapshot)
				_, migrated := fsm.Migrate(def, snapshot, fsm.Migration[any, any]{})
				snapshot.Table = "older"
				_, split := fsm.Migrate(def, snapshot, fsm.Migration[any, any]{Split: func(fsm.Snapshot[any]) (any, bool) { return s, true }})
				_, renamed := fsm.Migrate(def, snapshot, fsm.Migration[any, any]{States: map[any]any{"idle": s}})
				got = append(got, fmt.Sprint("snapshot ", restored != nil, migrated != nil, split != nil, renamed != nil))
			}

			marks := []fsmdraw.Mark[any]{fsmdraw.Current(s), fsmdraw.Taken([]fsm.Transition[any]{moved, {From: "idle", To: s}, {From: s, To: "idle"}})}
			return append(got, fsmdraw.DOT(def, marks...), fsmdraw.Mermaid(def, marks...))
		}

		want := answers(t, unknown)
		for _, s := range unhashable {
			t.Run(fmt.Sprintf("%T of %d", s, targets), func(t *testing.T) {
				for i, got := range answers(t, s) {
					if got != want[i] {
						t.Errorf("%s, want as for an unknown state: %s", got, want[i])
					}
				}
			})
		}
	}
}
