package etcdstore

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

var t0 = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

func newShard(ttl time.Duration) *shard {
	return &shard{lease: 1, ttl: ttl, sent: t0, members: make(map[*member]struct{})}
}

func (sh *shard) with(m *member) *member {
	m.shard = sh
	sh.members[m] = struct{}{}
	return m
}

func TestUntilCountsFromTheLastKeepAliveSent(t *testing.T) {
	sh := newShard(16 * time.Second)
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
	sh := newShard(16 * time.Second)
	if !sh.takes(t0) || sh.takes(sh.until()) {
		t.Error("a shard takes records until its lease may have ended")
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
	if sh.gone = true; sh.takes(t0) {
		t.Error("a lease that is gone takes none")
	}
}

func TestAShardIsEmptyOnlyWithoutCreatesInFlight(t *testing.T) {
	sh := newShard(time.Second)
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
	sh := newShard(10 * time.Second)
	now := t0.Add(5 * time.Second)
	sh.with(&member{key: "wanted", until: now})
	old := sh.with(&member{key: "not renewed", until: now.Add(-1)})
	doubt := sh.with(&member{key: "delete in doubt", until: now.Add(time.Second), unwanted: true})
	got := sh.leftovers(now)
	if len(got) != 2 || !slices.Contains(got, old) || !slices.Contains(got, doubt) {
		t.Errorf("%d leftovers", len(got))
	}
}

func TestACensusVouchesOnlyForWhatItCouldSee(t *testing.T) {
	sh := newShard(16 * time.Second)
	names := func(all ...string) {
		sh.census = census{taken: t0, names: make(map[string]struct{})}
		for _, name := range all {
			sh.census.names[name] = struct{}{}
		}
	}
	m := sh.with(&member{key: "key", since: t0.Add(-1)})
	if names("key", noteOf("key")); !sh.vouches(m) {
		t.Error("record and note are in their place")
	}
	if !sh.counted(t0.Add(time.Second-1)) || sh.counted(t0.Add(time.Second)) {
		t.Error("a census serves for a sixteenth of the ttl")
	}
	if names("key"); sh.vouches(m) {
		t.Error("the note is missing")
	}
	if names(noteOf("key")); sh.vouches(m) {
		t.Error("the record is missing")
	}
	m.since = t0
	if names("key", noteOf("key")); sh.vouches(m) {
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
	var deeds []*deed
	for i := range 300 {
		deeds = append(deeds, &deed{key: fmt.Sprint("key ", i%250)})
	}
	for i := range 10 {
		deeds = append(deeds, &deed{key: fmt.Sprint("large ", i), value: value, seq: 1})
	}
	deeds = append(deeds, &deed{key: "huge", value: make([]byte, store.MaxValue), seq: 1}, &deed{key: "done", done: true})
	sent := 0
	for open := deeds; len(open) > 0; {
		var chunk []*deed
		chunk, open = cut(open)
		sent += len(chunk)
		bytes, keys := 0, make(map[string]bool)
		for _, d := range chunk {
			if keys[d.key] {
				t.Errorf("%q is in a chunk twice", d.key)
			}
			keys[d.key] = true
			bytes += len(d.value)
		}
		if len(chunk) > maxGuarded || bytes > max(maxBytes, store.MaxValue) || bytes > maxBytes && len(chunk) > 1 && bytes < store.MaxValue {
			t.Errorf("a chunk of %d with %d bytes", len(chunk), bytes)
		}
	}
	if sent != len(deeds)-1 {
		t.Errorf("%d of %d deeds were sent", sent, len(deeds)-1)
	}
}

func TestARecordWhoseKeepAliveFailedIsNoLeftover(t *testing.T) {
	sh := newShard(10 * time.Second)
	m := sh.with(&member{key: "key", token: 7, until: t0.Add(time.Second)})
	s := &Store{held: map[string]*member{"key": m}}
	d := &deed{op: "renew", key: "key", term: store.ByToken(7), done: true}
	s.conclude(d, renewal{err: errBusy})
	if d.err == nil || len(sh.leftovers(t0)) != 0 {
		t.Errorf("%v, wanted until %v", d.err, m.until)
	}
	s.conclude(&deed{op: "renew", key: "key", term: store.ByToken(7), done: true}, renewal{until: t0.Add(time.Minute)})
	if !m.until.Equal(t0.Add(time.Minute)) {
		t.Errorf("wanted until %v", m.until)
	}
}
