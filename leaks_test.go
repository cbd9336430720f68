package leasehold_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whoever starts a goroutine joins it. Every package with tests says so of itself, in
// whatever module: its TestMain fails on goroutines that are left over.
func TestEveryPackageWithTestsFailsOnLeakedGoroutines(t *testing.T) {
	watched := make(map[string]bool) // by directory
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		dir := filepath.Dir(path)
		watched[dir] = watched[dir] || strings.Contains(string(text), "goleak.VerifyTestMain(") ||
			strings.Contains(string(text), "built.Main(") // which does
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(watched) < 15 {
		t.Errorf("only %d packages with tests were found", len(watched))
	}
	for dir, ok := range watched {
		if !ok {
			t.Errorf("%s: no TestMain with goleak.VerifyTestMain", dir)
		}
	}
}
