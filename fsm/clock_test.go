package fsm

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestClockReadsWallClockOncePerSecond(t *testing.T) {
	now()
	first := anchored.Load()
	now()
	if second := anchored.Load(); first == nil || first != second {
		t.Errorf("anchor %v, then %v", first, second)
	}
}

// This is an internal test because only a step of the computer's wall clock makes the anchor
// wrong from outside the package.
func TestClockFollowsWallClockWithinASecond(t *testing.T) {
	defer anchored.Store(nil)
	const wrong = time.Hour
	tests := map[string]struct {
		age  time.Duration
		want time.Duration // the error of the clock
	}{
		"fresh":           {0, wrong},
		"almost a second": {900 * time.Millisecond, wrong},
		"a second":        {time.Second, 0},
		"long ago":        {24 * time.Hour, 0},
		"not yet":         {-time.Minute, 0}, // the anchor is of another clock
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			read := time.Now().Add(-test.age)
			anchored.Store(&anchor{read: read, wall: read.Add(wrong).UnixNano()})
			if off := time.Until(time.Unix(0, now())); (off - test.want).Abs() > 50*time.Millisecond {
				t.Errorf("the clock is off by %v, want %v", off, test.want)
			}
		})
	}
}

func TestClockFollowsVirtualTimeInABubble(t *testing.T) {
	defer anchored.Store(nil)
	real := func() {
		t.Helper()
		if off := time.Since(time.Unix(0, now())).Abs(); off > 50*time.Millisecond {
			t.Errorf("the clock is off by %v outside a bubble", off)
		}
	}
	real()
	for range 2 { // the second bubble begins at the same moment as the first
		synctest.Test(t, func(t *testing.T) {
			for _, d := range []time.Duration{0, time.Nanosecond, time.Millisecond, time.Second, time.Hour} {
				time.Sleep(d)
				if got, want := now(), time.Now().UnixNano(); got != want {
					t.Errorf("the clock reads %d in a bubble, want %d", got, want)
				}
			}
		})
		real()
	}
}
