package etcdstore

import (
	"testing"
	"time"
)

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestAnswersOutOfOrderDoNotResetTheRevision(t *testing.T) {
	r := newClusterRevision()
	_, reset := r.latest()
	r.observe(0, 10)
	before, _ := r.latest()
	r.observe(before, 12)
	r.observe(before, 11) // sent at the same time, answered later
	if now, _ := r.latest(); now != 12 || isClosed(reset) {
		t.Errorf("revision %d", now)
	}
}

func TestARevisionThatGoesBackIsReportedOnce(t *testing.T) {
	r := newClusterRevision()
	r.observe(0, 100)
	before, reset := r.latest()
	r.observe(before, 3)
	if !isClosed(reset) {
		t.Fatal("not reported")
	}
	_, next := r.latest()
	r.observe(before, 4) // sent before the loss was known
	if now, _ := r.latest(); now != 4 || isClosed(next) {
		t.Errorf("revision %d, reported again: %v", now, isClosed(next))
	}
}

func TestTheRevisionIsDueOncePerMemberTimeout(t *testing.T) {
	r := newClusterRevision()
	r.observe(0, 1)
	later := time.Now().Add(2 * memberTimeout)
	if r.due(time.Now()) || !r.due(later) || r.due(later) {
		t.Error("due once in memberTimeout")
	}
}
