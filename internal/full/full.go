// Package full marks the tests that take long: ./test.sh -short leaves them out.
package full

import "testing"

// Only leaves a test out of a run with -short.
func Only(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("left out with -short")
	}
}
