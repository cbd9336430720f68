package main

import (
	"math/rand/v2"
	"time"
)

// backoff says how long to wait before the next attempt: twice as long after each,
// from first to most, less up to half of it at random, so that clients that were
// lost together do not come back together.
type backoff struct {
	first, most time.Duration
	next        time.Duration                     // before the jitter; zero for first
	jitter      func(time.Duration) time.Duration // of at most its argument
}

func newBackoff(first, most time.Duration) backoff {
	return backoff{first: first, most: most, jitter: func(d time.Duration) time.Duration { return rand.N(d + 1) }}
}

// step returns a wait, and what to ask for the one that follows.
func (b backoff) step() (time.Duration, backoff) {
	wait := min(max(b.next, b.first), b.most)
	b.next = wait + min(wait, b.most-wait) // without an overflow
	return wait - b.jitter(wait/2), b
}

// reset begins again with the shortest.
func (b backoff) reset() backoff {
	b.next = 0
	return b
}
