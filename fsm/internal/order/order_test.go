package order_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leasehold-go/leasehold/fsm/internal/order"
)

// idle and running are at the top level. running has the children starting and live; live
// has the children warming and active.
var hierarchy order.Hierarchy[string] = func(state string) (string, bool) {
	parent, ok := map[string]string{"starting": "running", "live": "running", "warming": "live", "active": "live"}[state]
	return parent, ok
}

func TestLineageListsAStateAndItsParents(t *testing.T) {
	for state, want := range map[string][]string{
		"idle":   {"idle"},
		"live":   {"live", "running"},
		"active": {"active", "live", "running"},
	} {
		if diff := cmp.Diff(want, hierarchy.Lineage(state)); diff != "" {
			t.Errorf("lineage of %s (-want +got):\n%s", state, diff)
		}
	}
}

func TestWithinIsReflexiveAndFollowsParents(t *testing.T) {
	tests := []struct {
		state, outer string
		want         bool
	}{
		{"active", "active", true}, {"active", "live", true}, {"active", "running", true},
		{"live", "active", false}, {"active", "warming", false}, {"idle", "running", false},
	}
	for _, test := range tests {
		if got := hierarchy.Within(test.state, test.outer); got != test.want {
			t.Errorf("%s within %s: %v, want %v", test.state, test.outer, got, test.want)
		}
	}
}

func TestTransitionExitsInnermostFirstAndEntersOutermostFirst(t *testing.T) {
	tests := map[string]struct {
		from, source, goal, leaf string
		exits, entries           []string
		local                    bool
	}{
		"between top-level states":      {"idle", "idle", "stopped", "stopped", []string{"idle"}, []string{"stopped"}, false},
		"to a parent":                   {"idle", "idle", "running", "starting", []string{"idle"}, []string{"running", "starting"}, false},
		"to an inner leaf":              {"idle", "idle", "active", "active", []string{"idle"}, []string{"running", "live", "active"}, false},
		"between children":              {"warming", "warming", "active", "active", []string{"warming"}, []string{"active"}, false},
		"between levels":                {"starting", "starting", "live", "warming", []string{"starting"}, []string{"live", "warming"}, false},
		"edge of a parent":              {"active", "running", "idle", "idle", []string{"active", "live", "running"}, []string{"idle"}, false},
		"edge of a parent to its child": {"active", "running", "starting", "starting", []string{"active", "live", "running"}, []string{"running", "starting"}, false},
		"edge of a child to its parent": {"active", "active", "running", "starting", []string{"active", "live", "running"}, []string{"running", "starting"}, false},
		"edge of an inner parent":       {"active", "live", "starting", "starting", []string{"active", "live"}, []string{"starting"}, false},
		"from a leaf to itself":         {"active", "active", "active", "active", []string{"active"}, []string{"active"}, false},
		"from a parent to itself":       {"active", "live", "live", "warming", []string{"active", "live"}, []string{"live", "warming"}, false},
		"local":                         {"active", "running", "starting", "starting", []string{"active", "live"}, []string{"starting"}, true},
		"local to where it is":          {"active", "running", "active", "active", []string{"active", "live"}, []string{"live", "active"}, true},
		"local to a parent":             {"active", "running", "live", "warming", []string{"active", "live"}, []string{"live", "warming"}, true},
		"local in an inner parent":      {"active", "live", "warming", "warming", []string{"active"}, []string{"warming"}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.exits, hierarchy.Exits(test.from, test.source, test.goal, test.local)); diff != "" {
				t.Errorf("exits (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.entries, hierarchy.Entries(test.source, test.goal, test.leaf, test.local)); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
		})
	}
}
