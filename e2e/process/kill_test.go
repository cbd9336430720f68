package process_test

import (
	"maps"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
)

func TestAfterKillTheKeyGoesWithinTheTTLAndTokensGoOn(t *testing.T) {
	full.Only(t)
	onEach(t, func(s server) {
		const ttl, slack = 4 * time.Second, 30 * time.Second
		var last store.Token
		for range 2 {
			c := s.holds("-ttl", ttl.String())
			token := c.held()
			later(s, token, last)
			last = token
			c.expect("beat ")
			c.kill()
			if left := s.left("job"); left > ttl+time.Second {
				s.Errorf("the dead holder's record has %v left", left)
			}
			within(s, ttl+time.Second+slack, "the key is gone", func() bool { return s.raw("job") == "" })
		}
	})
}

func TestAWaiterTakesOverAfterARelease(t *testing.T) {
	full.Only(t)
	onEach(t, func(s server) {
		first := s.holds("-ttl", "1h")
		token := first.held()
		var waiters []*child
		for range 3 {
			w := s.holds("-ttl", "1h", "-wait")
			w.expect("waiting")
			waiters = append(waiters, w)
		}
		for running := first; len(waiters) > 0; {
			running.signal(syscall.SIGTERM)
			running.expect("released ")
			running.exits(exitOK)
			i, next := s.oneOf(waiters)
			later(s, next, token)
			token, running = next, waiters[i]
			waiters = append(waiters[:i], waiters[i+1:]...)
		}
	})
}

// oneOf waits until one of the children holds the key.
func (s server) oneOf(waiters []*child) (index int, token store.Token) {
	s.Helper()
	eventually(s, "a waiter has the key", func() bool {
		for i, w := range waiters {
			if strings.Contains(w.everything(), "held ") {
				index = i
				return true
			}
		}
		return false
	})
	return index, waiters[index].held()
}

// The release may give the key to the dead waiter, whose record is gone a TTL later.
func TestAfterTheDeathOfTheWaiterThatIsNextAnotherTakesOver(t *testing.T) {
	full.Only(t)
	onEach(t, func(s server) {
		first := s.holds("-ttl", "1h")
		token := first.held()
		before := s.beside(s, "job")
		next := s.holds("-ttl", "2s", "-wait")
		next.expect("waiting")
		if _, hands := s.Open().(store.Successor); hands {
			eventually(s, "its claim is next", func() bool { return !maps.Equal(s.beside(s, "job"), before) })
		}
		other := s.holds("-ttl", "1h", "-wait")
		other.expect("waiting")
		next.kill()
		first.signal(syscall.SIGTERM)
		first.expect("released ")
		first.exits(exitOK)
		later(s, other.held(), token)
	})
}

func TestAWaiterTakesOverAfterADeath(t *testing.T) {
	full.Only(t)
	onEach(t, func(s server) {
		const ttl, slack = 4 * time.Second, 30 * time.Second
		running := s.holds("-ttl", ttl.String())
		token := running.held()
		for range 2 {
			waiter := s.holds("-ttl", ttl.String(), "-wait")
			waiter.expect("waiting")
			running.expect("beat ")
			running.kill()
			died := time.Now()
			next := waiter.held()
			if took := time.Since(died); took > ttl+slack {
				s.Errorf("it took %v, with a ttl of %v", took, ttl)
			}
			later(s, next, token)
			running, token = waiter, next
		}
		running.signal(syscall.SIGTERM)
		running.exits(exitOK)
		if got := s.raw("job"); got != "" {
			s.Errorf("the key has %q", got)
		}
	})
}
