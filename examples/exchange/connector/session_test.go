package connector

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/examples/internal/program"
)

// patience is the time after which a test gives up.
const patience = 60 * time.Second

// line is one line of standard output.
type line map[string]any

// text returns a field as fmt.Sprint prints it.
func (l line) text(field string) string {
	if n, ok := l[field].(json.Number); ok {
		return n.String()
	}
	return fmt.Sprint(l[field])
}

func (l line) token(t *testing.T) uint64 {
	t.Helper()
	var token uint64
	if _, err := fmt.Sscan(l.text("token"), &token); err != nil {
		t.Fatalf("token of %v: %v", l, err)
	}
	return token
}

// record returns the record in a status line.
func (l line) record(t *testing.T) line {
	t.Helper()
	r, ok := l["record"].(map[string]any)
	if !ok {
		t.Fatalf("no record in %v", l)
	}
	return r
}

// session is a running program and its three streams.
type session struct {
	t     *testing.T
	stdin io.WriteCloser
	lines chan line // closed at the end of standard output

	cmd  *exec.Cmd     // nil for a goroutine
	stop func()        // SIGTERM, or the end of the context
	done chan struct{} // closed once code is set
	code int

	mu     sync.Mutex
	seen   []string // the lines of standard output
	stderr strings.Builder
}

// Write collects standard error.
func (s *session) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stderr.Write(text)
}

// errors returns standard error so far.
func (s *session) errors() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stderr.String()
}

// launch is a way to run the program.
type launch func(t *testing.T, args ...string) *session

// goroutine runs the program in this process.
func goroutine(t *testing.T, args ...string) *session {
	t.Helper()
	input, stdin := io.Pipe()
	stdout, output := io.Pipe()
	s := newSession(t, stdin)
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	go func() {
		defer close(s.done)
		s.code = example.Execute(ctx, args, program.Streams{In: input, Out: output, Err: s})
		output.Close()
		input.Close()
	}()
	s.attach(stdout)
	return s
}

// process runs the program as a process.
func process(t *testing.T, args ...string) *session {
	t.Helper()
	cmd := exec.Command(binary(t), args...)
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, output := io.Pipe() // not cmd.StdoutPipe, which Wait closes with lines unread
	s := newSession(t, stdin)
	s.cmd, s.stop = cmd, func() { s.signal(syscall.SIGTERM) }
	cmd.Stdout, cmd.Stderr = output, s
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.done)
		cmd.Wait() // ExitCode has the result
		s.code = cmd.ProcessState.ExitCode()
		output.Close()
	}()
	s.attach(stdout)
	return s
}

func newSession(t *testing.T, stdin io.WriteCloser) *session {
	return &session{t: t, stdin: stdin, lines: make(chan line, 1<<14), done: make(chan struct{})}
}

// attach reads standard output, and ends the session with its test.
func (s *session) attach(stdout io.Reader) {
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(s.lines)
		s.read(stdout)
	}()
	s.t.Cleanup(func() {
		if s.cmd != nil {
			s.cmd.Process.Kill()
		}
		s.stop()
		<-s.done
		<-read
		s.stdin.Close()
		if strings.Contains(s.errors(), "DATA RACE") {
			s.t.Error("the process has a data race")
		}
		if s.t.Failed() {
			s.t.Logf("standard output:\n%s\nstandard error:\n%s", strings.Join(s.seen, "\n"), s.errors())
		}
	})
}

// read parses standard output. Each line has to be a JSON object of a known kind.
func (s *session) read(stdout io.Reader) {
	kinds := []string{"registered", "transition", "rejected", "heartbeat", "error", "conflict", "lost", "deregistered", "status", "reply", "log"}
	for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
		s.mu.Lock()
		s.seen = append(s.seen, scanner.Text())
		s.mu.Unlock()
		var l line
		d := json.NewDecoder(strings.NewReader(scanner.Text()))
		d.UseNumber()
		if err := d.Decode(&l); err != nil || d.More() || !slices.Contains(kinds, l.text("msg")) {
			s.t.Errorf("standard output has the line %q (%v)", scanner.Text(), err)
		}
		s.lines <- l
	}
}

// send writes a command to standard input.
func (s *session) send(command string) {
	s.t.Helper()
	if _, err := fmt.Fprintln(s.stdin, command); err != nil {
		s.t.Fatalf("sending %q: %v", command, err)
	}
}

// expect waits for a line of a kind with the fields ("to", "active", ...). It skips other
// lines.
func (s *session) expect(msg string, fields ...string) line {
	s.t.Helper()
	late := time.After(patience)
	for {
		select {
		case l, open := <-s.lines:
			if !open {
				s.t.Fatalf("output ended without %s %v", msg, fields)
			}
			if l.matches(msg, fields) {
				return l
			}
		case <-late:
			s.t.Fatalf("no %s %v", msg, fields)
		}
	}
}

func (l line) matches(msg string, fields []string) bool {
	for pair := range slices.Chunk(fields, 2) {
		if l.text(pair[0]) != pair[1] {
			return false
		}
	}
	return l.text("msg") == msg
}

// next waits for the next line that is not of a heartbeat, and checks it. A heartbeat may fail
// on a busy machine, and one that is under way when a process is stopped does.
func (s *session) next(msg string, fields ...string) line {
	s.t.Helper()
	for {
		l := s.any()
		if l.matches(msg, fields) {
			return l
		}
		failed := l.text("msg") == "error" && strings.HasPrefix(l.text("error"), "renew ")
		if l.text("msg") != "heartbeat" && !failed {
			s.t.Fatalf("the next line is %v, not %s %v", l, msg, fields)
		}
	}
}

func (s *session) any() line {
	s.t.Helper()
	select {
	case l, open := <-s.lines:
		if !open {
			s.t.Fatal("output ended")
		}
		return l
	case <-time.After(patience):
		s.t.Fatal("no further line")
	}
	return nil
}

// wantExit waits for the end of the program and checks its exit code.
func (s *session) wantExit(code int) {
	s.t.Helper()
	select {
	case <-s.done:
		if s.code != code {
			s.t.Fatalf("exit %d, not %d", s.code, code)
		}
	case <-time.After(patience):
		s.t.Fatalf("does not end; want exit %d", code)
	}
}

// wantError checks standard error once the program has ended.
func (s *session) wantError(parts ...string) {
	s.t.Helper()
	<-s.done
	for _, part := range parts {
		if !strings.Contains(s.errors(), part) {
			s.t.Errorf("standard error does not have %q", part)
		}
	}
}

func (s *session) signal(sig os.Signal) {
	s.cmd.Process.Signal(sig) // fails only if the process has ended
}

// kill kills the process and waits for it.
func (s *session) kill() {
	s.signal(syscall.SIGKILL)
	<-s.done
}
