package fsm

import "slices"

// Reaction is what the rules say about one event in one state: one for each
// candidate, in the order in which they are asked.
type Reaction[S comparable] struct {
	Event string
	From  S
	// To is where it may lead: several for a [Choose]; none if the event is
	// handled in place or ignored.
	To       []S
	Guards   []string // the names of its own guards
	Internal bool     // see the rule of that name
	Ignored  bool     // see [Ignore]
}

// Reactions returns what the rules say about events: by state, in the order of
// [Definition.States], then by event, in that of [Definition.Events]. Rules for
// any state, and those for a parent, stand with each leaf for which they hold.
func (d *Definition[S]) Reactions() []Reaction[S] {
	var all []Reaction[S]
	for from := range d.places {
		if !d.graph.tree.leaf(uint16(from)) {
			continue
		}
		for _, h := range d.places[from].handlers {
			for _, c := range h.candidates {
				all = append(all, Reaction[S]{
					Event:    h.id.name,
					From:     d.graph.states[from],
					To:       d.targets(uint16(from), c),
					Guards:   c.guardNames(),
					Internal: c.kind == stays,
					Ignored:  c.kind == ignores,
				})
			}
		}
	}
	return all
}

// targets returns where a candidate may lead: the targets of a rule for any state
// count only where there is an edge.
func (d *Definition[S]) targets(from uint16, c candidate[S]) []S {
	return slices.DeleteFunc(slices.Clone(c.among), func(to S) bool {
		_, _, ok := d.graph.edge(from, to)
		return !ok
	})
}

func (c candidate[S]) guardNames() []string {
	var names []string
	for _, g := range c.guards {
		names = append(names, g.name)
	}
	return names
}

// Guards returns the names of the guards that a step from one state to another
// has to pass, whoever asks for it: those of the edge, then those of the states that
// it enters. For a history state that is as if nothing were remembered.
func (d *Definition[S]) Guards(from, to S) []string {
	i, known := d.graph.index[from]
	if !known {
		return nil
	}
	at, _, ok := d.graph.edge(i, to)
	if !ok {
		return nil
	}
	var names []string
	for _, g := range slices.Concat(d.edgeRules(i, at).guards, d.asked(d.way(i, at, nil))) {
		names = append(names, g.name)
	}
	return names
}

// TimeoutSpec is what a [Timeout] rule says. Name is its duration, or what a [TimeoutFunc]
// was given.
type TimeoutSpec[S comparable] struct {
	State, To S
	Name      string
}

// Timeouts returns the definition's timeouts, in the order in which they were given.
func (d *Definition[S]) Timeouts() []TimeoutSpec[S] {
	var all []TimeoutSpec[S]
	for _, t := range d.timeouts {
		all = append(all, TimeoutSpec[S]{State: d.graph.states[t.state], To: t.to, Name: t.name})
	}
	return all
}

// Events returns the names of all events for which there are rules, in the order
// in which they are first named.
func (d *Definition[S]) Events() []string {
	var names []string
	for _, e := range d.events {
		names = append(names, e.name)
	}
	return names
}

// Signals returns those of the events that have no argument.
func (d *Definition[S]) Signals() []Signal {
	var signals []Signal
	for _, e := range d.events {
		if e.alone != nil {
			signals = append(signals, Signal{e})
		}
	}
	return signals
}
