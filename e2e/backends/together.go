package backends

import "testing"

// Together starts the named backends and returns a place on each, in that order, for
// a test that compares them.
func Together(t testing.TB, names ...string) []*Place {
	t.Helper()
	var places []*Place
	for _, name := range names {
		for _, b := range table {
			if b.name == name {
				places = append(places, b.start(t).place(t))
			}
		}
	}
	if len(places) != len(names) {
		t.Fatalf("of the backends %q there are %d", names, len(places))
	}
	return places
}
