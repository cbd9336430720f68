package fsm

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// These are internal tests: the mutex decides which of two events that come at the same moment a
// waiting call sees first, and no exported method locks it for long enough.

// waitsInClaim has a call wait for a turn that is taken. The mutex is locked when it returns.
func waitsInClaim(ctx context.Context, limit time.Duration) (*turn, <-chan error) {
	t := &turn{taken: true}
	result := make(chan error, 1)
	go func() {
		t.mu.Lock()
		err := t.claim(ctx, limit)
		if err == nil {
			t.mu.Unlock()
		}
		result <- err
	}()
	for {
		t.mu.Lock()
		if t.waiting != nil && t.waiting.Len() == 1 {
			return t, result
		}
		t.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
}

// The turn that comes at the moment when the patience of a call ends is taken.
func TestTurnThatComesAtTheLimitIsTaken(t *testing.T) {
	turn, result := waitsInClaim(context.Background(), time.Millisecond)
	time.Sleep(20 * time.Millisecond) // the call waits for the mutex now
	turn.give()
	if err := <-result; err != nil {
		t.Errorf("got %v", err)
	}
}

// The turn that comes at the moment when the context of a call ends is taken or passed on.
func TestTurnThatComesAsAContextEndsIsNotLost(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	turn, result := waitsInClaim(ctx, unlimited)
	turn.mu.Unlock()
	time.Sleep(20 * time.Millisecond) // the call waits for the turn or for ctx
	turn.mu.Lock()
	cancel()
	time.Sleep(20 * time.Millisecond) // and now for the mutex
	turn.give()
	err := <-result
	turn.mu.Lock()
	defer turn.mu.Unlock()
	if turn.taken != (err == nil) {
		t.Errorf("got %v, and taken is %v", err, turn.taken)
	}
}

// Between two changes none is under way, so that no limit is reached.
func TestNoChangeIsUnderWayBetweenTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		turn, result := waitsInClaim(ctx, time.Minute)
		turn.mu.Unlock()
		time.Sleep(time.Hour)
		synctest.Wait()
		select {
		case err := <-result:
			t.Fatalf("ended with %v", err)
		default:
		}
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

// A state that is reached at the moment when the context of a wait ends is returned.
func TestWaitReturnsAStateThatIsReachedAsItsContextEnds(t *testing.T) {
	def := MustDefine("a", Table[string]{"a": {"b"}, "b": {}})
	m := New(def)
	ctx, cancel := context.WithCancel(context.Background())
	type reached struct {
		state string
		err   error
	}
	result := make(chan reached, 1)
	go func() {
		s, err := m.Wait(ctx, "b")
		result <- reached{s, err}
	}()
	for {
		m.turn.mu.Lock()
		if m.watched() {
			break
		}
		m.turn.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	time.Sleep(20 * time.Millisecond) // the call waits for the state or for ctx
	cancel()
	time.Sleep(20 * time.Millisecond) // and now for the mutex
	m.commit(entry{at: now(), from: 0, to: 1}, "", false)
	m.extras.watchers.tell(m.def.transition(entry{from: 0, to: 1}, 1, ""))
	m.turn.mu.Unlock()
	if got := <-result; got.err != nil || got.state != "b" {
		t.Errorf("got %q, %v", got.state, got.err)
	}
}
