package lease

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// maxBatch bounds one request of renewals.
const maxBatch = 256

// shard keeps some of a keeper's terms. One goroutine runs it; the renewals that
// it starts run beside it, one round at a time, so that a store that does not
// answer never delays the end of a window.
type shard struct {
	keeper *Keeper
	signal chan struct{} // one element when there is something to look at; never closed
	pauses backoff       // between rounds while the store is away; of the round under way

	mu     sync.Mutex
	closed bool
	terms  map[*term]struct{}
	byKey  map[string]*term // the newest of each
}

func newShard(k *Keeper) *shard {
	return &shard{
		keeper: k,
		signal: make(chan struct{}, 1),
		pauses: newBackoff(k.cfg.Heartbeat),
		terms:  make(map[*term]struct{}),
		byKey:  make(map[string]*term),
	}
}

// add takes a term into the shard's care, or returns false if it is closed.
func (s *shard) add(t *term) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if before := s.byKey[t.key]; before == nil || before.token < t.token {
		s.byKey[t.key] = t
	}
	s.terms[t] = struct{}{} // needs no wake: its window is longer than the time to the next round
	return true
}

// close makes the shard take no more terms, and returns those that it has.
func (s *shard) close() []*term {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	return s.all()
}

func (s *shard) all() []*term {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*term, 0, len(s.terms))
	for t := range s.terms {
		all = append(all, t)
	}
	return all
}

// alert has the record of a key looked at, if there is a term.
func (s *shard) alert(key string) {
	s.mu.Lock()
	t := s.byKey[key]
	s.mu.Unlock()
	if t != nil {
		t.alert()
	}
}

func (s *shard) wake() {
	select {
	case s.signal <- struct{}{}:
	default: // it has already been told
	}
}

// run looks after the terms until ctx ends.
func (s *shard) run(ctx context.Context) {
	var round chan struct{} // closed when the renewals under way are done; nil while there are none
	beat := time.Now().Add(s.interval())
	for ctx.Err() == nil {
		now := time.Now() // one for both, or a beat could pass between them unseen
		due, next := s.survey(now, beat, round != nil)
		if round == nil && !now.Before(beat) {
			beat = now.Add(s.interval())
			next = beat // unless something is due
		}
		if len(due) > 0 {
			round = s.start(ctx, due)
			continue
		}
		timer := time.NewTimer(time.Until(next))
		select {
		case <-ctx.Done():
		case <-s.signal:
		case <-round:
			round = nil
		case <-timer.C:
		}
		timer.Stop()
	}
	if round != nil {
		<-round
	}
	s.survey(time.Now(), beat, true) // reports the losses that nobody was told of yet
}

// interval is the time between two rounds, a little random so that a fleet that
// was started together does not beat together.
func (s *shard) interval() time.Duration {
	h := s.keeper.cfg.Heartbeat
	return h - rand.N(h/10+1)
}

// survey ends the terms whose windows have ended, forgets those that are over, and
// returns the ones to renew now and, if there are none, when to look again. While a
// round is under way nothing is due: its end wakes the shard.
func (s *shard) survey(now, beat time.Time, busy bool) (due []*term, next time.Time) {
	next = beat
	if busy {
		next = now.Add(s.keeper.cfg.Heartbeat) // no window of a term added meanwhile is shorter
	}
	var over []*term
	for _, t := range s.all() {
		if !t.Valid() {
			if !errors.Is(t.Err(), ErrReleased) { // its release forgets it
				over = append(over, t)
			}
			continue
		}
		renew, end := t.attention(now, beat)
		if !busy && !now.Before(renew) {
			due = append(due, t)
		} else if !busy {
			next = earlier(next, renew)
		}
		next = earlier(next, end)
	}
	for _, t := range over { // once all have ended: whoever is told may take his time
		s.forget(t)
	}
	return due, next
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// forget drops a term that has ended, and reports it if it was lost. Only the
// shard's goroutine forgets lost terms, each once.
func (s *shard) forget(t *term) {
	s.mu.Lock()
	delete(s.terms, t)
	if s.byKey[t.key] == t {
		delete(s.byKey, t.key)
	}
	s.mu.Unlock()
	if lost := new(LostError); errors.As(t.Err(), &lost) && s.keeper.cfg.OnLoss != nil {
		s.keeper.cfg.OnLoss(lost)
	}
}

// start renews terms beside the shard's goroutine. Heartbeats that had to go without
// their values ask for others at the end of the round: a turn that they are given
// is then not kept for longer than it takes to begin the next.
func (s *shard) start(ctx context.Context, due []*term) chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.round(ctx, due)
		for _, t := range due {
			if t.mute {
				t.mute = false
				t.ask()
			}
		}
	}()
	return done
}

// round renews terms, a batch at a time.
func (s *shard) round(ctx context.Context, due []*term) {
	for batch := range slices.Chunk(due, maxBatch) {
		due = due[len(batch):]
		if again, ok := s.renew(ctx, batch); !ok {
			// The store is away. Asking it for the rest, one limit after the
			// other, could outlast their windows.
			for _, t := range due {
				t.postpone(store.ErrUnavailable, again)
			}
			return
		}
	}
}

// renew sends one batch. It returns false if no item of it was answered, and when
// those that were not are to be tried again: all together, to be one batch again.
func (s *shard) renew(ctx context.Context, terms []*term) (again time.Time, answered bool) {
	beats := prepare(terms)
	if len(beats) == 0 {
		return time.Time{}, true
	}
	batch := make([]store.Renewal, len(beats))
	for i, b := range beats {
		batch[i] = b.write
	}
	ctx, cancel := context.WithTimeout(ctx, s.keeper.limit())
	defer cancel()
	sent := time.Now()
	answers := s.keeper.store.Renew(ctx, batch)
	took := time.Since(sent)
	again = time.Now().Add(s.pauses.next())
	for i, b := range beats {
		answer := store.RenewResult{Err: errNoAnswer}
		if i < len(answers) {
			answer = answers[i]
		}
		answer.Err = sound("renew", b.term.key, answer.Err)
		b.finish(answer, took, again)
		answered = answered || !passing(answer.Err)
	}
	if answered {
		s.pauses.tries = 0
	}
	return again, answered
}

// prepare makes the renewals of terms, without those that ended, be it while the
// values of others were made.
func prepare(terms []*term) []*beat {
	at := time.Now()
	beats := make([]*beat, 0, len(terms))
	for _, t := range terms {
		if t.Valid() {
			beats = append(beats, t.prepare(at))
		}
	}
	return slices.DeleteFunc(beats, (*beat).late)
}
