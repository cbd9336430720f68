// Package findingtest checks a store's findings about its servers, for the tests of every backend.
package findingtest

import (
	"slices"
	"strings"
	"testing"

	"github.com/leasehold-go/leasehold/store"
)

// Form checks that each finding has a check, an observation, and advice unless it is ok, in one
// line each.
func Form(t *testing.T, found []store.Finding) {
	t.Helper()
	for _, f := range found {
		if f.Check == "" || f.Seen == "" || (f.Level == store.LevelOK) != (f.Advice == "") || strings.Contains(f.Seen+f.Advice, "\n") {
			t.Errorf("a finding of a wrong form: %+v", f)
		}
	}
}

// Want checks that there is one finding of a check, of that level, which says all words.
func Want(t *testing.T, found []store.Finding, check string, level store.Level, words ...string) {
	t.Helper()
	some := slices.DeleteFunc(slices.Clone(found), func(f store.Finding) bool { return f.Check != check })
	if len(some) != 1 {
		t.Errorf("%d findings about %s, want 1: %+v", len(some), check, some)
		return
	}
	f := some[0]
	if f.Level != level {
		t.Errorf("%s is %s, want %s: %+v", check, f.Level, level, f)
	}
	for _, word := range words {
		if !strings.Contains(f.Seen+"; "+f.Advice, word) {
			t.Errorf("%s does not say %q: %+v", check, word, f)
		}
	}
}
