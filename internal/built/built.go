// Package built builds programs of this repository for the tests that run them as
// processes: once for each test binary, into a directory that goes when the tests have
// run.
package built

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"go.uber.org/goleak"
)

const module = "github.com/leasehold-go/leasehold/"

// Variable names a directory in the environment for the programs: a program that is there
// already is not built, and a built one stays there.
const Variable = "LEASEHOLD_BUILT"

// dir is where the programs are; empty outside Main.
var dir string

var (
	mu       sync.Mutex
	programs = make(map[string]func() error) // by path; each builds once
)

// Main runs the tests of a package that builds programs, and fails if one of them
// leaves a goroutine behind that the options do not ignore. TestMain calls it.
func Main(m *testing.M, ignored ...goleak.Option) {
	stays := os.Getenv(Variable)
	if dir = stays; dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "built"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	redis.SetLogger(&logging.VoidLogger{}) // its troubles come back as errors
	goleak.VerifyTestMain(m, append(ignored, goleak.Cleanup(func(code int) {
		if stays == "" {
			os.RemoveAll(dir)
		}
		os.Exit(code)
	}))...)
}

// Program returns the path of a program, e.g. of "examples/exchange", which it
// builds the first time, as go run does.
func Program(t testing.TB, name string) string {
	t.Helper()
	return path(t, name, "run")
}

// Racing is Program with the race detector.
func Racing(t testing.TB, name string) string {
	t.Helper()
	return path(t, name, "run", "-race")
}

// Tests returns the path of the test program of a package, with the race detector,
// which it builds the first time.
func Tests(t testing.TB, name string) string {
	t.Helper()
	return path(t, name, "test", "-c", "-race")
}

func path(t testing.TB, name string, command ...string) string {
	t.Helper()
	if dir == "" {
		t.Fatal("TestMain does not call built.Main")
	}
	file := filepath.Join(dir, strings.ReplaceAll(name, "/", "-")+"-"+strings.Join(command, ""))
	mu.Lock()
	build, known := programs[file]
	if !known {
		build = sync.OnceValue(func() error { return run(file, name, command) })
		programs[file] = build
	}
	mu.Unlock()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	return file
}

// run has "go run" keep a program in the go command's cache and copy it from there. The
// cache keeps no linked program of "go build", and the next test binary would link it
// again.
func run(file, name string, command []string) error {
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	unfinished := fmt.Sprintf("%s.%d", file, os.Getpid()) // another process may build the same
	args := append(command, "-o", unfinished, module+name)
	if command[0] == "run" {
		args = append(command, "-exec", "cp", module+name, unfinished)
	}
	output, err := exec.Command("go", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("build of %s: %w: %s", name, err, output)
	}
	return os.Rename(unfinished, file)
}
