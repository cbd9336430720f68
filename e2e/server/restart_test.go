package server_test

import (
	"errors"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
)

func TestATermOutlivesARestartWithTheData(t *testing.T) {
	for name, args := range map[string][]string{
		"append only file": {"--appendonly", "yes", "--appendfsync", "always"},
		"snapshot":         {"--save", "3600 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, args...)
			a, b := s.party(30*time.Second, time.Second), s.party(30*time.Second, time.Second)
			held := a.acquire("job", "a")
			waiting := b.await("job", "b")
			before := s.fence("job")

			s.Restart()
			a.renewed(held)
			if after := s.fence("job"); s.raw("job") != "a" || leaseOf(after) != leaseOf(before) {
				t.Errorf("there was %v and there is %q, %v", before, s.raw("job"), after)
			}
			if !waiting.waits() {
				t.Fatal("the waiter has the key of a living holder")
			}
			if _, err := b.store.Get(t.Context(), "job"); err != nil {
				t.Error(err)
			}
			if err := held.Release(t.Context()); err != nil {
				t.Fatal(err)
			}
			later(t, waiting.taken(), held)
		})
	}
}

func TestARestartWithoutTheDataIsALoss(t *testing.T) {
	t.Parallel()
	s := start(t)
	a, b := s.party(4*time.Second, time.Second), s.party(time.Hour, time.Second)
	held := a.acquire("job", "a")
	alone := a.acquire("alone", "a")
	waiting := b.await("job", "b")

	s.RestartEmpty()
	successor := waiting.taken()
	later(t, successor, held)
	lost(t, held)
	s.powerless(held, successor)
	lost(t, alone)
	if s.raw("alone") != "" {
		t.Error("a lost term put its record back")
	}
	later(t, b.acquire("alone", "b"), alone)
}

// kept has a server keep its data where RestartEmpty does not look, so that there can
// be any length of time between its end and its next start.
var kept = []string{"--dbfilename", "kept.rdb", "--save", "3600 1"}

func TestAnOutageWithinTheWindowIsSurvived(t *testing.T) {
	t.Parallel()
	s := start(t, kept...)
	a := s.party(30*time.Second, time.Second)
	held := a.acquire("job", "a")
	s.do("SAVE")
	s.Stop()
	failing := func() bool {
		beats := a.told()
		return len(beats) > 0 && beats[len(beats)-1].Err != nil
	}
	eventually(t, "a renewal fails", failing)
	if !held.Valid() {
		t.Errorf("lost while the server is away: %v", held.Err())
	}
	if err := held.Update(t.Context(), []byte("b")); !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrInDoubt) {
		t.Errorf("an update meanwhile: %v", err)
	}
	s.RestartEmpty()
	a.renewed(held)
	if got := s.raw("job"); got != "a" {
		t.Errorf("the value is %q", got)
	}
	if err := held.Update(t.Context(), []byte("c")); err != nil {
		t.Error(err)
	}
}

func TestAnOutageBeyondTheWindowIsALoss(t *testing.T) {
	full.Only(t)
	t.Parallel()
	s := start(t, kept...)
	a := s.party(2*time.Second, 500*time.Millisecond)
	held := a.acquire("job", "a")
	s.do("SAVE")
	s.Stop()
	expired(t, held)
	time.Sleep(200 * time.Millisecond) // the record outlives the window by the margin
	s.RestartEmpty()
	successor := s.party(time.Hour, 0).acquire("job", "b")
	later(t, successor, held)
	s.powerless(held, successor)
}
