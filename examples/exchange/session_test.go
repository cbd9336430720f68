package main

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
)

// patience is how long a test waits for what has to come. Nothing is ever expected
// to take that long.
const patience = 60 * time.Second

// line is one line of standard output.
type line map[string]any

// text is a field as a test compares it: as it would be printed.
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

// record is the record in a status line.
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

	cmd  *exec.Cmd     // nil in this process
	stop func()        // what SIGTERM does
	done chan struct{} // closed once code is set
	code int

	mu     sync.Mutex
	seen   []string // standard output as it came
	stderr strings.Builder
}

// Write takes what comes on standard error.
func (s *session) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stderr.Write(text)
}

// errors returns what came on standard error so far.
func (s *session) errors() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stderr.String()
}

// launch is a way to run the program.
type launch func(t *testing.T, args ...string) *session

// here runs the program in this process.
func here(t *testing.T, args ...string) *session {
	t.Helper()
	input, stdin := io.Pipe()
	stdout, output := io.Pipe()
	s := newSession(t, stdin)
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	go func() {
		defer close(s.done)
		s.code = run(ctx, args, input, output, s)
		output.Close()
		input.Close()
	}()
	s.attend(stdout)
	return s
}

// process runs the program as one.
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
		cmd.Wait() // the code says how
		s.code = cmd.ProcessState.ExitCode()
		output.Close()
	}()
	s.attend(stdout)
	return s
}

func newSession(t *testing.T, stdin io.WriteCloser) *session {
	return &session{t: t, stdin: stdin, lines: make(chan line, 1<<14), done: make(chan struct{})}
}

// attend reads standard output, and sees to it that the session ends with its test.
func (s *session) attend(stdout io.Reader) {
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

// read takes standard output apart. Everything there is one JSON object a line, of
// a known kind.
func (s *session) read(stdout io.Reader) {
	kinds := []string{"registered", "transition", "rejected", "heartbeat", "error", "conflict", "lost", "deregistered", "status"}
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

// say types a command.
func (s *session) say(command string) {
	s.t.Helper()
	if _, err := fmt.Fprintln(s.stdin, command); err != nil {
		s.t.Fatalf("saying %q: %v", command, err)
	}
}

// expect waits for a line of a kind with given fields ("to", "active", ...). It
// passes over others, and never goes back.
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

// next waits for the next line but heartbeats, which has to be as given.
func (s *session) next(msg string, fields ...string) line {
	s.t.Helper()
	for {
		l := s.any()
		if l.matches(msg, fields) {
			return l
		}
		if l.text("msg") != "heartbeat" {
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

// exits waits for the end, which has to be with the given code.
func (s *session) exits(code int) {
	s.t.Helper()
	select {
	case <-s.done:
		if s.code != code {
			s.t.Fatalf("exit %d, not %d", s.code, code)
		}
	case <-time.After(patience):
		s.t.Fatalf("does not end; exit %d expected", code)
	}
}

// complains checks what standard error has once the program has ended.
func (s *session) complains(parts ...string) {
	s.t.Helper()
	<-s.done
	for _, part := range parts {
		if !strings.Contains(s.errors(), part) {
			s.t.Errorf("standard error does not say %q", part)
		}
	}
}

func (s *session) signal(sig os.Signal) {
	s.cmd.Process.Signal(sig) // fails only once the process has ended
}

// kill ends the process without a chance to do anything, and waits for it.
func (s *session) kill() {
	s.signal(syscall.SIGKILL)
	<-s.done
}
