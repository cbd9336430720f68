package fsm_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/leasehold-go/leasehold/fsm"
)

func TestHistoryKeepsTheNewestTransitions(t *testing.T) {
	for _, limit := range []int{0, 1, 2, 7, 50} {
		for _, transitions := range []int{0, 1, 2, 6, 7, 8, 49, 50, 51, 173} {
			t.Run(fmt.Sprintf("%d of %d", limit, transitions), func(t *testing.T) {
				held := newLease()
				m := fsm.New(lifecycle, fsm.WithHistory(limit), fsm.WithWriter(held))
				backAndForthN(t, m, transitions)
				wantNewest(t, m, min(limit, transitions), transitions)
				if transitions > 0 {
					wantStored(t, held, m)
				}
			})
		}
	}
}

// backAndForthN makes transitions between two states. Every third has a cause.
func backAndForthN(t *testing.T, m *fsm.Machine[state], transitions int) {
	t.Helper()
	for number := 1; number <= transitions; number++ {
		if err := m.TransitionWithCause(context.Background(), stateAfter(number), causeOf(number)); err != nil {
			t.Fatal(err)
		}
	}
}

// stateAfter returns the state after a number of transitions.
func stateAfter(number int) state { return []state{idle, starting}[number%2] }

// causeOf returns the cause of a transition.
func causeOf(number int) string {
	if number%3 != 0 {
		return ""
	}
	return fmt.Sprint("cause of ", number)
}

// wantNewest checks that the history has the newest of all transitions.
func wantNewest(t *testing.T, m *fsm.Machine[state], kept, transitions int) {
	t.Helper()
	past := m.History()
	if len(past) != kept {
		t.Fatalf("%d entries, want %d", len(past), kept)
	}
	for i, got := range past {
		number := transitions - kept + 1 + i
		want := transition{Number: uint64(number), From: stateAfter(number - 1), To: stateAfter(number), At: got.At, Cause: causeOf(number)}
		if got != want {
			t.Errorf("entry %d is %+v, want %+v", i, got, want)
		}
	}
}

func TestDefaultHistoryHasFiftyTransitions(t *testing.T) {
	m := fsm.New(lifecycle)
	backAndForthN(t, m, 60)
	wantNewest(t, m, 50, 60)
}

func TestHistoryDoesNotAliasItsResult(t *testing.T) {
	m := fsm.New(lifecycle)
	backAndForthN(t, m, 3)
	m.History()[0].To = "bogus"
	m.Snapshot().History[1].To = "bogus"
	wantNewest(t, m, 3, 3)
}
