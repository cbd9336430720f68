package fsm_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/fsm"
)

// turnTaken is a change as a finally hook sees it.
type turnTaken struct {
	event, cause string
	at           int // in nanoseconds since 1970
}

// On real time, callers and timeouts race. The finally hooks record the order in which they got
// their turn, and when. The interpreter, called in this order, makes the same transitions and
// starts the same timeouts. Each timeout fires once, not before it is due, and in the order of
// the deadlines; none is lost.
func TestCallersAndTimeoutsAgreeWithInterpreterOnRealTime(t *testing.T) {
	const second = time.Millisecond
	fired := 0
	rapid.Check(t, func(rt *rapid.T) {
		def, in, u := randomDefinition(rt, second)
		in.code["failed"], in.code["err"] = false, false
		in.code["finally"] = false // it may not return, and then the other finally hook does not run
		for _, rule := range in.timeoutRules {
			in.code[rule.name] = false // New calls it, too
		}
		in.second, in.state = int(second), in.initialLeaf(0)
		seed := rapid.Int().Draw(rt, "seed")
		u.begin(seed)
		in.begin(seed)
		var order []turnTaken
		def, err := def.With(fsm.Finally(func(_ context.Context, tr intTransition, _ error) {
			order = append(order, turnTaken{tr.Event, tr.Cause, int(tr.At.UnixNano())})
		}))
		if err != nil {
			rt.Fatal(err)
		}
		u.m = new(fsm.Machine[int]) // so that code does something as soon as there is a machine
		m := fsm.New(def, fsm.WithHistory(1000), fsm.WithData(codeOf, u))
		first := m.Snapshot()
		var done sync.WaitGroup
		for range rapid.IntRange(1, 3).Draw(rt, "callers") {
			calls := rapid.SliceOfN(rapid.IntRange(0, 5), 0, 6).Draw(rt, "calls")
			done.Go(func() {
				for _, e := range calls {
					if e > 3 {
						time.Sleep(time.Duration(e-3) * second)
						continue
					}
					name := fmt.Sprint("e", e)
					<-outcomeOfCall(func() error { return fsm.Fire(context.Background(), m, u.events[name], "for "+name) })
				}
			})
		}
		done.Wait()
		time.Sleep(2 * second)
		if err := m.Close(context.Background()); err != nil {
			rt.Fatal(err)
		}
		if first.Number != 0 {
			rt.Skip("a timeout came before the first snapshot")
		}
		for _, s := range slices.Backward(in.order().Lineage(in.state)) {
			in.running = append(in.running, in.timeoutsOf(s, int(first.Since.UnixNano()))...)
		}
		for _, c := range order {
			fired += in.replay(rt, c)
		}

		last := m.Snapshot()
		if last.State != in.state || last.Number != uint64(in.number) {
			rt.Fatalf("in %d after %d transitions, want %d after %d", last.State, last.Number, in.state, in.number)
		}
		var got, want []string // the timeouts that Close cannot have interrupted
		end := time.Now()
		for _, p := range last.Timeouts {
			if p.Due.After(end) {
				got = append(got, fmt.Sprint(p.State, " to ", p.To, " at ", p.Due.UnixNano()))
			}
		}
		for _, p := range in.running {
			if p.due > int(end.UnixNano()) {
				want = append(want, fmt.Sprint(p.rule.state, " to ", p.rule.to, " at ", p.due))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("timeouts that run (-want +got):\n%s", diff)
		}
	})
	if fired == 0 {
		t.Error("no timeout fired")
	}
}

// replay has the interpreter make a change that the machine has made. It returns how many
// timeouts that are.
func (in *interpreter) replay(rt *rapid.T, c turnTaken) (timeouts int) {
	r := request{kind: "event", event: c.event}
	if strings.HasPrefix(c.cause, "timeout") {
		i := slices.IndexFunc(in.running, func(p runningTimeout) bool { return p.rule.cause() == c.cause })
		if i < 0 {
			rt.Fatalf("%q fired, and does not run", c.cause)
		}
		// The clocks of a machine may differ by less than the half of a unit.
		due, slack := in.running[i].due, in.second/2
		if c.at < due-slack {
			rt.Fatalf("%q fired at %d, before its time at %d", c.cause, c.at, due)
		}
		for _, p := range in.running {
			if p.due < due-slack {
				rt.Fatalf("%q, due at %d, fired before %q, due at %d", c.cause, due, p.rule.cause(), p.due)
			}
		}
		rule := in.running[i].rule
		r, timeouts = request{kind: "timeout", to: rule.to, timeout: rule, cause: c.cause}, 1
	}
	in.now = c.at
	returns(func() { in.perform(new(callContext), r) })
	return timeouts
}
