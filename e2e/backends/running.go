package backends

import (
	"os"
	"slices"
	"testing"
)

// running is servers that outlive the test that started them. To them it is that test,
// except that it ends at stop.
type running struct {
	testing.TB
	servers
	cleanups []func()
}

func (r *running) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

func (r *running) TempDir() string {
	r.Helper()
	dir, err := os.MkdirTemp("", "servers")
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// stop stops the servers and removes their files, also if they never came to serve.
func (r *running) stop() {
	for _, f := range slices.Backward(r.cleanups) {
		f()
	}
	r.cleanups = nil
}
