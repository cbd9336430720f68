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
		t.Error("a lease that may be gone is asked again, by whoever is to be put on it")
	}
}

func TestAShardTakesNoMoreThanItsBoundAndNoneWhenItMayHaveEnded(t *testing.T) {
	sh := newShared(16 * time.Second)
	if !sh.takes(t0) || sh.takes(sh.until()) {
		t.Error("a shared etcd lease takes records until its lease may have ended")
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
		t.Error("a lease that is not kept alive takes none")
	}
}

func TestAShardIsEmptyOnlyWithoutCreatesInFlight(t *testing.T) {
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

func TestLeftoversAreWhatNobodyWants(t *testing.T) {
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

// Between the decision to delete a record and its deletion a call may come that is about
// it, and must not answer as if it stayed.
func TestWhatIsToGoCannotBeWantedAgain(t *testing.T) {
	sh := newShared(10 * time.Second)
	granted := sh.with(&member{key: "granted", nonce: store.Nonce{1}, token: 7, until: t0})
	doubt := sh.with(&member{key: "in doubt", nonce: store.Nonce{2}, until: t0})
	s := &Store{held: map[string]*member{"granted": granted}, doubts: map[store.Nonce]*member{{2}: doubt}}
	calls := []*guardedOp{
		{key: "granted", ref: store.ByToken(7)}, {key: "granted", ref: store.ByNonce(store.Nonce{1})},
		{key: "in doubt", ref: store.ByNonce(store.Nonce{2})},
	}
	others := []*guardedOp{{key: "granted", ref: store.ByToken(6)}, {key: "other", ref: store.ByToken(7)}}
	wanted, late := s.pin(append(calls, others...))
	if len(wanted) != 3 || len(late) != 0 || len(sh.leftovers(t0.Add(1))) != 0 {
		t.Errorf("%d wanted, %d late", len(wanted), len(late))
	}
	s.unpin(wanted)
	if n := len(sh.leftovers(t0.Add(1))); n != 2 {
		t.Errorf("%d leftovers when the calls are over", n)
	}
	if wanted, late := s.pin(calls); len(wanted) != 0 || len(late) != 3 {
		t.Errorf("%d wanted, %d late", len(wanted), len(late))
	}
}

func TestACensusVouchesOnlyForWhatItCouldSee(t *testing.T) {
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
		t.Error("a census serves for a sixteenth of the ttl")
	}
	if names("key"); sh.confirms(m) {
		t.Error("the note is missing")
	}
	if names(noteOf("key")); sh.confirms(m) {
		t.Error("the record is missing")
	}
	m.since = t0
	if names("key", noteOf("key")); sh.confirms(m) {
		t.Error("the census may have seen the term before")
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

func TestAChunkHasNoKeyTwiceAndBoundedBytes(t *testing.T) {
	value := make([]byte, 100<<10)
	var items []*guardedOp
	for i := range 300 {
		items = append(items, &guardedOp{key: fmt.Sprint("key ", i%250), revision: 1})
	}
	for i := range 10 {
		items = append(items, &guardedOp{key: fmt.Sprint("large ", i), value: value, seq: 1, revision: 1})
	}
	items = append(items, &guardedOp{key: "huge", value: make([]byte, store.MaxValue), seq: 1, revision: 1}, &guardedOp{key: "done", done: true})
	const most = 124
	sent := 0
	for open := firstPerKey(items); len(open) > 0; open = firstPerKey(items) {
		keys := make(map[string]bool)
		for _, chunk := range chunksOf(open, most) {
			bytes := 0
			for _, d := range chunk {
				if keys[d.key] {
					t.Errorf("%q is sent twice at a time", d.key)
				}
				if d.puts() != chunk[0].puts() {
					t.Errorf("%q is in a chunk with what can be sent again: %v", d.key, d.puts())
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

// A delete that may have been carried out stays in doubt, whatever the next try says.
func TestADeleteWithoutAnAnswerIsTriedAgainAndStaysInDoubt(t *testing.T) {
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
	s := &Store{held: map[string]*member{"key": m}}
	conclude := func(r renewal) error {
		d := &guardedOp{op: "renew", key: "key", ref: store.ByToken(7), lease: sh.lease, done: true}
		if !s.answerRenew(d, map[clientv3.LeaseID]renewal{sh.lease: r}) {
			t.Error("the record is one of this store's")
		}
		return d.err
	}
	if err := conclude(renewal{err: errBusy}); err == nil || len(sh.leftovers(t0)) != 0 {
		t.Errorf("%v, wanted until %v", err, m.until)
	}
	for _, until := range []time.Duration{time.Minute, time.Second} { // the answers come in any order
		conclude(renewal{until: t0.Add(until)})
	}
	if !m.until.Equal(t0.Add(time.Minute)) {
		t.Errorf("wanted until %v", m.until)
	}
}

func TestARecordOnALeaseThatIsNotItsMembersIsAdopted(t *testing.T) {
	sh := newShared(10 * time.Second)
	m := sh.with(&member{key: "key", token: 7})
	for name, c := range map[string]struct {
		held  *member
		lease clientv3.LeaseID // that it was found on
		err   error            // of the keep-alive
		done  bool
	}{
		"in its place":          {m, sh.lease, nil, true},
		"known to nobody":       {nil, sh.lease, nil, false},
		"of another term":       {sh.with(&member{key: "key", token: 6}), sh.lease, nil, false},
		"on another's lease":    {m, 99, nil, false},
		"on a lease left":       {m, sh.lease, errLeft, false},
		"on a lease that ended": {nil, sh.lease, rpctypes.ErrLeaseNotFound, true},
	} {
		s := &Store{held: make(map[string]*member)}
		if c.held != nil {
			s.held["key"] = c.held
		}
		d := &guardedOp{op: "renew", key: "key", ref: store.ByToken(7), lease: c.lease, done: true}
		if got := s.answerRenew(d, map[clientv3.LeaseID]renewal{sh.lease: {err: c.err}}); got != c.done {
			t.Errorf("%s: concluded: %v", name, got)
		}
	}
}

func TestACreateIsPromisedNoMoreThanItsLeaseHas(t *testing.T) {
	sh := newShared(10 * time.Second)
	sh.pending = 1
	s := &Store{held: make(map[string]*member), doubts: make(map[store.Nonce]*member)}
	m := &member{shared: sh, key: "key", token: 7}
	if until := s.addMember(m); !until.Equal(sh.until()) || !m.until.Equal(until) {
		t.Errorf("promised until %v, kept until %v; the lease has until %v", until, m.until, sh.until())
	}
}

func TestTheSameTermBoardedAgainIsNotUnwanted(t *testing.T) {
	sh := newShared(10 * time.Second)
	s := &Store{held: make(map[string]*member), doubts: make(map[store.Nonce]*member)}
	addMember := func(token store.Token) *member {
		m := &member{shared: sh, key: "key", nonce: store.Nonce{1}, token: token}
		sh.pending++
		s.addMember(m)
		return m
	}
	doubt, first := addMember(0), addMember(7)
	if _, still := sh.members[doubt]; still || !first.doubted {
		t.Error("a create that was in doubt is so no more, but its message may still come")
	}
	second := addMember(7)
	if got := sh.leftovers(t0); len(got) != 0 || len(sh.members) != 1 || !second.doubted {
		t.Errorf("%d leftovers of %d members", len(got), len(sh.members))
	}
	if addMember(9); !second.unwanted || s.held["key"].token != 9 || sh.pending != 0 {
		t.Error("the term before has ended")
	}
}

func TestAnAnswerThatWasOvertakenEndsNoLaterTerm(t *testing.T) {
	sh := newShared(10 * time.Second)
	s := &Store{held: make(map[string]*member), doubts: make(map[store.Nonce]*member)}
	later, earlier := &member{shared: sh, key: "key", token: 9}, &member{shared: sh, key: "key", token: 7}
	s.addMember(later)
	s.addMember(earlier)
	if s.held["key"] != later || later.unwanted || !earlier.unwanted {
		t.Errorf("held is %+v; the later is unwanted: %v, the earlier: %v", s.held["key"], later.unwanted, earlier.unwanted)
	}
}

// Two members of one record could each have it deleted when its own time is over.
func TestACreateThatWasAnsweredAndIsThenInDoubtIsOneMember(t *testing.T) {
	sh := newShared(10 * time.Second)
	s := &Store{held: make(map[string]*member), doubts: make(map[store.Nonce]*member)}
	answered := &member{shared: sh, key: "key", nonce: store.Nonce{1}, token: 7}
	s.addMember(answered)
	s.addMember(&member{shared: sh, key: "key", nonce: store.Nonce{1}})
	if len(sh.members) != 1 || len(s.doubts) != 0 || !answered.doubted {
		t.Errorf("%d members, %d in doubt", len(sh.members), len(s.doubts))
	}
}

func TestADoubtThatCanBeOnTwoLeasesIsLookedForOnBoth(t *testing.T) {
	s := &Store{held: make(map[string]*member), doubts: make(map[store.Nonce]*member)}
	first, second, again := &member{shared: newShared(time.Second)}, &member{shared: newShared(time.Second)}, &member{}
	s.addMember(first)
	s.addMember(second)
	again.shared = second.shared
	s.addMember(again)
	if first.onlyLease() == 0 || second.onlyLease() != 0 || again.onlyLease() != 0 {
		t.Errorf("%d, %d, %d", first.onlyLease(), second.onlyLease(), again.onlyLease())
	}
}

func TestADeleteThatIsHeardOfEndsTheCensus(t *testing.T) {
	sh := newShared(time.Hour)
	before := time.Now()
	m := sh.with(&member{key: "key", since: before.Add(-1)})
	s := &Store{held: map[string]*member{"key": m}}
	names := map[string]struct{}{"key": {}, noteOf("key"): {}}
	sh.attached = attachedKeys{asked: before, names: names}
	if s.invalidateAttached("other"); !sh.confirms(m) || !sh.attachedFresh(before) {
		t.Error("nothing is known of another key")
	}
	if s.invalidateAttached("key"); sh.confirms(m) || sh.attachedFresh(before) {
		t.Error("the record is vouched for")
	}
	sh.attached = attachedKeys{asked: before, names: names} // its answer came after the delete was heard of
	if sh.confirms(m) || sh.attachedFresh(before) {
		t.Error("the record is vouched for by a census that was asked for before")
	}
	after := time.Now().Add(time.Second)
	sh.attached = attachedKeys{asked: after, names: names}
	if !sh.confirms(m) || !sh.attachedFresh(after) {
		t.Error("a later census counts")
	}
}

func TestWhatAnotherStoreTookOverIsLeftToIt(t *testing.T) {
	value, noteKV := pairOf()
	f := inspect("key", value, noteKV)
	d := &guardedOp{op: "delete", key: "key", ref: store.ByToken(11), remove: true, from: 98, revision: 3}
	if d.learn(f); !d.done || d.err != nil {
		t.Errorf("done: %v, %v", d.done, d.err)
	}
	d = &guardedOp{op: "delete", key: "key", ref: store.ByToken(11), remove: true, from: f.lease(), revision: 3}
	if d.learn(f); d.done || d.revision != value.ModRevision {
		t.Error("what is still on the lease is to be deleted")
	}
	d = &guardedOp{op: "renew", key: "key", ref: store.ByToken(11), onto: f.lease(), revision: 3}
	if d.learn(f); !d.done || d.err != nil || d.revision != value.ModRevision {
		t.Error("what is on the lease already need not be put on it")
	}
}

func TestARecordThatMayHaveBeenPutOnAShardIsLookedForBeforeItIsTrusted(t *testing.T) {
	for _, c := range []struct {
		err      error
		revision int64 // that is believed, if the record is believed to be there
		held     bool
	}{
		{nil, 5, true},
		{store.ErrInDoubt, 0, true},
		{store.ErrUnavailable, 0, false},
		{store.ErrLost, 0, false},
	} {
		sh := newShared(10 * time.Second)
		sh.pending = 1
		s := &Store{held: make(map[string]*member), doubts: make(map[store.Nonce]*member)}
		s.addMoved(sh, &guardedOp{key: "key", ref: store.ByToken(7), revision: 5, err: c.err})
		m := s.held["key"]
		if sh.pending != 0 || (m != nil) != c.held || m != nil && m.revision != c.revision {
			t.Errorf("%v: %+v, %d in flight", c.err, m, sh.pending)
		}
	}
}

func TestAListShowsNoneOfTheLibrarysOwnNames(t *testing.T) {
	page := new(clientv3.GetResponse)
	for _, name := range []string{noteOf("leasehold:probe:1"), noteOf("key"), noteOf(""), noteOf("\xff")} {
		page.Kvs = append(page.Kvs, &mvccpb.KeyValue{Key: []byte(name)})
	}
	if got := portions(page); len(got) != 1 || !slices.Equal(got[0], []string{"key"}) {
		t.Errorf("%q", got)
	}
}
