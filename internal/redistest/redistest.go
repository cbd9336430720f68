// Package redistest runs Redis servers for tests. A test that needs one fails
// where redis-server is not installed; it is never skipped.
package redistest

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	startTries = 5                // another process can take a port that was free
	startLimit = 10 * time.Second // until it answers
)

// Server is a redis-server process of one test, on the loopback interface, with
// its files in a directory of the test's own. It keeps nothing on disk unless its
// arguments say otherwise.
type Server struct {
	t       testing.TB
	dir     string
	port    string
	args    []string
	process *process // nil while stopped
}

// Start starts a server with further arguments, e.g. "--appendonly", "yes", and
// returns once it answers. It is stopped when the test ends.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s := &Server{t: t, dir: t.TempDir(), args: args}
	t.Cleanup(s.Stop)
	var err error
	for range startTries {
		s.port = freePort(t)
		if err = s.start(); err == nil {
			return s
		}
	}
	t.Fatal(err)
	return nil
}

// Addr returns the server's address, e.g. "127.0.0.1:40123".
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", s.port) }

// URL returns the address as redis.ParseURL takes it.
func (s *Server) URL() string { return "redis://" + s.Addr() }

// Client returns a new client with the default options, which is closed when the
// test ends.
func (s *Server) Client() *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: s.Addr()})
	s.t.Cleanup(func() { c.Close() })
	return c
}

// Stop kills the server. What it had not written to disk is lost. A server that
// does not run is left alone.
func (s *Server) Stop() {
	if s.process != nil {
		s.process.kill()
		s.process = nil
	}
}

// Restart saves the data, kills the server, and starts it again with the data on
// the same port.
func (s *Server) Restart() {
	s.t.Helper()
	if _, err := s.say("SAVE"); err != nil {
		s.t.Fatalf("save before restart: %v", err)
	}
	s.Stop()
	s.again()
}

// RestartEmpty kills the server and starts it again without data on the same port.
func (s *Server) RestartEmpty() {
	s.t.Helper()
	s.Stop()
	for _, name := range []string{"dump.rdb", "appendonlydir"} {
		if err := os.RemoveAll(filepath.Join(s.dir, name)); err != nil {
			s.t.Fatal(err)
		}
	}
	s.again()
}

// Pause stops the process where it stands: its connections stay open and nothing
// answers.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume lets a paused server go on.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig os.Signal) {
	s.t.Helper()
	if err := s.process.cmd.Process.Signal(sig); err != nil {
		s.t.Fatalf("signal %v: %v", sig, err)
	}
}

func (s *Server) again() {
	s.t.Helper()
	if err := s.start(); err != nil {
		s.t.Fatal(err)
	}
}

// start starts the process and waits until it answers.
func (s *Server) start() error {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		s.t.Fatal("redis-server not found: install the Debian package redis-server")
	}
	log := filepath.Join(s.dir, "redis.log")
	p, err := run(log, path, append([]string{
		"--bind", "127.0.0.1", "--port", s.port, "--dir", s.dir,
		"--save", "", "--appendonly", "no",
	}, s.args...))
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(startLimit); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		output, _ := os.ReadFile(log)
		if p.hasEnded() {
			return fmt.Errorf("redis-server ended at once: %s", lastLine(output))
		}
		if s.answers(output) {
			s.process = p
			return nil
		}
	}
	p.kill()
	return fmt.Errorf("redis-server does not answer after %v", startLimit)
}

// answers reports whether the server takes commands. Its own words come first: a
// stranger may have got the port.
func (s *Server) answers(output []byte) bool {
	if !bytes.Contains(output, []byte("Ready to accept connections")) {
		return false
	}
	_, err := s.say("PING")
	return err == nil
}

// say sends a command without arguments and returns the first line of the answer.
func (s *Server) say(command string) (string, error) {
	conn, err := net.DialTimeout("tcp", s.Addr(), time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(startLimit))
	if _, err := fmt.Fprintf(conn, "%s\r\n", command); err != nil {
		return "", err
	}
	return bufio.NewReader(conn).ReadString('\n')
}

// freePort returns a port that nobody listened on a moment ago.
func freePort(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func lastLine(output []byte) []byte {
	lines := bytes.Split(bytes.TrimSpace(output), []byte("\n"))
	return lines[len(lines)-1]
}
