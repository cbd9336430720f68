package redisstore

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/store"
)

// Renewals by a keeper, with a heartbeat of at most half a ttl, write an entry again within a ttl. At any
// time not all keys are due, so that not all are written in the same heartbeats.
func TestEntriesAreDueOnceInATTL(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ttl := time.Duration(rapid.Int64Range(int64(100*time.Millisecond), int64(store.Forever)).Draw(t, "ttl"))
		heartbeat := time.Duration(rapid.Int64Range(1<<20, int64(min(ttl, 24*365*time.Hour))/2).Draw(t, "heartbeat"))
		token := store.Token(rapid.Uint64().Draw(t, "token"))
		at := time.Duration(rapid.Int64Range(0, int64(24*365*time.Hour)).Draw(t, "start"))
		last := at
		for range 100 {
			at += heartbeat - time.Duration(rapid.Int64Range(0, int64(heartbeat/10)).Draw(t, "earlier"))
			if at-last > ttl {
				t.Fatalf("not written for %v, of a ttl of %v", at-last, ttl)
			}
			if entryDue(at, ttl, token) {
				last = at
			}
		}
	})
	const keys = 10_000
	due := 0
	for token := range store.Token(keys) {
		if entryDue(time.Minute, 45*time.Second, token) {
			due++
		}
	}
	if due < keys/2 || due > keys*3/4 {
		t.Errorf("the entries of %d of %d keys are due at once, want five eighths of them", due, keys)
	}
}

// The race detector finds two rounds at once. A full round comes at once, also while another
// is under way.
func TestRoundsOfHousekeepingDoNotOverlap(t *testing.T) {
	t.Parallel()
	s, err := New(t.Context(), redistest.Start(t).Client())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		for i := range houseItems {
			s.index.addLater("app:" + strconv.Itoa(i))
		}
	}
}

// A server that takes no entries, because it is out of memory for one, is asked again after a pause,
// however many entries wait.
func TestEntriesThatAreRefusedAreNotTriedAgainAtOnce(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t).Client()
	s, err := New(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	client.Set(t.Context(), "leasehold:index", "of another program", 0)
	client.ConfigResetStat(t.Context())
	began := time.Now()
	for i := range houseItems {
		s.index.addLater("app:" + strconv.Itoa(i))
	}
	time.Sleep(3 * time.Second)
	_, rest, _ := strings.Cut(client.Info(t.Context(), "commandstats").Val(), "cmdstat_zadd:calls=")
	number, _, _ := strings.Cut(rest, ",")
	calls, _ := strconv.Atoi(number)
	const round = houseItems/maxCallKeys + 1
	if most := (int(time.Since(began)/houseTime) + 2) * round; calls == 0 || calls > most {
		t.Errorf("%d calls, want no more than %d", calls, most)
	}
}

// The entry of a record that is deleted is not written any more.
func TestEntriesThatAreRefusedAreForgottenWithTheirRecords(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t).Client()
	s, err := New(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	client.Set(t.Context(), "leasehold:index", "of another program", 0)
	for i := range 100 {
		key := "app:" + strconv.Itoa(i)
		grant, err := s.Create(t.Context(), store.Claim{Key: key, Value: []byte("v"), TTL: time.Minute, Nonce: store.NewNonce()})
		if err == nil {
			err = s.Delete(t.Context(), key, store.ByToken(grant.Token))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		s.index.mu.Lock()
		n := len(s.index.missing)
		s.index.mu.Unlock()
		if n == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d entries are kept", n)
		}
	}
}
