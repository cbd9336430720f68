package etcdstore

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/store"
)

var t0 = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

func newShared(ttl time.Duration) *sharedLease {
	return &sharedLease{lease: 1, ttl: ttl, sent: t0, members: make(map[*member]struct{})}
}

func (sh *sharedLease) with(m *member) *member {
	m.shared = sh
	sh.members[m] = struct{}{}
	return m
}

func TestUntilCountsFromTheLastKeepAliveSent(t *testing.T) {
	sh := newShared(16 * time.Second)
	if got := sh.until(); !got.Equal(t0.Add(16 * time.Second)) {
		t.Error(got)
	}
	if !sh.fresh(t0.Add(time.Second-1)) || sh.fresh(t0.Add(time.Second)) {
		t.Error("a keep-alive serves for a sixteenth of the ttl")
	}
	if sh.suspect = true; sh.fresh(t0) || !sh.takes(t0) {
		t.Error("a suspect etcd lease has no recent keep-alive, and takes records")
	}
}

func TestASharedLeaseTakesNoRecordWhenFullOrPossiblyExpired(t *testing.T) {
	sh := newShared(16 * time.Second)
	if !sh.takes(t0) || sh.takes(sh.until()) {
		t.Error("a shared etcd lease takes records until it may have expired")
	}
	for i := range maxMembers - 1 {
		sh.with(&member{key: fmt.Sprint(i)})
	}
	if sh.pending = 1; sh.takes(t0) {
		t.Error("creates in flight count")
	}
	if sh.pending = 0; !sh.takes(t0) {
		t.Error("there is room for one")
	}
	if sh.endErr = errLeft; sh.takes(t0) {
		t.Error("an etcd lease that is not kept alive takes none")
	}
}

func TestASharedLeaseIsEmptyOnlyWithoutCreatesInFlight(t *testing.T) {
	sh := newShared(time.Second)
	sh.pending = 1
	if sh.empty() {
		t.Error("a create is in flight")
	}
	if sh.pending = 0; !sh.empty() {
		t.Error("nothing is on it")
	}
	if sh.with(new(member)); sh.empty() {
		t.Error("a record is on it")
	}
}

func TestLeftoversAreUnwantedMembersAndUnpinnedExpiredOnes(t *testing.T) {
	sh := newShared(10 * time.Second)
	now := t0.Add(5 * time.Second)
	sh.with(&member{key: "wanted", until: now})
	sh.with(&member{key: "being renewed", until: now.Add(-1), pins: 1})
	old := sh.with(&member{key: "not renewed", until: now.Add(-1)})
	doubt := sh.with(&member{key: "delete in doubt", until: now.Add(time.Second), unwanted: true, pins: 1})
	got := sh.leftovers(now)
	if len(got) != 2 || !slices.Contains(got, old) || !slices.Contains(got, doubt) {
		t.Errorf("%d leftovers", len(got))
	}
}

// A call that uses a record may begin between the decision to delete the record and the
// delete. It must not answer as if the record stayed.
func TestALeftoverCannotBePinnedAgain(t *testing.T) {
	sh := newShared(10 * time.Second)
	granted := sh.with(&member{key: "granted", nonce: store.Nonce{1}, token: 7, until: t0})
	doubt := sh.with(&member{key: "in doubt", nonce: store.Nonce{2}, until: t0})
	s := &pool{held: map[string]*member{"granted": granted}, doubts: map[store.Nonce]*member{{2}: doubt}}
	calls := []*guardedOp{
		{key: "granted", ref: store.ByToken(7)}, {key: "granted", ref: store.ByNonce(store.Nonce{1})},
		{key: "in doubt", ref: store.ByNonce(store.Nonce{2})},
	}
	others := []*guardedOp{{key: "granted", ref: store.ByToken(6)}, {key: "other", ref: store.ByToken(7)}}
	pinned, late := s.pin(append(calls, others...))
	if len(pinned) != 3 || len(late) != 0 || len(sh.leftovers(t0.Add(1))) != 0 {
		t.Errorf("%d pinned, %d late", len(pinned), len(late))
	}
	s.unpin(pinned)
	if n := len(sh.leftovers(t0.Add(1))); n != 2 {
		t.Errorf("%d leftovers when the calls are over", n)
	}
	if pinned, late := s.pin(calls); len(pinned) != 0 || len(late) != 3 {
		t.Errorf("%d pinned, %d late", len(pinned), len(late))
	}
}

