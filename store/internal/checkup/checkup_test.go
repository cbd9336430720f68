package checkup_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/store"
	"github.com/leasehold-go/leasehold/store/internal/checkup"
)

func TestLatencyIsComparedWithTheHeartbeat(t *testing.T) {
	t.Parallel()
	const ttl = 30 * time.Second // a heartbeat of 10 s
	for _, c := range []struct {
		slowest time.Duration
		want    store.Level
	}{
		{time.Second, store.LevelOK},
		{time.Second + 1, store.LevelWarn},
		{10*time.Second - 1, store.LevelWarn},
		{10 * time.Second, store.LevelUnsafe},
	} {
		all := make([]time.Duration, 50)
		all[7] = c.slowest
		f := checkup.Latency("server", "renew", all, ttl)
		if f.Level != c.want || (f.Level == store.LevelOK) != (f.Advice == "") {
			t.Errorf("%v: %+v", c.slowest, f)
		}
	}
	// A TTL that the advice names is long enough.
	f := checkup.Latency("server", "renew", []time.Duration{time.Second}, 31*time.Second)
	if f.Level != store.LevelOK {
		t.Errorf("%+v", f)
	}
}

// The interval of a reading has the true offset wherever in the round trip the server read its clock.
func TestAReadingHasTheTrueOffset(t *testing.T) {
	t.Parallel()
	sent := time.Date(2026, 1, 1, 0, 0, 0, 300_000_000, time.UTC)
	for _, precision := range []time.Duration{time.Microsecond, time.Second} {
		for _, offset := range []time.Duration{0, time.Hour, -time.Hour, 1400 * time.Millisecond} {
			for _, trip := range []time.Duration{0, 80 * time.Millisecond} {
				for _, at := range []time.Duration{0, trip / 3, trip} {
					now := sent.Add(at).Add(offset).Truncate(precision)
					c := checkup.Read("server", sent, sent.Add(trip), now, precision)
					if off := (c.Ahead - offset).Abs(); off > c.Within {
						t.Errorf("offset %v, trip %v at %v, precision %v: %v off, within %v", offset, trip, at, precision, off, c.Within)
					}
				}
			}
		}
	}
}

func TestClocksApart(t *testing.T) {
	t.Parallel()
	at := func(ahead, within time.Duration) checkup.Clock {
		return checkup.Clock{Server: "s", Ahead: ahead, Within: within}
	}
	for _, c := range []struct {
		a, b   checkup.Clock
		matter bool
		want   store.Level
	}{
		{at(0, 0), at(time.Second, 0), true, store.LevelOK},
		{at(0, 0), at(time.Second+1, 0), true, store.LevelWarn},
		{at(-time.Second, time.Second), at(time.Second, time.Second), true, store.LevelOK}, // not more than that is known
		{at(0, 0), at(time.Minute, 0), true, store.LevelWarn},
		{at(time.Minute+1, 0), at(0, 0), true, store.LevelUnsafe},
		{at(time.Minute+1, 0), at(0, 0), false, store.LevelWarn},
	} {
		if f := checkup.Apart([]checkup.Clock{c.a, c.b}, time.Minute, c.matter); f.Level != c.want {
			t.Errorf("%+v: %+v", c, f)
		}
	}
}

func TestASampleEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all, err := checkup.Sample(t.Context(), func() error { time.Sleep(300 * time.Millisecond); return nil })
		if err != nil || len(all) != 4 || all[3] != 300*time.Millisecond {
			t.Errorf("slow calls: %v, %v", all, err)
		}
		if all, err = checkup.Sample(t.Context(), func() error { return nil }); err != nil || len(all) != 50 {
			t.Errorf("fast calls: %d, %v", len(all), err)
		}
		failure := errors.New("any")
		if all, err = checkup.Sample(t.Context(), func() error { return failure }); err != failure || len(all) != 0 {
			t.Errorf("calls that fail: %d, %v", len(all), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if all, err = checkup.Sample(ctx, func() error { time.Sleep(300 * time.Millisecond); return nil }); err == nil || len(all) != 2 {
			t.Errorf("an end of the context: %d, %v", len(all), err)
		}
	})
}
