package fsm_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leasehold-go/leasehold/fsm"
)

// offering returns a nested definition in which active and live refuse stop, with more rules.
// ask has the names of the guards in the order in which they are asked.
func offering(t *testing.T, ask *trace, rules ...stateRule) *fsm.Definition[state] {
	refusing := func(name string) fsm.RuleOption[state, fsm.NoArg] {
		return fsm.If(name, func(context.Context, transition, fsm.NoArg) error { ask.add(name); return errBoom })
	}
	return nested(t, slices.Concat([]stateRule{
		fsm.On(stop, fsm.From(running), stopped, fsm.If("running", func(context.Context, transition, fsm.NoArg) error { ask.add("running"); return nil })),
		fsm.Internal(stop, fsm.From(live), refusing("live")),
		fsm.On(stop, fsm.From(active), stopped, refusing("active")),
		fsm.Internal(stop, fsm.From(active), refusing("active too")),
	}, rules)...)
}

func TestRefusedEventIsOfferedToTheParent(t *testing.T) {
	tests := map[string]struct {
		rules []stateRule
		asked []string
		moved bool
	}{
		"not by itself":       {nil, []string{"active", "active too"}, false},
		"to the next":         {[]stateRule{fsm.OfferToParent(stop, fsm.From(active))}, []string{"active", "active too", "live"}, false},
		"to all":              {[]stateRule{fsm.OfferToParent(stop, fsm.From(active, live))}, []string{"active", "active too", "live", "running"}, true},
		"from any state":      {[]stateRule{fsm.OfferToParent(stop, fsm.FromAny[state]())}, []string{"active", "active too", "live", "running"}, true},
		"by a parent, unseen": {[]stateRule{fsm.OfferToParent(stop, fsm.From(live))}, []string{"active", "active too"}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var ask trace
			m := fsm.New(offering(t, &ask, test.rules...))
			walk(t, m, active)
			events, err := m.PermittedEvents(context.Background())
			if err != nil || slices.Contains(events, "stop") != test.moved {
				t.Errorf("permitted %q, %v", events, err)
			}
			ask.clear()
			err = m.Fire(context.Background(), stop)
			if diff := cmp.Diff(test.asked, ask.lines); diff != "" || (err == nil) != test.moved || m.In(stopped) != test.moved {
				t.Errorf("in %s, error %v; asked (-want +got):\n%s", m.State(), err, diff)
			}
			if test.moved {
				return
			}
			var guards []string // of the error
			refused, _ := errors.AsType[*fsm.EventError[state]](err)
			for _, each := range refused.Err.(interface{ Unwrap() []error }).Unwrap()[1:] {
				guards = append(guards, each.(*fsm.GuardError).Name)
			}
			if diff := cmp.Diff(test.asked, guards); diff != "" || !errors.Is(err, fsm.ErrVetoed) {
				t.Errorf("error %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

// Beyond the outermost state with rules are the FromAny rules. An event that the parent ignores
// is done.
func TestRefusedEventIsOfferedToFromAnyRulesLast(t *testing.T) {
	never := fsm.If("never", func(context.Context, transition, fsm.NoArg) error { return errBoom })
	m := fsm.New(nested(t,
		fsm.Internal(stop, fsm.From(active), never), fsm.On(stop, fsm.FromAny[state](), stopped), fsm.OfferToParent(stop, fsm.From(active)),
		fsm.Internal(tick, fsm.From(active), never), fsm.Ignore(tick, fsm.From(running)), fsm.OfferToParent(tick, fsm.From(active))))
	walk(t, m, active)
	if err := m.Fire(context.Background(), tick); err != nil {
		t.Error(err)
	}
	if err := m.Fire(context.Background(), stop); err != nil || m.State() != stopped {
		t.Errorf("in %s, %v", m.State(), err)
	}
}

// The guard of an edge in one state within may refuse a rule that has no guard of its own.
func TestRefusalByAnInheritedEdgeIsOffered(t *testing.T) {
	refusing := func(context.Context, transition) error { return errBoom }
	for name, in := range map[string]fsm.Source[state]{"named": fsm.From(running), "from any state": fsm.FromAny[state]()} {
		t.Run(name, func(t *testing.T) {
			handled := false
			def, err := fsm.Define(idle, nestedTable, slices.Concat(nesting, []stateRule{
				fsm.GuardEdge(active, stopped, "never", refusing),
				fsm.On(stop, fsm.From(running), stopped),
				fsm.Internal(stop, fsm.FromAny[state](), fsm.Do(func(context.Context, transition, fsm.NoArg) error { handled = true; return nil })),
				fsm.OfferToParent(stop, in),
			})...)
			if err != nil {
				t.Fatal(err)
			}
			m := fsm.New(def)
			walk(t, m, active)
			if err := m.Fire(context.Background(), stop); err != nil || !handled || m.State() != active {
				t.Errorf("in %s, handled %v, error %v", m.State(), handled, err)
			}
		})
	}
}

// FromAny rules may follow for some of the states within alone.
func TestOfferOfAParentHoldsForAFromAnyRuleOfAChild(t *testing.T) {
	m := fsm.New(nested(t,
		fsm.Internal(stop, fsm.From(running), fsm.If("never", func(context.Context, transition, fsm.NoArg) error { return errBoom })),
		fsm.On(stop, fsm.FromAny[state](), active), // from warming, and no state around it
		fsm.OfferToParent(stop, fsm.From(running))))
	walk(t, m, active, warming)
	if err := m.Fire(context.Background(), stop); err != nil || m.State() != active {
		t.Errorf("in %s, %v", m.State(), err)
	}
}

func TestReactionsListThoseOfTheParentLast(t *testing.T) {
	var ask trace
	var guards []string
	for _, r := range offering(t, &ask, fsm.OfferToParent(stop, fsm.From(active, live))).ReactionsIn(active) {
		guards = append(guards, r.Guards...)
	}
	if diff := cmp.Diff([]string{"active", "active too", "live", "running"}, guards); diff != "" {
		t.Errorf("guards (-want +got):\n%s", diff)
	}
}

// A rule that names the children and is given first comes before their own.
func TestGuardedRuleForAllChildrenOverridesTheirOwn(t *testing.T) {
	out := errBoom
	m := fsm.New(nested(t,
		fsm.On(stop, fsm.From(starting, warming), stopped, fsm.If("power is out", func(context.Context, transition, fsm.NoArg) error { return out })),
		fsm.Internal(stop, fsm.From(starting, warming))))
	walk(t, m, running)
	for _, want := range []state{starting, stopped} {
		if err := m.Fire(context.Background(), stop); err != nil || m.State() != want {
			t.Errorf("in %s, %v, want %s", m.State(), err, want)
		}
		out = nil
	}
}

// A parent offers an event also for the sake of a child: the rule that follows holds in the
// child alone.
func TestParentOffersWhatOneChildTakes(t *testing.T) {
	refuses := fsm.If("never", func(context.Context, transition, fsm.NoArg) error { return errBoom })
	def, err := fsm.Define(idle, nestedTable, slices.Concat(nesting, []stateRule{
		fsm.Internal(stop, fsm.From(running), refuses), fsm.Internal(stop, fsm.From(warming), refuses),
		fsm.OfferToParent(stop, fsm.From(running, warming)), fsm.On(stop, fsm.FromAny[state](), active),
	})...)
	if err != nil {
		t.Fatal(err)
	}
	if def.Can(running, active) {
		t.Fatal("the parent has the edge too")
	}
	m := fsm.New(def)
	walk(t, m, running, live)
	if err := m.Fire(t.Context(), stop); err != nil || m.State() != active {
		t.Errorf("in %s, %v", m.State(), err)
	}
}

func TestDefineRefusesOffers(t *testing.T) {
	never := fsm.If("never", func(context.Context, transition, fsm.NoArg) error { return errBoom })
	guarded := fsm.Internal(stop, fsm.From(active), never)
	tests := map[string]struct {
		rules []stateRule
		want  []string
	}{
		"no rule":         {[]stateRule{fsm.Ignore(stop, fsm.From(running)), fsm.OfferToParent(stop, fsm.From(active))}, []string{`event "stop" is offered to the parent of "active", which has no rule for it, or none follows`}},
		"nothing follows": {[]stateRule{guarded, fsm.OfferToParent(stop, fsm.From(active))}, []string{`event "stop" is offered to the parent of "active", which has no rule for it, or none follows`}},
		"nowhere":         {[]stateRule{guarded, fsm.OfferToParent(stop, fsm.FromAny[state]())}, []string{`event "stop" is offered to the parent of no state: none has rules for it that may all refuse, and others after them`}},
		"no guard":        {[]stateRule{fsm.Internal(stop, fsm.From(active)), fsm.On(stop, fsm.From(running), stopped), fsm.OfferToParent(stop, fsm.From(active))}, []string{`event "stop" to stopped is never reached in "active": the rule before it has no guard`}},
		"twice":           {[]stateRule{guarded, fsm.On(stop, fsm.From(running), stopped), fsm.OfferToParent(stop, fsm.From(active)), fsm.OfferToParent(stop, fsm.From(active))}, []string{`event "stop" is offered to the parent of "active" more than once`}},
		"leads nowhere":   {[]stateRule{guarded, fsm.OfferToParent(stop, fsm.From(active)), fsm.On(stop, fsm.FromAny[state](), "x")}, []string{`event "stop" from any state names "x", which is not in the table`, `event "stop" from any state to x applies nowhere`, `event "stop" is offered to the parent of "active", which has no rule for it, or none follows`}},
		"unknown":         {[]stateRule{guarded, fsm.OfferToParent(stop, fsm.From[state]("x"))}, []string{`event "stop" from ["x"] names "x", which is not in the table`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			def, err := fsm.Define(idle, nestedTable, slices.Concat(nesting, test.rules)...)
			wantProblems(t, def == nil, err, test.want...)
		})
	}
}
