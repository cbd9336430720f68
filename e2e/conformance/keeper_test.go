package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

// What package lease promises on any store, in real time. Its own tests hold it to
// the same in virtual time, and to the rest.
func TestKeeper(t *testing.T) {
	rules{
		"ATermIsARecordUntilItIsReleased":    recordUntilReleased,
		"AHeldKeyIsRefusedWithItsRecord":     refusedWithRecord,
		"ATermIsKeptBeyondItsTTL":            inTime(brief, keptBeyondTTL),
		"AWaiterTakesOverAfterARelease":      takenOverAfterRelease,
		"AWaiterTakesOverAfterADeath":        takenOverAfterDeath,
		"AnUpdateIsReadByOthers":             updateIsRead,
		"ARecordThatIsTakenAwayIsALoss":      takenAwayIsALoss,
		"AForcedReleaseIsALossAtOnce":        forcedIsALossAtOnce,
		"ARecordThatIsOverwrittenIsALoss":    overwrittenIsALoss,
		"NoTwoTermsAreValidAtOnce":           neverTwo,
		"ManyTermsAreKeptWhileOthersEnd":     inTime(brief, manyTerms),
		"CloseReleasesAll":                   closeReleases,
		"TheSameKeyAgainIsATermOfItsOwn":     eachTermItsOwn,
		"AForeignValueIsNeitherTakenNorHeld": foreignIsLeft,
	}.hold(t)
}

func recordUntilReleased(s *scene) {
	held := s.acquire(s.keep(long), "value")
	peer := s.Open()
	r, err := peer.Get(s.Context(), s.key)
	if err != nil || string(r.Value) != "value" || r.Token != held.Token() || !held.Valid() {
		s.Errorf("the record is %+v, %v; token %d is valid: %v", r, err, held.Token(), held.Valid())
	}
	if s.Outsider != nil {
		if value, left := s.Outsider.Get(s.key); string(value) != "value" || left <= 0 || left > long+time.Minute {
			s.Errorf("any other program reads %q with %v left", value, left)
		}
	}
	if err := held.Release(s.Context()); err != nil {
		s.Error(err)
	}
	if _, err := peer.Get(s.Context(), s.key); !errors.Is(err, store.ErrNotFound) {
		s.Errorf("after the release: %v", err)
	}
	if held.Valid() || !errors.Is(held.Err(), lease.ErrReleased) {
		s.Errorf("after the release it is valid: %v, %v", held.Valid(), held.Err())
	}
}

func refusedWithRecord(s *scene) {
	held := s.acquire(s.keep(long), "value")
	_, err := s.take(s.keep(long), s.key, "another")
	refusal, ok := errors.AsType[*store.HeldError](err)
	if !ok {
		s.Fatalf("got %v", err)
	}
	if r := refusal.Record; string(r.Value) != "value" || r.Token != held.Token() || r.Left <= long/2 || r.Left > long {
		s.Errorf("it shows %+v", r)
	}
}

func keptBeyondTTL(s *scene, ttl time.Duration) (slow error) {
	held := s.acquire(s.keep(ttl), "value")
	peer := s.Open()
	for end := time.Now().Add(ttl + time.Second); time.Now().Before(end); time.Sleep(ttl / 10) {
		r, err := peer.Get(s.Context(), s.key)
		if slow := expired(held); slow != nil {
			return slow
		}
		if err != nil || r.Token != held.Token() || !held.Valid() {
			s.Fatalf("the record is %+v, %v; the lease: %v", r, err, held.Err())
		}
	}
	return nil
}

// waiting begins to wait for the scene's key, and returns once it watches
// or has it.
func (s *scene) waiting() <-chan lease.Lease {
	s.Helper()
	st := told{s.Open(), new(sync.Once), make(chan struct{})}
	k, taken := s.keepOn(st, long), make(chan lease.Lease, 1)
	var waiter sync.WaitGroup
	waiter.Go(func() {
		held, err := s.take(k, s.key, "the waiter's", lease.WithWait())
		if err != nil {
			s.Errorf("a waiter: %v", err)
		}
		taken <- held
		st.tell() // who found the key free never watches
	})
	s.Cleanup(waiter.Wait) // the test's context has ended by then
	select {
	case <-st.synced:
	case <-time.After(patience):
		s.Error("a waiter never watches")
	}
	return taken
}

// taken is what a waiter gets.
func (s *scene) taken(by <-chan lease.Lease) lease.Lease {
	s.Helper()
	select {
	case held := <-by:
		if held == nil {
			s.FailNow()
		}
		return held
	case <-time.After(patience):
		s.Fatal("the key is never taken")
		return nil
	}
}