func TestAttachedKeysConfirmOnlyRecordsCreatedBefore(t *testing.T) {
	sh := newShared(16 * time.Second)
	names := func(all ...string) {
		sh.attached = attachedKeys{asked: t0, names: make(map[string]struct{})}
		for _, name := range all {
			sh.attached.names[name] = struct{}{}
		}
	}
	m := sh.with(&member{key: "key", since: t0.Add(-1)})
	if names("key", noteOf("key")); !sh.confirms(m) {
		t.Error("record and note are in their place")
	}
	if !sh.attachedFresh(t0.Add(time.Second-1)) || sh.attachedFresh(t0.Add(time.Second)) {
		t.Error("the attached keys serve for a sixteenth of the ttl")
	}
	if names("key"); sh.confirms(m) {
		t.Error("the note is missing")
	}
	if names(noteOf("key")); sh.confirms(m) {
		t.Error("the record is missing")
	}
	m.since = t0
	if names("key", noteOf("key")); sh.confirms(m) {
		t.Error("the attached keys may be those of an earlier lease of the key")
	}
}

func TestATTLIsRoundedUpToSeconds(t *testing.T) {
	for ttl, want := range map[time.Duration]int64{
		time.Nanosecond: 1, time.Second: 1, time.Second + 1: 2, 45 * time.Second: 45, 1500 * time.Millisecond: 2,
	} {
		if got := wholeSeconds(ttl); got != want {
			t.Errorf("%v is %d s", ttl, got)
		}
	}
}

func TestAChunkHasEachKeyOnceAndBoundedBytes(t *testing.T) {
	value := make([]byte, 100<<10)
	var items []*guardedOp
	for i := range 300 {
		items = append(items, &guardedOp{key: fmt.Sprint("key ", i%250), revision: 1})
	}
	for i := range 10 {
		items = append(items, &guardedOp{key: fmt.Sprint("large ", i), value: value, seq: 1, revision: 1})
	}
	items = append(items, &guardedOp{key: "huge", value: make([]byte, store.MaxValue), seq: 1, revision: 1}, &guardedOp{key: "done", done: true})
	const most = 125
	sent := 0
	for open := firstPerKey(items); len(open) > 0; open = firstPerKey(items) {
		keys := make(map[string]bool)
		for _, chunk := range chunksOf(open, most, maxBytes) {
			bytes := 0
			for _, d := range chunk {
				if keys[d.key] {
					t.Errorf("%q is sent twice at a time", d.key)
				}
				if d.puts() != chunk[0].puts() {
					t.Errorf("%q is in a chunk with operations that can be sent again: %v", d.key, d.puts())
				}
				keys[d.key] = true
				bytes += len(d.value)
				d.done = true
			}
			if sent += len(chunk); len(chunk) > most || bytes > max(maxBytes, store.MaxValue) || bytes > maxBytes && len(chunk) > 1 {
				t.Errorf("a chunk of %d with %d bytes", len(chunk), bytes)
			}
		}
	}
	if sent != len(items)-1 {
		t.Errorf("%d of %d operations were sent", sent, len(items)-1)
	}
}

// A delete that may have been applied stays in doubt, whatever the answer of the next try.
func TestADeleteWithoutAnAnswerIsSentAgainAndStaysInDoubt(t *testing.T) {
	d := &guardedOp{op: "delete", key: "key", ref: store.ByToken(7), remove: true, revision: 7}
	if d.answered(outcome{err: errHung}); d.done {
		t.Errorf("done: %v, revision %d", d.done, d.revision)
	}
	d.answered(outcome{err: rpctypes.ErrPermissionDenied})
	if !errors.Is(d.err, store.ErrInDoubt) {
		t.Error(d.err)
	}
	d = &guardedOp{op: "delete", key: "key", ref: store.ByToken(7), remove: true, revision: 7}
	for range 2 {
		if d.answered(outcome{err: &unsentError{errHung}}); d.done {
			t.Error(d.err)
		}
	}
	for range maxTries + 1 {
		nextTry([]*guardedOp{d})
	}
	if !errors.Is(d.err, store.ErrUnavailable) {
		t.Errorf("never sent, and %v", d.err)
	}
}

