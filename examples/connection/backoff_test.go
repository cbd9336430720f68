package main

import (
	"math"
	"slices"
	"testing"
	"time"
)

// exact is a backoff without jitter.
func exact(first, most time.Duration) backoff {
	b := newBackoff(first, most)
	b.jitter = func(time.Duration) time.Duration { return 0 }
	return b
}

func waits(b backoff, n int) (all []time.Duration) {
	var wait time.Duration
	for range n {
		wait, b = b.step()
		all = append(all, wait)
	}
	return all
}

func TestBackoffDoublesUpToMost(t *testing.T) {
	ms := time.Millisecond
	want := []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1500 * ms, 1500 * ms}
	if got := waits(exact(100*ms, 1500*ms), 6); !slices.Equal(got, want) {
		t.Errorf("waits %v, want %v", got, want)
	}
	if got := waits(exact(100*ms, 100*ms), 2); !slices.Equal(got, []time.Duration{100 * ms, 100 * ms}) {
		t.Errorf("waits %v with most equal to first", got)
	}
}

func TestBackoffDoesNotOverflow(t *testing.T) {
	const most = math.MaxInt64
	for i, wait := range waits(exact(1, most), 100) {
		if want := time.Duration(1) << min(i, 62); wait != want && wait != most {
			t.Fatalf("wait %d is %v", i, wait)
		}
	}
}

func TestResetStartsWithTheFirstWait(t *testing.T) {
	b := exact(time.Second, time.Minute)
	_, b = b.step()
	_, b = b.step()
	if wait, _ := b.reset().step(); wait != time.Second {
		t.Errorf("waits %v after a reset", wait)
	}
}

func TestJitterTakesUpToHalfAndDoesNotAccumulate(t *testing.T) {
	const most = 64 * time.Second
	low, high := time.Duration(most), time.Duration(0)
	for i, wait := range waits(newBackoff(time.Second, most), 2000) {
		whole := min(time.Second<<min(i, 10), most)
		if wait < whole/2 || wait > whole {
			t.Fatalf("wait %d is %v of %v", i, wait, whole)
		}
		if whole == most {
			low, high = min(low, wait), max(high, wait)
		}
	}
	if low > most*6/10 || high < most*9/10 {
		t.Errorf("of 2000 waits all are between %v and %v", low, high)
	}
}