func takenOverAfterRelease(s *scene) {
	first := s.acquire(s.keep(long), "value")
	waiter := s.waiting()
	select {
	case <-waiter:
		s.Fatal("the key is taken while it is held")
	default:
	}
	if err := first.Release(s.Context()); err != nil {
		s.Fatal(err)
	}
	s.later(s.taken(waiter), first)
}

func takenOverAfterDeath(s *scene) {
	dead := s.die(fleeting)
	held := s.taken(s.waiting())
	if time.Now().Before(dead.Until) || held.Token() <= dead.Token {
		s.Errorf("taken %v before its time; token %d after %d", time.Until(dead.Until), held.Token(), dead.Token)
	}
}

func updateIsRead(s *scene) {
	held := s.acquire(s.keep(long), "first")
	peer := s.Open()
	for i := range 20 {
		value := fmt.Sprintf("value %d", i)
		if err := held.Update(s.Context(), []byte(value)); err != nil {
			s.Fatal(err)
		}
		if r, err := peer.Get(s.Context(), s.key); err != nil || string(r.Value) != value || r.Token != held.Token() || r.Left > long {
			s.Fatalf("after an update: %+v, %v", r, err)
		}
	}
}

func takenAwayIsALoss(s *scene) {
	held := s.acquire(s.keep(long), "value")
	if err := s.Open().Delete(s.Context(), s.key, store.ByToken(held.Token())); err != nil {
		s.Fatal(err)
	}
	s.lost(held)
	s.later(s.acquire(s.keep(long), "next"), held)
	s.powerless(held, "next")
}

// forcedIsALossAtOnce has nothing but an alert that can tell. A store may miss some, as
// before it is connected.
func forcedIsALossAtOnce(s *scene) {
	k, err := lease.NewKeeper(s.Open(), lease.Config{TTL: long})
	if err != nil {
		s.Fatal(err)
	}
	defer k.Close(context.Background())
	peer := s.Open()
	s.eventually("a loss is known long before the next heartbeat", func() bool {
		held := s.acquire(k, "value")
		if err := peer.Delete(s.Context(), s.key, store.ByToken(held.Token())); err != nil {
			s.Fatal(err)
		}
		select {
		case <-held.Done():
			return errors.Is(held.Err(), store.ErrLost)
		case <-time.After(time.Second):
			return false
		}
	})
}

// powerless checks that a term that was lost changes nothing.
func (s *scene) powerless(held lease.Lease, value string) {
	s.Helper()
	if err := held.Update(s.Context(), []byte("too late")); !errors.Is(err, store.ErrLost) {
		s.Errorf("an update after the loss: %v", err)
	}
	if err := held.Release(s.Context()); err != nil {
		s.Errorf("a release after the loss: %v", err)
	}
	if r, err := s.Open().Get(s.Context(), s.key); err != nil || string(r.Value) != value {
		s.Errorf("the record is %+v, %v; want %q", r, err, value)
	}
}

func overwrittenIsALoss(s *scene) {
	if s.Outsider == nil {
		return
	}
	held := s.acquire(s.keep(long), "value")
	s.Outsider.Put(s.key, []byte("mine now"), store.Forever)
	s.lost(held)
	s.powerless(held, "mine now")
}

func foreignIsLeft(s *scene) {
	if s.Outsider == nil {
		return
	}
	s.Outsider.Put(s.key, []byte("mine"), store.Forever)
	k := s.keep(long)
	for _, opts := range [][]lease.Option{nil, {lease.WithWait()}} {
		_, err := s.take(k, s.key, "ours", opts...)
		if foreign, ok := errors.AsType[*store.ForeignError](err); !ok || string(foreign.Record.Value) != "mine" {
			s.Errorf("got %v", err)
		}
	}
	if value, left := s.Outsider.Get(s.key); string(value) != "mine" || left != store.Forever {
		s.Errorf("the other program has %q with %v left", value, left)
	}
}

func eachTermItsOwn(s *scene) {
	k := s.keep(long)
	last := s.acquire(k, "first")
	for range 5 {
		if err := last.Release(s.Context()); err != nil {
			s.Fatal(err)
		}
		next := s.acquire(k, "again")
		s.later(next, last)
		last = next
	}
}

