package lease

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestPausesDoubleUpToAQuarterOfTheHeartbeat(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		heartbeat := time.Duration(rapid.Int64Range(int64(minHeartbeat), int64(time.Hour)).Draw(t, "heartbeat"))
		b := newBackoff(heartbeat)
		most := min(max(heartbeat/16, 10*time.Millisecond), time.Second)
		for try := range 100 {
			limit := max(heartbeat/4, most)
			if try < 20 {
				limit = min(limit, most<<try)
			}
			if d := b.next(); d <= 0 || d < limit/2 || d > limit {
				t.Fatalf("pause %d is %v, not within a half and the whole of %v", try, d, limit)
			}
		}
	})
}

func TestPausesDiffer(t *testing.T) {
	seen := make(map[time.Duration]bool)
	for range 100 {
		b := newBackoff(time.Minute)
		seen[b.next()] = true
	}
	if len(seen) < 50 {
		t.Errorf("%d different first pauses of 100: a fleet would try in step", len(seen))
	}
}
