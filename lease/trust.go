package lease

import "time"

// maxGuard is the part of the margin that does not grow with the ttl.
const maxGuard = 500 * time.Millisecond

// trust is the window in which a term may be acted on without hearing from the
// store again. It is a value; whoever holds one decides what it means.
type trust struct {
	end time.Time // on both clocks
}

// trustFor returns the window that a confirmed create or renew opens. until is
// the earliest moment at which the store may drop the record.
func trustFor(until time.Time, ttl time.Duration) trust {
	return trust{end: until.Add(-margin(ttl))}
}

// margin is what trust gives up at the end of a ttl: a hundredth for the rates of
// two clocks, and a guard against a step of the store's.
func margin(ttl time.Duration) time.Duration {
	return ttl/100 + min(ttl/20, maxGuard)
}

// holds reports whether neither clock has reached the end.
func (t trust) holds(now time.Time) bool {
	return t.left(now) > 0
}

// left is the time that remains by the clock that is further on.
func (t trust) left(now time.Time) time.Duration {
	return min(t.end.Sub(now), t.end.Round(0).Sub(now.Round(0))) // Round(0) drops the monotonic reading
}
