package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// maxTries is the largest number of tries of a case in real time. Each try doubles the
// TTL.
const maxTries = 5

// inconclusive is the panic value of a try that proves nothing.
type inconclusive string

// untilConclusive repeats f until a try passes or fails, at most maxTries times. In
// real time each try is a subtest, so that its fixture is closed before the next try.
func (h Harness) untilConclusive(t *testing.T, f func(*testing.T, Harness)) {
	if h.Virtual {
		f(t, h)
		return
	}
	for n := 1; ; n++ {
		h.last = n == maxTries
		var reason inconclusive
		t.Run(fmt.Sprintf("ttl %v", h.TTL), func(t *testing.T) {
			defer func() {
				switch p := recover().(type) {
				case nil:
				case inconclusive:
					reason = p
				default:
					panic(p)
				}
			}()
			f(t, h)
		})
		if reason == "" || t.Failed() {
			return
		}
		h.TTL *= 2
		t.Logf("inconclusive: %s\n\tnext try with a TTL of %v", reason, h.TTL)
	}
}

// conclude fails the case with a message and the law that the store broke. With an
// excuse the try is only inconclusive, unless it is the last.
func (c *trial) conclude(message, excuse string) {
	c.Helper()
	if excuse != "" {
		if message += "; " + excuse; !c.last {
			panic(inconclusive(message))
		}
		message += fmt.Sprintf("; %d earlier tries were inconclusive too: the machine or the store is too slow", maxTries-1)
	}
	c.Fatalf("%s\n\tbreaks the law: %s", message, c.law)
}

// failf ends the case because the store broke its law. The failure is inconclusive if
// a record that the case depends on had expired, or, in a case of records that expire,
// if an error among args says that the server did not answer.
func (c *trial) failf(format string, args ...any) {
	c.Helper()
	excuse := c.expiredDependency()
	for _, arg := range args {
		if err, ok := arg.(error); ok && excuse == "" && c.needed != nil && !c.virtual && unanswered(err) {
			excuse = "the server had no time to answer"
		}
	}
	c.conclude(fmt.Sprintf(format, args...), excuse)
}

// latef ends the case because the store exceeded a time limit. In real time the failure
// is inconclusive, because a slow machine has the same effect.
func (c *trial) latef(format string, args ...any) {
	c.Helper()
	excuse := "a slow machine has the same effect"
	if c.virtual {
		excuse = ""
	}
	c.conclude(fmt.Sprintf(format, args...), excuse)
}

// dependOn notes that the case depends on the record under key, which may expire at
// until. Records with a long TTL need no note.
func (c *trial) dependOn(key string, until time.Time) {
	if time.Until(until) > long/2 {
		return
	}
	if c.needed == nil {
		c.needed = make(map[string]time.Time)
	}
	c.needed[key] = until
}

// outlive notes that the case waits for the expiry of t. From then on it depends
// neither on t nor on records that expire earlier.
func (c *trial) outlive(t lease) {
	delete(c.needed, t.Key)
	for key, until := range c.needed {
		if !until.After(t.Until) {
			delete(c.needed, key)
		}
	}
}

// expiredDependency names a record that the case depends on and that has expired, or
// returns "". In virtual time no machine is slow.
func (c *trial) expiredDependency() string {
	for key, until := range c.needed {
		if over := time.Since(until); over > 0 && !c.virtual {
			return fmt.Sprintf("the record %q had expired %v earlier", key, over.Round(time.Millisecond))
		}
	}
	return ""
}

// unanswered reports whether err says that the server did not answer, or not in time.
// No law forbids that.
func unanswered(err error) bool {
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrInDoubt)
}