func TestARecordWhoseKeepAliveFailedIsNoLeftover(t *testing.T) {
	sh := newShared(10 * time.Second)
	m := sh.with(&member{key: "key", token: 7, until: t0.Add(time.Second)})
	s := &pool{held: map[string]*member{"key": m}}
	conclude := func(r renewal) error {
		d := &guardedOp{op: "renew", key: "key", ref: store.ByToken(7), lease: sh.lease, done: true}
		if !s.answerRenew(d, map[clientv3.LeaseID]renewal{sh.lease: r}) {
			t.Error("the record is one of this store's")
		}
		return d.err
	}
	if err := conclude(renewal{err: errBusy}); err == nil || len(sh.leftovers(t0)) != 0 {
		t.Errorf("%v, kept until %v", err, m.until)
	}
	for _, until := range []time.Duration{time.Minute, time.Second} { // the answers come in any order
		conclude(renewal{until: t0.Add(until)})
	}
	if !m.until.Equal(t0.Add(time.Minute)) {
		t.Errorf("kept until %v", m.until)
	}
}

func TestARecordOnAnotherEtcdLeaseThanItsMemberIsAdopted(t *testing.T) {
	sh := newShared(10 * time.Second)
	m := sh.with(&member{key: "key", token: 7})
	for name, c := range map[string]struct {
		held  *member
		lease clientv3.LeaseID // on which the record was found
		err   error            // of the keep-alive
		done  bool
	}{
		"in its place":          {m, sh.lease, nil, true},
		"without a member":      {nil, sh.lease, nil, false},
		"of another lease":      {sh.with(&member{key: "key", token: 6}), sh.lease, nil, false},
		"on another's lease":    {m, 99, nil, false},
		"on a lease left":       {m, sh.lease, errLeft, false},
		"on a lease that ended": {nil, sh.lease, rpctypes.ErrLeaseNotFound, true},
	} {
		s := &pool{held: make(map[string]*member)}
		if c.held != nil {
			s.held["key"] = c.held
		}
		d := &guardedOp{op: "renew", key: "key", ref: store.ByToken(7), lease: c.lease, done: true}
		if got := s.answerRenew(d, map[clientv3.LeaseID]renewal{sh.lease: {err: c.err}}); got != c.done {
			t.Errorf("%s: answered: %v", name, got)
		}
	}
}

func TestACreateIsKeptUntilItsSharedLeaseMayEnd(t *testing.T) {
	sh := newShared(10 * time.Second)
	sh.pending = 1
	s := &pool{held: make(map[string]*member), doubts: make(map[store.Nonce]*member)}
	m := &member{shared: sh, key: "key", token: 7}
	if until := s.addMember(m); !until.Equal(sh.until()) || !m.until.Equal(until) {
		t.Errorf("returned until %v, kept until %v; the etcd lease has until %v", until, m.until, sh.until())
	}
}

func TestALeaseAddedAgainIsNotUnwanted(t *testing.T) {
	sh := newShared(10 * time.Second)
	s := &pool{held: make(map[string]*member), doubts: make(map[store.Nonce]*member)}
	addMember := func(token store.Token) *member {
		m := &member{shared: sh, key: "key", nonce: store.Nonce{1}, token: token}
		sh.pending++
		s.addMember(m)
		return m
	}
	doubt, first := addMember(0), addMember(7)
	if _, still := sh.members[doubt]; still || !first.doubted {
		t.Error("the create is no longer in doubt, but its message may still arrive")
	}
	second := addMember(7)
	if got := sh.leftovers(t0); len(got) != 0 || len(sh.members) != 1 || !second.doubted {
		t.Errorf("%d leftovers of %d members", len(got), len(sh.members))
	}
	if addMember(9); !second.unwanted || s.held["key"].token != 9 || sh.pending != 0 {
		t.Error("the earlier lease has ended")
	}
}

func TestALateAnswerDoesNotEndALaterLease(t *testing.T) {
	sh := newShared(10 * time.Second)
	s := &pool{held: make(map[string]*member), doubts: make(map[store.Nonce]*member)}
	later, earlier := &member{shared: sh, key: "key", token: 9}, &member{shared: sh, key: "key", token: 7}
	s.addMember(later)
	s.addMember(earlier)
	if s.held["key"] != later || later.unwanted || !earlier.unwanted {
		t.Errorf("held is %+v; the later is unwanted: %v, the earlier: %v", s.held["key"], later.unwanted, earlier.unwanted)
	}
}

// With two members, a record could be deleted when the time of either is over.
func TestAnAnsweredCreateThatIsThenInDoubtIsOneMember(t *testing.T) {
	sh := newShared(10 * time.Second)
	s := &pool{held: make(map[string]*member), doubts: make(map[store.Nonce]*member)}
	answered := &member{shared: sh, key: "key", nonce: store.Nonce{1}, token: 7}
	s.addMember(answered)
	s.addMember(&member{shared: sh, key: "key", nonce: store.Nonce{1}})
	if len(sh.members) != 1 || len(s.doubts) != 0 || !answered.doubted {
		t.Errorf("%d members, %d in doubt", len(sh.members), len(s.doubts))
	}
}