func neverTwo(s *scene) {
	const programs, turns = 3, 5
	var valid atomic.Int32
	var last atomic.Uint64
	var keepers [programs]*lease.Keeper
	for i := range keepers {
		keepers[i] = s.keep(long)
	}
	var all sync.WaitGroup
	for _, k := range keepers {
		all.Go(func() {
			for range turns {
				held, err := s.take(k, s.key, "mine", lease.WithWait())
				if err != nil {
					s.Error(err)
					return
				}
				if n := valid.Add(1); n != 1 {
					s.Errorf("%d terms at once", n)
				}
				if before := last.Swap(uint64(held.Token())); before >= uint64(held.Token()) {
					s.Errorf("token %d after %d", held.Token(), before)
				}
				time.Sleep(5 * time.Millisecond)
				valid.Add(-1)
				if err := held.Release(s.Context()); err != nil {
					s.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// manyTerms releases every other term while the rest go on.
func manyTerms(s *scene, ttl time.Duration) (slow error) {
	const terms = 100
	k := s.keep(ttl)
	var held [terms]lease.Lease
	var all sync.WaitGroup
	for i := range held {
		all.Go(func() {
			var err error
			if held[i], err = s.take(k, fmt.Sprintf("%s/%d", s.key, i), "value"); err != nil {
				s.Error(err)
			}
		})
	}
	if all.Wait(); s.Failed() {
		return nil
	}
	for i := 0; i < terms; i += 2 {
		if err := held[i].Release(s.Context()); err != nil {
			s.Error(err)
		}
	}
	time.Sleep(ttl + time.Second)
	listed := make(map[string]store.Token)
	for r, err := range s.Open().List(s.Context(), s.key+"/") {
		if err != nil {
			s.Fatal(err)
		}
		listed[r.Key] = r.Token
	}
	for i := 1; i < terms; i += 2 {
		if slow := expired(held[i]); slow != nil {
			return slow
		}
		if token := listed[held[i].Key()]; token != held[i].Token() || !held[i].Valid() {
			s.Errorf("%q has token %d; the lease: %v", held[i].Key(), token, held[i].Err())
		}
	}
	if len(listed) != terms/2 {
		s.Errorf("%d records of %d", len(listed), terms/2)
	}
	return nil
}

func closeReleases(s *scene) {
	k := s.keep(long)
	held := s.acquire(k, "value")
	if err := k.Close(s.Context()); err != nil {
		s.Error(err)
	}
	if held.Valid() || !errors.Is(held.Err(), lease.ErrReleased) {
		s.Errorf("it is valid: %v, %v", held.Valid(), held.Err())
	}
	s.later(s.acquire(s.keep(long), "next"), held)
}

// What servers suffer as a whole.
func TestKeeperThroughFaults(t *testing.T) {
	full.Only(t)
	rules{
		"ATermOutlivesARestart":       outlivesRestart,
		"ALossOfDataIsNoSecondHolder": lossOfData,
		"SilenceIsALossInTime":        inTime(brief, silenceIsALoss),
		"CutConnectionsCostNoTerm":    inTime(brief, cutCostsNothing),
	}.holdAlone(t)
}

func outlivesRestart(s *scene) {
	held := s.acquire(s.keep(long), "value")
	waiter := s.waiting()
	s.Restart()
	s.eventually("an update arrives", func() bool { return held.Update(s.Context(), []byte("second")) == nil })
	if r, err := s.Open().Get(s.Context(), s.key); err != nil || r.Token != held.Token() || string(r.Value) != "second" || !held.Valid() {
		s.Errorf("after a restart: %+v, %v; %v", r, err, held.Err())
	}
	if err := held.Release(s.Context()); err != nil {
		s.Fatal(err)
	}
	s.later(s.taken(waiter), held)
}

func lossOfData(s *scene) {
	held := s.acquire(s.keep(brief), "value")
	s.RestartEmpty()
	s.lost(held)
	s.acquire(s.keep(long), "next")
	s.powerless(held, "next")
}

// silenceIsALoss checks that a holder that hears nothing stops to trust its term
// before another can have the key.
func silenceIsALoss(s *scene, ttl time.Duration) (slow error) {
	held := s.acquire(s.keep(ttl), "value")
	waiter := s.waiting()
	s.Pause()
	resume := sync.OnceFunc(s.Resume)
	defer resume()
	if !held.Valid() {
		resume()
		s.taken(waiter)
		return fmt.Errorf("lost before the silence: %w", held.Err())
	}
	s.lost(held)
	if !errors.Is(held.Err(), lease.ErrExpired) {
		s.Errorf("the cause is %v", held.Err())
	}
	resume()
	s.later(s.taken(waiter), held)
	s.powerless(held, "the waiter's")
	return nil
}

// cutCostsNothing has the same ttl in each try: with a longer one there would be longer
// to connect again.
func cutCostsNothing(s *scene, _ time.Duration) (slow error) {
	held := s.acquire(s.keep(brief), "value")
	waiter := s.waiting()
	for range 3 {
		s.Cut()
		time.Sleep(brief / 5)
	}
	s.eventually("an update arrives", func() bool {
		return held.Update(s.Context(), []byte("second")) == nil || expired(held) != nil
	})
	if slow := expired(held); slow != nil {
		s.taken(waiter)
		return slow
	}
	if err := held.Release(s.Context()); err != nil {
		s.Fatal(err)
	}
	s.later(s.taken(waiter), held)
	return nil
}
