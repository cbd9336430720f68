package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// tries is how often a case is tried at most in real time, each time with a ttl twice
// as long, until the machine is fast enough for it.
const tries = 5

// inconclusive is what a try panics with that proves nothing.
type inconclusive string

// conclusively tries f until it proves something, or fails because it has been tried
// often enough. In real time each try is a subtest, so that its fixture goes with it.
func (h Harness) conclusively(t *testing.T, f func(*testing.T, Harness)) {
	if h.Virtual {
		f(t, h)
		return
	}
	for n := 1; ; n++ {
		h.last = n == tries
		var nothing inconclusive
		t.Run(fmt.Sprintf("ttl %v", h.TTL), func(t *testing.T) { nothing = h.try(t, f) })
		if nothing == "" || t.Failed() {
			return
		}
		h.TTL *= 2
		t.Logf("inconclusive: %s\n\tonce more with a ttl of %v", nothing, h.TTL)
	}
}

// try returns why f proved nothing, if it did not.
func (h Harness) try(t *testing.T, f func(*testing.T, Harness)) (nothing inconclusive) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case inconclusive:
			nothing = p
		default:
			panic(p)
		}
	}()
	f(t, h)
	return ""
}

// conclude fails the case with what went wrong and the law that it broke. Where a
// doubt remains it only ends the try, unless that is the last.
func (c *trial) conclude(what, doubt string) {
	c.Helper()
	if doubt != "" {
		if what += "; " + doubt; !c.last {
			panic(inconclusive(what))
		}
		what += fmt.Sprintf(", and %d tries before proved nothing either: the machine is too slow, or the store", tries-1)
	}
	c.Fatalf("%s\n\tbreaks the law: %s", what, c.law)
}

// broke ends the case because of something that no slow machine excuses, unless the
// time has run out of what the case relies on.
func (c *trial) broke(format string, args ...any) {
	c.Helper()
	c.conclude(fmt.Sprintf(format, args...), c.doubt(args))
}

// late ends the case because something took longer than it may, which in real time is
// as likely the machine's doing.
func (c *trial) late(format string, args ...any) {
	c.Helper()
	doubt := "a slow machine does that too"
	if c.virtual {
		doubt = ""
	}
	c.conclude(fmt.Sprintf(format, args...), doubt)
}

// rely notes until when there has to be something under a key for the case. What is
// there for long needs no note.
func (c *trial) rely(key string, until time.Time) {
	if time.Until(until) > long/2 {
		return
	}
	if c.relied == nil {
		c.relied = make(map[string]time.Time)
	}
	c.relied[key] = until
}

// awaits notes that the case lets time pass to the end of a term: it no longer relies
// on that, nor on what ends before.
func (c *trial) awaits(t term) {
	delete(c.relied, t.Key)
	for key, until := range c.relied {
		if !until.After(t.Until) {
			delete(c.relied, key)
		}
	}
}

// ranOut says what had run out of time on which the case relies, if anything had. In
// virtual time no machine is slow.
func (c *trial) ranOut() string {
	for key, until := range c.relied {
		if over := time.Since(until); over > 0 && !c.virtual {
			return fmt.Sprintf("the time of %q had run out %v before", key, over.Round(time.Millisecond))
		}
	}
	return ""
}

// doubt says why something that went wrong, with these facts, proves nothing, if so. An
// error among them counts as the store's.
func (c *trial) doubt(facts []any) string {
	if out := c.ranOut(); out != "" {
		return out
	}
	for _, fact := range facts {
		if err, ok := fact.(error); ok && c.relied != nil && !c.virtual && unanswered(err) {
			return "the server had no time to answer"
		}
	}
	return ""
}

// unanswered reports whether an error says that the server did not answer, or not in
// time, which is no breach of any law.
func unanswered(err error) bool {
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrInDoubt)
}
