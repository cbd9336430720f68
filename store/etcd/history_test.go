package etcdstore

import (
	"testing"
	"time"
)

func brokenNow(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestAnswersOutOfOrderAreNoLossOfData(t *testing.T) {
	h := newHistory()
	_, broken := h.now()
	h.saw(0, 10)
	before, _ := h.now()
	h.saw(before, 12)
	h.saw(before, 11) // sent at the same time, answered later
	if now, _ := h.now(); now != 12 || brokenNow(broken) {
		t.Errorf("revision %d", now)
	}
}

func TestARevisionThatGoesBackIsToldOnce(t *testing.T) {
	h := newHistory()
	h.saw(0, 100)
	before, broken := h.now()
	h.saw(before, 3)
	if !brokenNow(broken) {
		t.Fatal("not told")
	}
	_, next := h.now()
	h.saw(before, 4) // sent before the loss was known
	if now, _ := h.now(); now != 4 || brokenNow(next) {
		t.Errorf("revision %d, told again: %v", now, brokenNow(next))
	}
}

func TestOnlyOneLooksAtTheRevisionInAWhile(t *testing.T) {
	h := newHistory()
	h.saw(0, 1)
	later := time.Now().Add(2 * pulse)
	if h.due(time.Now()) || !h.due(later) || h.due(later) {
		t.Error("due once a pulse")
	}
}
