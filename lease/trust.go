package lease

import "time"

// maxGuard bounds the part of the margin that guards against a step of the store's clock.
const maxGuard = 500 * time.Millisecond

// trust is the window in which a holder may act without hearing from the store again.
type trust struct {
	end time.Time // on both clocks
}

// trustFor returns the window that a confirmed create or renew opens. The store may drop the
// record at until, no earlier.
func trustFor(until time.Time, ttl time.Duration) trust {
	return trust{end: until.Add(-margin(ttl))}
}

// margin is the time between the end of trust and the end of a TTL: a hundredth for the
// rates of two clocks, and the guard.
func margin(ttl time.Duration) time.Duration {
	return ttl/100 + min(ttl/20, maxGuard)
}

// holds reports whether neither clock has reached the end.
func (t trust) holds(now time.Time) bool {
	return t.left(now) > 0
}

// left is the time until the end by the clock that is nearer to it.
func (t trust) left(now time.Time) time.Duration {
	return min(t.end.Sub(now), t.end.Round(0).Sub(now.Round(0))) // Round(0) drops the monotonic reading
}
