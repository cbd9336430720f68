// Package redistest runs Redis servers for tests: one alone, with Sentinel and a
// replica, or as a Cluster. A test that needs one fails where redis-server is not
// installed; it is never skipped.
package redistest

import (
	"testing"

	"github.com/redis/go-redis/v9"
)

// Server is the server of a test, with its files in a directory of the test's own.
type Server struct {
	*Instance
	t testing.TB
}

// Start starts a server with further arguments, e.g. "--appendonly", "yes", and
// returns once it answers. It is stopped when the test ends.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	i, err := Run(t.TempDir(), args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(i.Stop)
	return &Server{i, t}
}

// Of returns a server that runs already as that of a test, which does not stop it.
func Of(t testing.TB, i *Instance) *Server { return &Server{i, t} }

// For returns the same server for a part of the test, which fails by itself and closes
// its clients at its end.
func (s *Server) For(t testing.TB) *Server { return &Server{s.Instance, t} }

// Client returns a new client with the default options, which is closed when the
// test ends.
func (s *Server) Client() *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: s.Addr()})
	s.t.Cleanup(func() { c.Close() })
	return c
}

// Restart saves the data, kills the server, and starts it again with the data on
// the same port.
func (s *Server) Restart() {
	s.t.Helper()
	if _, err := s.say("SAVE"); err != nil {
		s.t.Fatalf("save before restart: %v", err)
	}
	s.Stop()
	s.must(s.start())
}

// RestartEmpty kills the server and starts it again without data on the same port.
func (s *Server) RestartEmpty() {
	s.t.Helper()
	s.Stop()
	s.must(s.clear())
	s.must(s.start())
}

// Pause stops the process where it stands: its connections stay open and nothing
// answers.
func (s *Server) Pause() {
	s.t.Helper()
	s.must(s.process.Pause())
}

// Resume lets a paused server go on.
func (s *Server) Resume() {
	s.t.Helper()
	s.must(s.process.Resume())
}

func (s *Server) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}
