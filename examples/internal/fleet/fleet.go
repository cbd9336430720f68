// Package fleet runs several processes of an example for a test. Their standard output is one pipe:
// its lines come in the order in which all processes wrote them, so a test can compare events of
// different processes.
package fleet

import (
	"bufio"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/internal/child"
)

// patience is the time after which a test gives up.
const patience = 2 * time.Minute

// Fleet is the processes of a test.
type Fleet struct {
	t      testing.TB
	binary string
	args   []string
	stdout *os.File
	dir    string      // of the files with standard error
	lines  chan string // closed once all processes have ended
	seen   []string
	all    []*Process
}

// New returns a fleet without a process. All that are started get args. They are killed at the
// end of the test.
func New(t testing.TB, binary string, args ...string) *Fleet {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	f := &Fleet{t: t, binary: binary, args: args, stdout: write, dir: t.TempDir(), lines: make(chan string, 1<<16)}
	go func() {
		defer close(f.lines)
		defer read.Close()
		for scanner := bufio.NewScanner(read); scanner.Scan(); {
			f.lines <- scanner.Text()
		}
	}()
	t.Cleanup(func() {
		f.end()
		if t.Failed() {
			t.Logf("the end of standard output:\n%s", strings.Join(f.seen[max(0, len(f.seen)-200):], "\n"))
		}
	})
	return f
}

// Process is one process of a fleet.
type Process struct {
	*child.Process
	t      testing.TB
	stderr string // a file
}

// Start starts a process with further args.
func (f *Fleet) Start(args ...string) *Process {
	f.t.Helper()
	p := &Process{t: f.t, stderr: filepath.Join(f.dir, strconv.Itoa(len(f.all)))}
	stderr, err := os.Create(p.stderr)
	if err != nil {
		f.t.Fatal(err)
	}
	defer stderr.Close()
	p.Process, err = child.StartOn(f.stdout, stderr, append(append([]string{f.binary}, f.args...), args...)...)
	if err != nil {
		f.t.Fatal(err)
	}
	f.all = append(f.all, p)
	return p
}

// Next returns the next line of the fleet, whatever it is. It fails the test if none comes.
func (f *Fleet) Next() string {
	f.t.Helper()
	select {
	case line, open := <-f.lines:
		if !open {
			f.t.Fatal("all processes have ended")
		}
		f.seen = append(f.seen, line)
		return line
	case <-time.After(patience):
		f.t.Fatal("no further line")
	}
	return ""
}

// Expect returns the groups of a regular expression in the next line that it matches. It passes
// over other lines.
func (f *Fleet) Expect(pattern string) []string {
	f.t.Helper()
	for re := regexp.MustCompile(pattern); ; {
		if groups := re.FindStringSubmatch(f.Next()); groups != nil {
			return groups[1:]
		}
	}
}

// Stop tells a process to end, and fails the test unless it exits with 0.
func (p *Process) Stop() {
	p.t.Helper()
	p.Process.Stop(patience)
	if code := p.ExitCode(); code != 0 {
		p.t.Errorf("exit %d", code)
	}
}

// Stderr returns the process's standard error so far.
func (p *Process) Stderr() string {
	p.t.Helper()
	text, err := os.ReadFile(p.stderr)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

// Rest returns the lines until all processes have ended, which the caller has seen to.
func (f *Fleet) Rest() []string {
	f.stdout.Close()
	for line := range f.lines {
		f.seen = append(f.seen, line)
	}
	return f.seen
}

// end kills the processes that still run, and fails the test for data races of any.
func (f *Fleet) end() {
	for _, p := range f.all {
		p.Kill()
	}
	f.Rest()
	for _, p := range f.all {
		text := p.Stderr()
		if strings.Contains(text, "DATA RACE") {
			f.t.Error("a process has a data race")
		}
		if text != "" && f.t.Failed() {
			f.t.Logf("standard error:\n%s", text)
		}
	}
}
