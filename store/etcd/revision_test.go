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
	reset := r.resets()
	r.observe(time.Time{}, seen{}, seen{10, 3})
	before := r.now()
	r.observe(time.Time{}, before, seen{12, 5})
	r.observe(time.Time{}, before, seen{11, 4}) // sent at the same time, answered later
	if now := r.now(); now != (seen{12, 5}) || isClosed(reset) {
		t.Errorf("%+v", now)
	}
}

func TestARevisionThatGoesBackIsReportedOnce(t *testing.T) {
	r := newClusterRevision()
	r.observe(time.Time{}, seen{}, seen{100, 5})
	before, reset := r.now(), r.resets()
	r.observe(time.Time{}, before, seen{3, 2})
	if !isClosed(reset) {
		t.Fatal("not reported")
	}
	next := r.resets()
	r.observe(time.Time{}, before, seen{4, 2}) // sent before the loss was known
	if now := r.now(); now != (seen{4, 2}) || isClosed(next) {
		t.Errorf("%+v, reported again: %v", now, isClosed(next))
	}
}

// The revisions of a restored backup can be larger than all before (--bump-revision).
func TestTermsBeginAgainWithoutAReset(t *testing.T) {
	r := newClusterRevision()
	r.observe(time.Time{}, seen{}, seen{100, 5})
	r.allTold(5)
	r.observe(time.Now(), r.now(), seen{1000, 2})
	if now := r.now(); now != (seen{1000, 2}) || isClosed(r.resets()) {
		t.Errorf("%+v", now)
	}
}

// The answers of a member that got a snapshot have an earlier leader's term until somebody writes.
// Else a leader in between could confirm a keep-alive after its successor was seen.
func TestAMemberThatGotASnapshotDoesNotTakeTheTermBack(t *testing.T) {
	r := newClusterRevision()
	r.observe(time.Time{}, seen{}, seen{90, 4})
	r.allTold(4)
	r.observe(time.Now(), r.now(), seen{100, 5})
	r.observe(time.Now(), r.now(), seen{100, 3})
	if now := r.now(); now != (seen{100, 5}) {
		t.Errorf("%+v", now)
	}
	asked := time.Now()
	r.allTold(4) // an earlier term
	r.observe(time.Now(), r.now(), seen{100, 3})
	r.allTold(5)
	r.observe(asked, r.now(), seen{100, 3}) // sent before
	if now := r.now(); now != (seen{100, 5}) {
		t.Errorf("%+v", now)
	}
}

func TestTheRevisionIsDueOncePerMemberTimeout(t *testing.T) {
	r := newClusterRevision()
	r.observe(time.Time{}, seen{}, seen{1, 1})
	later := time.Now().Add(2 * memberTimeout)
	if r.due(time.Now()) || !r.due(later) || r.due(later) {
		t.Error("due once in memberTimeout")
	}
}
