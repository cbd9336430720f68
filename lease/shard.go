package lease

import (
	"context"
	"errors"
	"math/rand/v2"
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

	mu     sync.Mutex
	closed bool
	terms  map[*term]struct{}
}

func newShard(k *Keeper) *shard {
	return &shard{keeper: k, signal: make(chan struct{}, 1), terms: make(map[*term]struct{})}
}

// add takes a term into the shard's care, or returns false if it is closed.
func (s *shard) add(t *term) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.terms[t] = struct{}{} // needs nothing before the next round, which is planned already
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
		due, wait := s.survey(beat, round != nil)
		if round == nil && !time.Now().Before(beat) {
			beat = time.Now().Add(s.interval())
		}
		if len(due) > 0 {
			round = s.start(ctx, due)
			continue
		}
		timer := time.NewTimer(wait)
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
	s.survey(beat, true) // reports the losses that nobody was told of yet
}

// interval is the time between two rounds, a little random so that a fleet that
// was started together does not beat together.
func (s *shard) interval() time.Duration {
	h := s.keeper.cfg.Heartbeat
	return h - rand.N(h/10+1)
}

// survey ends the terms whose windows have ended, forgets those that are over, and
// returns the ones to renew now and, if there are none, how long that can wait.
// While a round is under way nothing is due.
func (s *shard) survey(beat time.Time, busy bool) (due []*term, wait time.Duration) {
	now := time.Now()
	wait = max(beat.Sub(now), 0)
	if busy {
		wait = time.Hour // the end of the round wakes the shard
	}
	for _, t := range s.all() {
		if !t.Valid() {
			s.forget(t)
			continue
		}
		renew, end := t.attention(now, beat)
		if !busy && !now.Before(renew) {
			due = append(due, t)
		} else if !busy {
			wait = min(wait, renew.Sub(now))
		}
		wait = min(wait, end.Sub(now))
	}
	return due, wait
}

// forget drops a term that has ended, and reports it, once, if it was lost.
func (s *shard) forget(t *term) {
	s.mu.Lock()
	_, known := s.terms[t]
	delete(s.terms, t)
	s.mu.Unlock()
	if !known {
		return
	}
	if lost := new(LostError); errors.As(t.Err(), &lost) && s.keeper.cfg.OnLoss != nil {
		s.keeper.cfg.OnLoss(lost)
	}
}

// start renews terms beside the shard's goroutine.
func (s *shard) start(ctx context.Context, due []*term) chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for len(due) > 0 {
			n := min(len(due), maxBatch)
			if !s.renew(ctx, due[:n]) {
				// The store is away. Asking it for the rest, one limit after
				// the other, could outlast their windows.
				for _, t := range due[n:] {
					t.postpone(store.ErrUnavailable)
				}
				return
			}
			due = due[n:]
		}
	}()
	return done
}

// renew sends one batch and returns whether any item of it was answered.
func (s *shard) renew(ctx context.Context, terms []*term) (answered bool) {
	at := time.Now()
	var beats []*beat
	var batch []store.Write
	for _, t := range terms {
		if t.Valid() {
			b := t.prepare(at)
			beats, batch = append(beats, b), append(batch, b.write)
		}
	}
	if len(batch) == 0 {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, s.keeper.limit())
	defer cancel()
	for i, answer := range s.keeper.store.Renew(ctx, batch) {
		beats[i].finish(answer)
		answered = answered || !passing(answer.Err)
	}
	return answered
}
