package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/leasehold-go/leasehold/e2e/backends"
	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/internal/built"
	"github.com/leasehold-go/leasehold/internal/redistest"
)

// suite is the compiled test program, and its working directory.
type suite struct {
	program, dir string
	programs     string // the directory of the programs that the tests run
}

// build compiles the tests, and the programs that they run, into a directory.
func build(ctx context.Context, dir, run string) (*suite, error) {
	b := &suite{program: filepath.Join(dir, "conformance.test"), programs: filepath.Join(dir, "programs")}
	if err := os.Mkdir(b.programs, 0o700); err != nil {
		return nil, err
	}
	where, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", tests).Output()
	if err != nil {
		return nil, fmt.Errorf("go list %s: %w: run this command in a clone of the repository", tests, err)
	}
	b.dir = strings.TrimSpace(string(where))
	if output, err := exec.CommandContext(ctx, "go", "test", "-c", "-o", b.program, tests).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go test -c %s: %w: %s", tests, err, output)
	}
	warm := b.command(ctx, "memory", "-test.run", run, "-test.short=false")
	warm.Env = append(warm.Env, "LEASEHOLD_PROGRAMMES=1")
	if output, err := warm.CombinedOutput(); err != nil { // builds the programs once, not in each cell
		return nil, fmt.Errorf("the tests on process memory: %w: %s", err, output)
	}
	return b, nil
}

// command returns the command that tests a row.
func (b *suite) command(ctx context.Context, row string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, b.program, args...)
	cmd.Dir = b.dir
	cmd.Env = append(os.Environ(), backends.Variable+"="+row, built.Variable+"="+b.programs)
	return cmd
}

// result is the outcome of a cell.
type result struct {
	took   time.Duration
	failed bool
	notes  []string // the parts that failed or were left out, and why
}

func (r result) String() string {
	if r.failed {
		return "FAIL: " + strings.Join(r.notes, "; ")
	}
	return fmt.Sprintf("pass in %v", r.took.Round(time.Second))
}

// test tests a cell. The tests' processes end with this one, the servers with them.
func (b *suite) test(ctx context.Context, s *settings, row backends.Row, on server) (r result) {
	defer func(start time.Time) { r.took = time.Since(start) }(time.Now())
	ctx, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	cmd := b.command(ctx, row.Name, "-test.v", "-test.run", s.run, "-test.timeout", "0")
	cmd.Env = append(cmd.Env, redistest.Variable+"=", etcdtest.Variable+"=")
	if on.program != "" {
		program, err := exec.LookPath(on.program)
		if err == nil {
			program, err = filepath.Abs(program)
		}
		if err != nil {
			return result{failed: true, notes: []string{"not run: " + err.Error()}}
		}
		cmd.Env = append(cmd.Env, map[string]string{"redis": redistest.Variable, "etcd": etcdtest.Variable}[on.kind]+"="+program)
	}
	if s.programmes > 0 {
		cmd.Env = append(cmd.Env, fmt.Sprint("LEASEHOLD_PROGRAMMES=", s.programmes))
	}
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.WaitDelay = 10 * time.Second
	err := cmd.Run()
	switch text := output.String(); {
	case ctx.Err() == context.DeadlineExceeded:
		return result{failed: true, notes: []string{fmt.Sprintf("no result within %v; unfinished: %s", s.limit, unfinished(text))}}
	case err != nil:
		return result{failed: true, notes: failures(text, err)}
	default:
		return result{notes: leftOut(text)}
	}
}

var (
	failedLine  = regexp.MustCompile(`^ *--- FAIL: (\S+)`)
	runLine     = regexp.MustCompile(`^=== RUN +(\S+)`)
	nameLine    = regexp.MustCompile(`^=== (?:RUN|CONT|NAME) +(\S+)`)
	endLine     = regexp.MustCompile(`^ *--- (?:PASS|FAIL|SKIP): (\S+)`)
	messageLine = regexp.MustCompile(`^ +\w+\.go:\d+: (.*)`)
)

// failures returns the tests that failed and have no part that failed, three at most, and
// the first message of a failed test.
func failures(text string, err error) (notes []string) {
	var names []string
	messages := make(map[string]string) // by test
	var running string
	for line := range strings.Lines(text) {
		if m := failedLine.FindStringSubmatch(line); m != nil {
			names = append(names, m[1])
		}
		if m := nameLine.FindStringSubmatch(line); m != nil {
			running = m[1]
		}
		if m := messageLine.FindStringSubmatch(line); m != nil && messages[running] == "" && !strings.HasPrefix(m[1], "left out") {
			messages[running] = strings.TrimSpace(m[1])
		}
	}
	for _, name := range names {
		if !strings.Contains(strings.Join(names, "\n"), name+"/") {
			note := name
			if messages[name] != "" {
				note += ": " + messages[name]
			}
			notes = append(notes, note)
		}
	}
	switch {
	case len(notes) == 0:
		lines := strings.Split(strings.TrimSpace(text), "\n")
		return []string{fmt.Sprintf("%v: %s", err, lines[len(lines)-1])}
	case len(notes) > 3:
		notes = append(notes[:3], fmt.Sprintf("and %d more", len(notes)-3))
	}
	return notes
}

// unfinished returns the tests that began and did not end, of these the innermost.
func unfinished(text string) string {
	open := make(map[string]bool)
	for line := range strings.Lines(text) {
		if m := runLine.FindStringSubmatch(line); m != nil {
			open[m[1]] = true
			delete(open, m[1][:max(0, strings.LastIndex(m[1], "/"))])
		}
		if m := endLine.FindStringSubmatch(line); m != nil {
			delete(open, m[1])
		}
	}
	for name := range open {
		return name
	}
	return "none"
}

// leftOut returns the messages of tests about parts that they left out.
func leftOut(text string) (notes []string) {
	for line := range strings.Lines(text) {
		m := messageLine.FindStringSubmatch(line)
		switch {
		case m == nil:
		case strings.HasPrefix(m[1], "without the example"):
			notes = append(notes, strings.TrimSpace(m[1]))
		case strings.HasPrefix(m[1], "cases that did not run"):
			_, missing, _ := strings.Cut(text[strings.Index(text, m[1]):], "\n")
			for line := range strings.Lines(missing) {
				name, need, found := strings.Cut(strings.TrimSpace(line), " needs ")
				if !found {
					break
				}
				notes = append(notes, "without "+name+", which needs "+need)
			}
		}
	}
	return notes
}
