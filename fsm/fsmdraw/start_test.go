package fsmdraw_test

import (
	"testing"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/fsm/fsmdraw"
)

// The start of a machine takes no edge, also if its initial state has one to itself.
func TestStartIsNotDrawnAsATransition(t *testing.T) {
	def := fsm.MustDefine("a", fsm.Table[string]{"a": {"b"}, "b": {}}, fsm.Reenter("a"))
	m := fsm.New(def, fsm.WithManualStart())
	if err := m.StartWithCause(t.Context(), "ready"); err != nil || len(m.History()) != 1 {
		t.Fatalf("%v; history %+v", err, m.History())
	}
	if got, want := fsmdraw.DOT(def, fsmdraw.Taken(m.History())), fsmdraw.DOT(def); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
