package main

import (
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/examples/internal/fleet"
	"github.com/leasehold-go/leasehold/internal/built"
)

func TestMain(m *testing.M) { built.Main(m) }

// Three members run two ticks each, one after the other, and no tick twice or not at all.
func TestMembersTakeOverFromEachOther(t *testing.T) {
	f := fleet.New(t, built.Racing(t, "examples/cron"), "-every", "200ms", "-takes", "50ms")
	p := f.Start()
	ticks := make(map[string]int) // by member
	var last time.Time
	for range 6 {
		begun := f.Expect(`^(\S+) begins tick (\S+) token`)
		if done := f.Expect(`^(\S+) finishes tick (\S+) token`); done[0] != begun[0] || done[1] != begun[1] {
			t.Errorf("%v begins and %v finishes", begun, done)
		}
		tick, err := time.Parse(time.RFC3339Nano, begun[1])
		if err != nil || !last.IsZero() && !tick.Equal(last.Add(200*time.Millisecond)) {
			t.Errorf("tick %v after %v, %v", tick, last, err)
		}
		last = tick
		ticks[begun[0]]++
	}
	if len(ticks) != 3 {
		t.Errorf("ticks of the members: %v", ticks)
	}
	if code := p.ExitCode(); code != 0 {
		t.Errorf("exit %d", code)
	}
}
