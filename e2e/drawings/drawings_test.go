// Package drawings_test renders the drawings of package fsmdraw with a real Mermaid, in a real
// browser, and with a real dot, and reads the names back from the pictures.
package drawings_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/fsm/fsmdraw"
	"github.com/leasehold-go/leasehold/internal/full"
)

func TestPicturesShowWhatWasWritten(t *testing.T) {
	full.Only(t)
	b := newBrowser(t)

	// Every name is drawn once in each of several roles, which are of different kinds.
	t.Run("difficult names", func(t *testing.T) {
		for turn := range 5 {
			for first := 0; first < len(difficult); first += roles {
				var names []string
				for role := range roles {
					names = append(names, difficult[(first+(role+5*turn)%roles)%len(difficult)])
				}
				if err := b.compare(names); err != nil {
					t.Errorf("from %q: %v", names[0], err)
				}
			}
		}
	})
	// Mermaid does not decode most characters' codes outside HTML.
	t.Run("names without HTML", func(t *testing.T) {
		for turn := range len(ordinary) {
			var names []string
			for role := range roles {
				names = append(names, ordinary[(turn+role)%len(ordinary)])
			}
			if err := b.compareText(names); err != nil {
				t.Errorf("from %q: %v", names[0], err)
			}
		}
	})
	t.Run("long names", func(t *testing.T) {
		var names []string
		for role := range roles {
			names = append(names, fmt.Sprintf("name %d", role))
		}
		names[5], names[8], names[19] = long[0], long[1], long[2] // a state, an event and a guard
		if err := b.compare(names); err != nil {
			t.Error(err)
		}
	})
	t.Run("random names", func(t *testing.T) {
		name := rapid.OneOf(rapid.StringN(-1, 40, -1), rapid.Map(rapid.SliceOfN(rapid.SampledFrom(pieces), 1, 6), func(s []string) string { return strings.Join(s, "") }))
		rapid.Check(t, func(rt *rapid.T) {
			if err := b.compare(rapid.SliceOfNDistinct(name, roles, roles, rapid.ID[string]).Draw(rt, "names")); err != nil {
				rt.Fatal(err)
			}
		})
	})
}

// compare draws a machine of names in both notations.
func (b *browser) compare(names []string) error {
	def, want, current, err := machine(names)
	if err != nil {
		return err
	}
	mark := fsmdraw.Current(current)
	text := fsmdraw.DOT(def, mark)
	got, err := dotPicture(text)
	inDOT := difference(want, got, err, text)

	want.titled()
	text = fsmdraw.Mermaid(def, mark)
	got, err = b.picture(drawing{text, true})
	return errors.Join(inDOT, difference(want, got, err, text))
}

// compareText draws a machine of names in Mermaid, with labels that are text of the SVG. Mermaid
// wraps them, so that spaces and line breaks say nothing.
func (b *browser) compareText(names []string) error {
	def, want, current, err := machine(names)
	if err != nil {
		return err
	}
	text := fsmdraw.Mermaid(def, fsmdraw.Current(current))
	got, err := b.picture(drawing{text, false})
	want.titled()
	want.join()
	got.join()
	return difference(want, got, err, text)
}

// titled joins the lines of parents, of which Mermaid's have one.
func (p *picture) titled() {
	for id, parent := range p.Boxes {
		if slices.ContainsFunc(slices.Collect(maps.Values(p.Boxes)), func(b box) bool { return b.In == id }) {
			parent.Text = []string{strings.Join(parent.Text, ", ")}
			p.Boxes[id] = parent
		}
	}
}

// join makes one text without spaces of the lines of each label.
func (p *picture) join() {
	joined := func(lines []string) []string {
		return []string{strings.Join(strings.Fields(strings.Join(lines, "")), "")}
	}
	for id, b := range p.Boxes {
		b.Text = joined(b.Text)
		p.Boxes[id] = b
	}
	for i := range p.Arrows {
		p.Arrows[i].Text = joined(p.Arrows[i].Text)
	}
}

// difference returns an error unless text was drawn without one, and as wanted.
func difference(want, got picture, err error, text string) error {
	if err != nil {
		return fmt.Errorf("%w\n%s", err, text)
	}
	order := cmpopts.SortSlices(func(a, b arrow) bool { return fmt.Sprint(a) < fmt.Sprint(b) })
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), order); diff != "" {
		return fmt.Errorf("-want +got:\n%s\n%s", diff, text)
	}
	return nil
}
