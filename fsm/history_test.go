package fsm_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/leasehold-go/leasehold/fsm"
)

func TestHistoryKeepsTheNewestAtTheCap(t *testing.T) {
	for _, limit := range []int{0, 1, 2, 7, 50} {
		for _, steps := range []int{0, 1, 2, 6, 7, 8, 49, 50, 51, 173} {
			t.Run(fmt.Sprintf("%d of %d", limit, steps), func(t *testing.T) {
				held := newLease()
				m := fsm.New(lifecycle, fsm.WithHistory(limit), fsm.WithWriter(held))
				pendulum(t, m, steps)
				wantNewest(t, m, min(limit, steps), steps)
				if steps > 0 {
					wantStored(t, held, m)
				}
			})
		}
	}
}

// pendulum goes back and forth between two states. Every third step has a cause.
func pendulum(t *testing.T, m *fsm.Machine[state], steps int) {
	t.Helper()
	for number := 1; number <= steps; number++ {
		if err := m.TransitionWithCause(context.Background(), swing(number), because(number)); err != nil {
			t.Fatal(err)
		}
	}
}

func swing(number int) state { return []state{idle, starting}[number%2] }

func because(number int) string {
	if number%3 != 0 {
		return ""
	}
	return fmt.Sprint("cause of ", number)
}

func wantNewest(t *testing.T, m *fsm.Machine[state], kept, steps int) {
	t.Helper()
	past := m.History()
	if len(past) != kept {
		t.Fatalf("%d entries, want %d", len(past), kept)
	}
	for i, got := range past {
		number := steps - kept + 1 + i
		want := moved{Number: uint64(number), From: swing(number - 1), To: swing(number), At: got.At, Cause: because(number)}
		if got != want {
			t.Errorf("entry %d is %+v, want %+v", i, got, want)
		}
	}
}

func TestHistoryIsFiftyUnlessToldOtherwise(t *testing.T) {
	m := fsm.New(lifecycle)
	pendulum(t, m, 60)
	wantNewest(t, m, 50, 60)
}

func TestHistoryIsTheCallers(t *testing.T) {
	m := fsm.New(lifecycle)
	pendulum(t, m, 3)
	m.History()[0].To = "bogus"
	m.Snapshot().History[1].To = "bogus"
	wantNewest(t, m, 3, 3)
}
