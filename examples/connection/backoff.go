package main

import (
	"math/rand/v2"
	"time"
)

// backoff computes the wait before the next attempt: it doubles from first up to most, and
// up to half of it is taken off at random, so that clients that lost their connections at
// the same time do not reconnect at the same time.
type backoff struct {
	first, most time.Duration
	next        time.Duration                     // the next wait before jitter; zero is first
	jitter      func(time.Duration) time.Duration // returns a duration from 0 to its argument
}

func newBackoff(first, most time.Duration) backoff {
	return backoff{first: first, most: most, jitter: func(d time.Duration) time.Duration { return rand.N(d + 1) }}
}

// step returns a wait, and the backoff for the wait after it.
func (b backoff) step() (time.Duration, backoff) {
	wait := min(max(b.next, b.first), b.most)
	b.next = wait + min(wait, b.most-wait) // twice wait, without overflow
	return wait - b.jitter(wait/2), b
}

// reset returns a backoff that starts with the first wait again.
func (b backoff) reset() backoff {
	b.next = 0
	return b
}
