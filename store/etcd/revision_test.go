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
	h := newClusterRevision()
	_, broken := h.latest()
	h.observe(0, 10)
	before, _ := h.latest()
	h.observe(before, 12)
	h.observe(before, 11) // sent at the same time, answered later
	if now, _ := h.latest(); now != 12 || brokenNow(broken) {
		t.Errorf("revision %d", now)
	}
}

func TestARevisionThatGoesBackIsToldOnce(t *testing.T) {
	h := newClusterRevision()
	h.observe(0, 100)
	before, broken := h.latest()
	h.observe(before, 3)
	if !brokenNow(broken) {
		t.Fatal("not told")
	}
	_, next := h.latest()
	h.observe(before, 4) // sent before the loss was known
	if now, _ := h.latest(); now != 4 || brokenNow(next) {
		t.Errorf("revision %d, told again: %v", now, brokenNow(next))
	}
}

func TestOnlyOneLooksAtTheRevisionInAWhile(t *testing.T) {
	h := newClusterRevision()
	h.observe(0, 1)
	later := time.Now().Add(2 * memberTimeout)
	if h.due(time.Now()) || !h.due(later) || h.due(later) {
		t.Error("due once in memberTimeout")
	}
}
