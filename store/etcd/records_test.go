package etcdstore

import (
	"slices"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// with adds a member on a shared etcd lease.
func (r *records) with(sh *sharedLease, m *member) *member {
	m.shared = sh
	if r.attach(m); m.token != 0 {
		r.held[m.key] = m
	} else {
		r.doubts[m.nonce] = m
	}
	return m
}

func TestLeftoversAreUnwantedMembersAndUnpinnedExpiredOnes(t *testing.T) {
	sh, r := newShared(10*time.Second), newRecords()
	now := t0.Add(5 * time.Second)
	r.with(sh, &member{key: "wanted", until: now})
	r.with(sh, &member{key: "being renewed", until: now.Add(-1), pins: 1})
	old := r.with(sh, &member{key: "not renewed", until: now.Add(-1)})
	doubt := r.with(sh, &member{key: "delete in doubt", until: now.Add(time.Second), unwanted: true, pins: 1})
	got := r.leftovers(sh, now)
	if len(got) != 2 || !slices.Contains(got, old) || !slices.Contains(got, doubt) {
		t.Errorf("%d leftovers", len(got))
	}
}

// A call that uses a record may begin between the decision to delete the record and the
// delete. It must not answer as if the record stayed.
func TestALeftoverCannotBePinnedAgain(t *testing.T) {
	sh, r := newShared(10*time.Second), newRecords()
	r.with(sh, &member{key: "granted", nonce: store.Nonce{1}, token: 7, until: t0})
	r.with(sh, &member{key: "in doubt", nonce: store.Nonce{2}, until: t0})
	calls := []*guardedOp{
		{key: "granted", ref: store.ByToken(7)}, {key: "granted", ref: store.ByNonce(store.Nonce{1})},
		{key: "in doubt", ref: store.ByNonce(store.Nonce{2})},
	}
	others := []*guardedOp{{key: "granted", ref: store.ByToken(6)}, {key: "other", ref: store.ByToken(7)}}
	pinned, late := r.pin(append(calls, others...))
	if len(pinned) != 3 || len(late) != 0 || len(r.leftovers(sh, t0.Add(1))) != 0 {
		t.Errorf("%d pinned, %d late", len(pinned), len(late))
	}
	r.unpin(pinned)
	if n := len(r.leftovers(sh, t0.Add(1))); n != 2 {
		t.Errorf("%d leftovers when the calls are over", n)
	}
	if pinned, late := r.pin(calls); len(pinned) != 0 || len(late) != 3 {
		t.Errorf("%d pinned, %d late", len(pinned), len(late))
	}
}

func TestALeaseAddedAgainIsNotUnwanted(t *testing.T) {
	sh, r := newShared(10*time.Second), newRecords()
	add := func(token store.Token) *member {
		m := &member{shared: sh, key: "key", nonce: store.Nonce{1}, token: token, until: sh.until()}
		r.add(m, true)
		return m
	}
	doubt, first := add(0), add(7)
	if _, still := r.on[sh][doubt]; still || !first.doubted {
		t.Error("the create is no longer in doubt, but its message may still arrive")
	}
	second := add(7)
	if got := r.leftovers(sh, t0); len(got) != 0 || r.count(sh) != 1 || !second.doubted {
		t.Errorf("%d leftovers of %d members", len(got), r.count(sh))
	}
	if add(9); !second.unwanted || r.held["key"].token != 9 {
		t.Error("the earlier lease has ended")
	}
}

func TestALateAnswerDoesNotEndALaterLease(t *testing.T) {
	sh, r := newShared(10*time.Second), newRecords()
	later, earlier := &member{shared: sh, key: "key", token: 9}, &member{shared: sh, key: "key", token: 7}
	r.add(later, true)
	r.add(earlier, true)
	if r.held["key"] != later || later.unwanted || !earlier.unwanted {
		t.Errorf("held is %+v; the later is unwanted: %v, the earlier: %v", r.held["key"], later.unwanted, earlier.unwanted)
	}
}

// With two members, a record could be deleted when the time of either is over.
func TestAnAnsweredCreateThatIsThenInDoubtIsOneMember(t *testing.T) {
	sh, r := newShared(10*time.Second), newRecords()
	answered := &member{shared: sh, key: "key", nonce: store.Nonce{1}, token: 7}
	r.add(answered, true)
	r.add(&member{shared: sh, key: "key", nonce: store.Nonce{1}}, true)
	if r.count(sh) != 1 || len(r.doubts) != 0 || !answered.doubted {
		t.Errorf("%d members, %d in doubt", r.count(sh), len(r.doubts))
	}
}

func TestACreateInDoubtOnTwoSharedLeasesIsDeletedFromEither(t *testing.T) {
	r := newRecords()
	first, second, again := &member{shared: newShared(time.Second)}, &member{shared: newShared(time.Second)}, &member{}
	r.add(first, true)
	r.add(second, true)
	again.shared = second.shared
	r.add(again, true)
	if first.onlyLease() == 0 || second.onlyLease() != 0 || again.onlyLease() != 0 {
		t.Errorf("%d, %d, %d", first.onlyLease(), second.onlyLease(), again.onlyLease())
	}
}

func TestNothingIsAddedToASharedLeaseThatWasLeft(t *testing.T) {
	sh, p := newShared(10*time.Second), &pool{records: newRecords()}
	sh.pending = 2
	before := &member{shared: sh, key: "before", token: 7}
	p.addMember(before)
	p.abandon(sh, errLeft)
	p.addMember(&member{shared: sh, key: "after", token: 8})
	if n := p.records.count(sh); n != 0 || len(p.records.held) != 0 || len(p.records.on) != 0 || sh.pending != 0 {
		t.Errorf("%d members, %d creates in flight", n, sh.pending)
	}
}
