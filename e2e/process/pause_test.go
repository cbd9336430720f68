package process_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/internal/full"
)

// short is a ttl to wait for, and long enough for a test to pause the holder in time.
const short = "6s"

func TestAPauseShorterThanTheTTLIsSurvived(t *testing.T) {
	full.Only(t)
	onEach(t, func(s server) {
		const ttl = 20 * time.Second
		c := s.holds("-ttl", ttl.String(), "-heartbeat", "500ms")
		token := c.held()
		waiter := s.holds("-wait")
		waiter.expect("waiting")
		for range 2 {
			c.expect("beat ")
			c.pause()
			for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
				if s.left("job") <= 0 {
					s.Fatal("the record is gone")
				}
			}
			for len(c.lines) > 0 {
				<-c.lines
			}
			c.signal(syscall.SIGCONT)
			var beat uint64
			if line := c.expect("beat "); !scan(line, "beat %d", &beat) || beat != uint64(token) {
				s.Errorf("%q after the pause, with token %d", line, token)
			}
		}
		c.signal(syscall.SIGTERM)
		c.exits(exitOK)
		later(s, waiter.held(), token)
	})
}

func TestAPauseBeyondTheTTLWithoutASuccessorIsALoss(t *testing.T) {
	full.Only(t)
	onEach(t, func(s server) {
		c := s.holds("-ttl", short)
		token := c.held()
		c.pause()
		eventually(s, "the record is gone", func() bool { return s.raw("job") == "" })
		before := s.state("job")
		c.signal(syscall.SIGCONT)
		var lost uint64
		if line := c.expect("lost "); !scan(line, "lost %d", &lost) || lost != uint64(token) {
			s.Errorf("%q, with token %d", line, token)
		}
		c.exits(exitLost)
		s.unchanged("job", before)
		if before.value != "" || len(before.beside) == 0 {
			s.Errorf("there is %+v", before)
		}
		next := s.holds()
		later(s, next.held(), token)
	})
}

func TestAPauseBeyondTheTTLWritesNothingOverTheSuccessor(t *testing.T) {
	full.Only(t)
	onEach(t, func(s server) {
		c := s.holds("-ttl", short)
		token := c.held()
		successor := s.holds("-ttl", "1h", "-wait") // no heartbeat of its own comes between
		c.pause()
		later(s, successor.held(), token)
		before := s.state("job")
		c.signal(syscall.SIGCONT)
		c.expect("lost ")
		c.exits(exitLost)
		s.unchanged("job", before)
		successor.signal(syscall.SIGTERM)
		successor.expect("released ")
		successor.exits(exitOK)
	})
}

// Its window is still open when it goes on: only the store can refuse its next renewal.
func TestAPausedHolderWhoseKeyWasTakenAwayWritesNothingOverTheSuccessor(t *testing.T) {
	full.Only(t)
	onEach(t, func(s server) {
		c, before := s.takenAway("4s")
		c.signal(syscall.SIGCONT)
		c.expect("lost ")
		c.exits(exitLost)
		s.unchanged("job", before)
	})
}

// And only the store can refuse its release.
func TestAPausedHolderWhoseKeyWasTakenAwayReleasesNothingOfTheSuccessor(t *testing.T) {
	full.Only(t)
	onEach(t, func(s server) {
		c, before := s.takenAway("20m")
		c.signal(syscall.SIGTERM)
		c.signal(syscall.SIGCONT)
		c.expect("released ")
		c.exits(exitOK)
		s.unchanged("job", before)
	})
}

// takenAway returns a paused holder with a ttl of an hour, whose key an operator has
// given to another meanwhile, and what lies there now.
func (s server) takenAway(heartbeat string) (*child, state) {
	s.Helper()
	c := s.holds("-ttl", "1h", "-heartbeat", heartbeat)
	token := c.held()
	c.pause()
	s.Outsider.Delete("job")
	successor := s.holds("-ttl", "1h")
	later(s, successor.held(), token)
	return c, s.state("job")
}

// The release that a paused holder was told of before it went on comes too late, too.
func TestATermThatEndedInAPauseIsNotReleasedOverTheSuccessor(t *testing.T) {
	full.Only(t)
	onEach(t, func(s server) {
		c := s.holds("-ttl", short)
		token := c.held()
		successor := s.holds("-ttl", "1h", "-wait")
		c.pause()
		later(s, successor.held(), token)
		before := s.state("job")
		c.signal(syscall.SIGTERM)
		c.signal(syscall.SIGCONT)
		select {
		case <-c.done:
		case <-time.After(patience):
			s.Fatal("does not end")
		}
		s.unchanged("job", before)
	})
}

// The example writes its states, and not only heartbeats.
func TestAPausedConnectorWritesNothingOverItsSuccessor(t *testing.T) {
	full.Only(t)
	onEach(t, func(s server) {
		const key = "exchange:1:status"
		a := s.connects("-ttl", short)
		a.expect(`"registered"`)
		a.expect(`"active"`)
		a.pause()
		b := s.connects("-ttl", "1h", "-heartbeat", "20m", "-wait", "-reclaim", "never")
		b.expect(`"to":"active"`)
		before := s.settled(key)
		a.signal(syscall.SIGCONT)
		a.expect(`"lost"`)
		a.exits(exitLost)
		s.unchanged(key, before)
		b.signal(syscall.SIGTERM)
		b.expect(`"deregistered"`)
		b.exits(exitOK)
		if got := s.raw(key); got != "" {
			s.Errorf("the key has %s", got)
		}
	})
}

// settled returns what lies under the key once it has not changed for a while: the
// address is published when it is found.
func (s server) settled(key string) state {
	s.Helper()
	now := s.state(key)
	for since := time.Now(); time.Since(since) < 4*time.Second; time.Sleep(50 * time.Millisecond) {
		if next := s.state(key); next.value != now.value {
			now, since = next, time.Now()
		}
	}
	return now
}
