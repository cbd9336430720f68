// Package full marks the tests that take long, of which ./test.sh -short makes none.
package full

import "testing"

// Only leaves a test out of a run with -short.
func Only(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("left out with -short")
	}
}