func TestACreateInDoubtOnTwoSharedLeasesIsDeletedFromEither(t *testing.T) {
	s := &pool{held: make(map[string]*member), doubts: make(map[store.Nonce]*member)}
	first, second, again := &member{shared: newShared(time.Second)}, &member{shared: newShared(time.Second)}, &member{}
	s.addMember(first)
	s.addMember(second)
	again.shared = second.shared
	s.addMember(again)
	if first.onlyLease() == 0 || second.onlyLease() != 0 || again.onlyLease() != 0 {
		t.Errorf("%d, %d, %d", first.onlyLease(), second.onlyLease(), again.onlyLease())
	}
}

func TestAWatchedDeleteInvalidatesTheAttachedKeys(t *testing.T) {
	sh := newShared(time.Hour)
	before := time.Now()
	m := sh.with(&member{key: "key", since: before.Add(-1)})
	s := &pool{held: map[string]*member{"key": m}}
	names := map[string]struct{}{"key": {}, noteOf("key"): {}}
	sh.attached = attachedKeys{asked: before, names: names}
	if s.invalidateAttached("other"); !sh.confirms(m) || !sh.attachedFresh(before) {
		t.Error("the delete was of another key")
	}
	if s.invalidateAttached("key"); sh.confirms(m) || sh.attachedFresh(before) {
		t.Error("the deleted record is confirmed")
	}
	sh.attached = attachedKeys{asked: before, names: names} // answered after the delete was seen
	if sh.confirms(m) || sh.attachedFresh(before) {
		t.Error("the record is confirmed by a list that was asked for before the delete")
	}
	after := time.Now().Add(time.Second)
	sh.attached = attachedKeys{asked: after, names: names}
	if !sh.confirms(m) || !sh.attachedFresh(after) {
		t.Error("a later list does not count")
	}
}

func TestADeleteSkipsARecordOnAnotherEtcdLease(t *testing.T) {
	value, noteKV := pairOf()
	f := inspect("key", value, noteKV)
	d := &guardedOp{op: "delete", key: "key", ref: store.ByToken(11), remove: true, from: 98, revision: 3}
	if d.learn(f); !d.done || d.err != nil {
		t.Errorf("done: %v, %v", d.done, d.err)
	}
	d = &guardedOp{op: "delete", key: "key", ref: store.ByToken(11), remove: true, from: f.lease(), revision: 3}
	if d.learn(f); d.done || d.revision != value.ModRevision {
		t.Error("a record that is still on the etcd lease is to be deleted")
	}
	d = &guardedOp{op: "renew", key: "key", ref: store.ByToken(11), onto: f.lease(), revision: 3}
	if d.learn(f); !d.done || d.err != nil || d.revision != value.ModRevision {
		t.Error("a record that is on the etcd lease already need not be moved")
	}
}

func TestARecordWhoseMoveIsInDoubtIsReadBeforeTheNextWrite(t *testing.T) {
	for _, c := range []struct {
		err      error
		revision int64 // of the member, if there is one
		held     bool
	}{
		{nil, 5, true},
		{store.ErrInDoubt, 0, true},
		{store.ErrUnavailable, 0, false},
		{store.ErrLost, 0, false},
	} {
		sh := newShared(10 * time.Second)
		sh.pending = 1
		s := &pool{held: make(map[string]*member), doubts: make(map[store.Nonce]*member)}
		s.addMoved(sh, &guardedOp{key: "key", ref: store.ByToken(7), revision: 5, err: c.err})
		m := s.held["key"]
		if sh.pending != 0 || (m != nil) != c.held || m != nil && m.revision != c.revision {
			t.Errorf("%v: %+v, %d in flight", c.err, m, sh.pending)
		}
	}
}

func TestAListSkipsReservedAndInvalidKeys(t *testing.T) {
	page := new(clientv3.GetResponse)
	for _, name := range []string{noteOf("leasehold:probe:1"), noteOf("key"), noteOf(""), noteOf("\xff")} {
		page.Kvs = append(page.Kvs, &mvccpb.KeyValue{Key: []byte(name)})
	}
	if got := portions(page); len(got) != 1 || !slices.Equal(got[0], []string{"key"}) {
		t.Errorf("%q", got)
	}
}
