package main

import (
	"bufio"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/fsm/fsmdraw"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// graph is the definition of an instance as it is shown, with where the instance is in it.
type graph struct {
	Key        string             `json:"key"`
	State      string             `json:"state"`
	Changed    time.Time          `json:"changed,omitzero"`
	Instance   string             `json:"instance,omitempty"`
	Permitted  []fsm.Edge[string] `json:"permitted"` // the edges of the state
	Definition fsm.Description    `json:"definition"`
}

func (p *program) graph() *cobra.Command {
	formats := []string{"text", "mermaid", "dot", "json", "yaml"}
	var format string
	c := p.withKey(&cobra.Command{
		Use: "graph KEY", Short: "Show the states of an instance, where it is, and what it may do now",
		Long: "Show the state machine of an instance, from the definition that it publishes: as a table, or as a\n" +
			"diagram for Mermaid or Graphviz with the current state highlighted.",
		Example: "  leasehold graph exchange:1:status -o dot | dot -Tsvg >status.svg",
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(formats, format) {
				return usagef("--output %q is none of %s", format, strings.Join(formats, ", "))
			}
			p.format = format
			return p.briefly(c.Context(), func(ctx context.Context, st store.Store) error {
				ctx, cancel := p.limited(ctx)
				defer cancel()
				r, err := registry.Get[raw](ctx, st, args[0])
				if err != nil {
					return err
				}
				d, err := registry.ReadDefinition(ctx, st, r)
				if err != nil {
					return err
				}
				return p.showGraph(graph{r.Key, r.State, r.Changed, r.Instance, d.EdgesFrom(r.State), d})
			})
		},
	}, cobra.ExactArgs(1))
	c.Flags().StringVarP(&format, "output", "o", "text", strings.Join(formats, ", "))
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// showGraph writes a graph in the format of the program.
func (p *program) showGraph(g graph) error {
	draw := fsmdraw.MermaidOf
	switch p.format {
	case "json", "yaml":
		return p.write(g)
	case "text":
		return g.print(p)
	case "dot":
		draw = fsmdraw.DOTOf
	}
	// A drawing is harmless in a terminal: package fsmdraw writes unprintable characters as
	// escapes.
	text, err := draw(g.Definition, fsmdraw.Current(g.State))
	if err == nil {
		_, err = fmt.Fprint(p.out, text)
	}
	return err
}

// print writes a graph for people: each state with its own edges, then the edges that are permitted
// now, inherited ones among them.
func (g graph) print(p *program) error {
	width, _, _ := terminal(p.out)
	out := bufio.NewWriter(p.out)
	fmt.Fprintf(out, "%s is in state %s", oneLine(g.Key), oneLine(shown(g.State)))
	if !g.Changed.IsZero() {
		fmt.Fprintf(out, " since %s, %s", g.Changed.Format(time.RFC3339), ago(g.Changed))
	}
	fmt.Fprint(out, "\n\n")

	children, top := make(map[string][]int), []int(nil) // by place
	for i, s := range g.Definition.States {
		if s.Parent == nil {
			top = append(top, i)
		} else {
			children[*s.Parent] = append(children[*s.Parent], i)
		}
	}
	all := newTable("", "STATE", "TO", "ON", "IF")
	var add func(states []int, depth int)
	add = func(states []int, depth int) {
		for _, i := range states {
			s := g.Definition.States[i]
			first := []string{map[bool]string{true: "*"}[s.Name == g.State], strings.Repeat("  ", min(depth, 10)) + shown(s.Name) + note(g.Definition, i)}
			row := func(cells ...string) {
				all.addText(append(first, cells...)...)
				first = []string{"", ""}
			}
			rows := len(all.rows)
			for _, e := range g.Definition.EdgesFrom(s.Name) {
				if e.Declared == s.Name {
					each(e, row)
				}
			}
			if len(all.rows) == rows {
				row("", "", "")
			}
			add(children[s.Name], depth+1)
		}
	}
	add(top, 0)
	_ = all.print(out, width, p.colored()) // out keeps the error

	fmt.Fprintln(out)
	now := newTable("PERMITTED NOW", "ON", "IF")
	for _, e := range g.Permitted {
		each(e, now.addText)
	}
	known := false
	for _, s := range g.Definition.States {
		if s.Name != g.State {
			continue
		}
		known = true
		for _, event := range s.InPlace {
			if !event.Ignored {
				now.addText("(stays)", event.Name, strings.Join(event.Guards, ", "))
			}
		}
	}
	switch {
	case len(now.rows) > 1:
		_ = now.print(out, width, p.colored())
	case !known:
		fmt.Fprintln(out, "the published definition does not have the state, so nothing is known to be permitted")
	default:
		fmt.Fprintln(out, "nothing is permitted now: the state is final")
	}
	return out.Flush()
}

// note says of a state if it is initial, final or a history state.
func note(d fsm.Description, i int) string {
	s := d.States[i]
	switch {
	case i == 0:
		return " (initial)"
	case s.History != "":
		return " (" + s.History + " history)"
	case s.Final:
		return " (final)"
	}
	for _, around := range d.States {
		if s.Parent != nil && *s.Parent == around.Name && *around.Initial == s.Name {
			return " (initial)"
		}
	}
	return ""
}

// each calls row for each way to take an edge: with its target, an event or a timeout, and guards. An
// edge without events and timeouts is one row.
func each(e fsm.Edge[string], row func(cells ...string)) {
	guards := strings.Join(e.Guards, ", ")
	for _, event := range e.Events {
		row(shown(e.To), event.Name, strings.Join(slices.Concat(event.Guards, e.Guards), ", "))
	}
	for _, timeout := range e.Timeouts {
		row(shown(e.To), "after "+timeout, guards)
	}
	if len(e.Events)+len(e.Timeouts) == 0 {
		row(shown(e.To), "", guards)
	}
}

// shown is the name of a state; the empty one is visible.
func shown(state string) string {
	if state == "" {
		return `""`
	}
	return state
}
