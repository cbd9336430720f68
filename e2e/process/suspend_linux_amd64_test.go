package process_test

import (
	"strings"
	"syscall"
	"testing"

	"github.com/leasehold-go/leasehold/internal/full"
)

// A machine was suspended for longer than the TTL. Its monotonic clock stood still: the
// heartbeat is not due for minutes. For the store the time has passed, and another holds the
// key. The wall clock alone tells the holder.
func TestASuspendBeyondTheTTLEndsTheLeaseBeforeTheNextHeartbeat(t *testing.T) {
	full.Only(t)
	onEach(t, func(s server) {
		c := s.holds("-ttl", "1h", "-heartbeat", "20m", "-suspend", "2h")
		token := c.held()
		s.Outsider.Delete("job")
		successor := s.holds("-ttl", "1h")
		later(s, successor.held(), token)
		before := s.state("job")
		c.signal(syscall.SIGUSR1)
		var lost uint64
		line := c.expect("lost ")
		if !scan(line, "lost %d", &lost) || lost != uint64(token) || !strings.Contains(line, "trust window ended") {
			s.Errorf("%q, with token %d", line, token)
		}
		c.exits(exitLost)
		s.unchanged("job", before)
	})
}
