package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/leasehold-go/leasehold/store"
)

var t0 = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

func newShared(ttl time.Duration) *sharedLease {
	return &sharedLease{lease: 1, ttl: ttl, sent: t0}
}

func TestUntilCountsFromTheLastKeepAliveSent(t *testing.T) {
	sh := newShared(16 * time.Second)
	if got := sh.until(); !got.Equal(t0.Add(16 * time.Second)) {
		t.Error(got)
	}
	if !sh.fresh(t0.Add(time.Second-1)) || sh.fresh(t0.Add(time.Second)) {
		t.Error("a keep-alive serves for a sixteenth of the ttl")
	}
	if sh.suspect = true; sh.fresh(t0) || !sh.takes(t0, 0) {
		t.Error("a suspect etcd lease has no recent keep-alive, and takes records")
	}
}

func TestASharedLeaseTakesNoRecordWhenFullOrPossiblyExpired(t *testing.T) {
	sh := newShared(16 * time.Second)
	if !sh.takes(t0, 0) || sh.takes(sh.until(), 0) {
		t.Error("a shared etcd lease takes records until it may have expired")
	}
	if sh.pending = 1; sh.takes(t0, maxMembers-1) {
		t.Error("creates in flight count")
	}
	if sh.pending = 0; !sh.takes(t0, maxMembers-1) {
		t.Error("there is room for one")
	}
	if sh.endErr = errLeft; sh.takes(t0, 0) {
		t.Error("an etcd lease that is not kept alive takes none")
	}
}

func TestASharedLeaseIsEmptyOnlyWithoutCreatesInFlight(t *testing.T) {
	sh := newShared(time.Second)
	sh.pending = 1
	if sh.empty(0) {
		t.Error("a create is in flight")
	}
	if sh.pending = 0; !sh.empty(0) {
		t.Error("nothing is on it")
	}
	if sh.empty(1) {
		t.Error("a record is on it")
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
	m := &member{key: "key", since: t0.Add(-1)}
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
	sh, r := newShared(10*time.Second), newRecords()
	m := r.with(sh, &member{key: "key", token: 7, until: t0.Add(time.Second)})
	p := &pool{records: r}
	conclude := func(r renewal) error {
		d := &guardedOp{op: "renew", key: "key", ref: store.ByToken(7), lease: sh.lease, done: true}
		if !p.answerRenew(d, map[clientv3.LeaseID]renewal{sh.lease: r}) {
			t.Error("the record is one of this store's")
		}
		return d.err
	}
	if err := conclude(renewal{err: errBusy}); err == nil || len(r.leftovers(sh, t0)) != 0 {
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
	m := &member{key: "key", token: 7, shared: sh}
	for name, c := range map[string]struct {
		held  *member
		lease clientv3.LeaseID // on which the record was found
		err   error            // of the keep-alive
		done  bool
	}{
		"in its place":          {m, sh.lease, nil, true},
		"without a member":      {nil, sh.lease, nil, false},
		"of another lease":      {&member{key: "key", token: 6, shared: sh}, sh.lease, nil, false},
		"on another's lease":    {m, 99, nil, false},
		"on a lease left":       {m, sh.lease, errLeft, false},
		"on a lease that ended": {nil, sh.lease, rpctypes.ErrLeaseNotFound, true},
	} {
		p := &pool{records: newRecords()}
		if c.held != nil {
			p.records.held["key"] = c.held
		}
		d := &guardedOp{op: "renew", key: "key", ref: store.ByToken(7), lease: c.lease, done: true}
		if got := p.answerRenew(d, map[clientv3.LeaseID]renewal{sh.lease: {err: c.err}}); got != c.done {
			t.Errorf("%s: answered: %v", name, got)
		}
	}
}

func TestACreateIsKeptUntilItsSharedLeaseMayEnd(t *testing.T) {
	sh := newShared(10 * time.Second)
	sh.pending = 1
	p := &pool{records: newRecords()}
	m := &member{shared: sh, key: "key", token: 7}
	if p.addMember(m); !m.until.Equal(sh.until()) {
		t.Errorf("kept until %v; the etcd lease has until %v", m.until, sh.until())
	}
}

func TestAWatchedDeleteInvalidatesTheAttachedKeys(t *testing.T) {
	sh := newShared(time.Hour)
	before := time.Now()
	p := &pool{records: newRecords()}
	m := p.records.with(sh, &member{key: "key", token: 7, since: before.Add(-1)})
	names := map[string]struct{}{"key": {}, noteOf("key"): {}}
	sh.attached = attachedKeys{asked: before, names: names}
	if p.invalidateAttached("other"); !sh.confirms(m) || !sh.attachedFresh(before) {
		t.Error("the delete was of another key")
	}
	if p.invalidateAttached("key"); sh.confirms(m) || sh.attachedFresh(before) {
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
		p := &pool{records: newRecords()}
		p.addMoved(sh, &guardedOp{key: "key", ref: store.ByToken(7), revision: 5, err: c.err})
		m := p.records.held["key"]
		if sh.pending != 0 || (m != nil) != c.held || m != nil && m.revision != c.revision {
			t.Errorf("%v: %+v, %d in flight", c.err, m, sh.pending)
		}
	}
}

func TestAListSkipsReservedAndInvalidKeys(t *testing.T) {
	page := &clientv3.GetResponse{Header: new(pb.ResponseHeader)}
	for _, name := range []string{noteOf("leasehold:probe:1"), noteOf("key"), noteOf(""), noteOf("\xff")} {
		page.Kvs = append(page.Kvs, &mvccpb.KeyValue{Key: []byte(name)})
	}
	if got := portionsOf(page); len(got) != 1 || !slices.Equal(got[0].keys, []string{"key"}) {
		t.Errorf("%v", got)
	}
}

// After a change of leader each shared etcd lease of a batch may need another keep-alive. While no
// member answers, the batch waits for all of them at once.
func TestKeepAlivesAfterAChangeOfLeaderDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := func(ctx context.Context, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		conn, err := grpc.NewClient("passthrough:///member", grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(hangs))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		p := newPool(newWriter(newCluster(nil, conn)), nil, newRecords())
		p.revision.observe(time.Now(), seen{}, seen{1, 2})
		const ttl = 8 * time.Second
		one, other := &sharedLease{lease: 1, ttl: ttl, term: 1}, &sharedLease{lease: 2, ttl: ttl, term: 1}
		began := time.Now()
		proven := p.proven(t.Context(), []*sharedLease{one, one, other})
		if took := time.Since(began); took != ttl/4 || proven[one].err == nil || proven[other].err == nil {
			t.Errorf("after %v, want %v: %v", took, ttl/4, proven)
		}
	})
}
