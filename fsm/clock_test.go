package fsm

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestClockReadsTheWallOncePerSecond(t *testing.T) {
	now()
	first := anchored.Load()
	now()
	if second := anchored.Load(); first == nil || first != second {
		t.Errorf("anchor %v, then %v", first, second)
	}
}

// An internal test: what a wrong anchor does cannot be brought about from outside
// without setting the machine's clock.
func TestClockHealsWithinASecond(t *testing.T) {
	defer anchored.Store(nil)
	const wrong = time.Hour
	tests := map[string]struct {
		age  time.Duration
		want time.Duration // how far off
	}{
		"fresh":           {0, wrong},
		"almost a second": {900 * time.Millisecond, wrong},
		"a second":        {time.Second, 0},
		"long ago":        {24 * time.Hour, 0},
		"not yet":         {-time.Minute, 0}, // another clock
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			read := time.Now().Add(-test.age)
			anchored.Store(&anchor{read: read, wall: read.Add(wrong).UnixNano()})
			if off := time.Until(time.Unix(0, now())); (off - test.want).Abs() > 50*time.Millisecond {
				t.Errorf("%v off, want %v", off, test.want)
			}
		})
	}
}

func TestClockFollowsVirtualTimeAndComesBack(t *testing.T) {
	defer anchored.Store(nil)
	real := func() {
		t.Helper()
		if off := time.Since(time.Unix(0, now())).Abs(); off > 50*time.Millisecond {
			t.Errorf("%v off outside a bubble", off)
		}
	}
	real()
	for range 2 { // the second bubble begins at the same moment as the first
		synctest.Test(t, func(t *testing.T) {
			for _, d := range []time.Duration{0, time.Nanosecond, time.Millisecond, time.Second, time.Hour} {
				time.Sleep(d)
				if got, want := now(), time.Now().UnixNano(); got != want {
					t.Errorf("%d in a bubble, want %d", got, want)
				}
			}
		})
		real()
	}
}
