package lease

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// settler deletes by nonce, in the background and in batches, the records that creates in
// doubt may have made or may still make. It gives up a create after the TTL: the record, if
// it was made, has expired then.
type settler struct {
	keeper *Keeper
	open   group // creates that are not settled

	mu      sync.Mutex
	waiting []unsettled // for a batch
	failed  []unsettled // for the end of a pause
	batches int         // under way
	pauses  backoff
	timer   *time.Timer // of the pause; nil before the first
}

type unsettled struct {
	store.Deletion
	until time.Time
	err   error // of the last try
}

// settle deletes the record that a create may have made or may still make.
func (s *settler) settle(key string, nonce store.Nonce) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keeper.life.Err() != nil {
		return
	}
	s.open.add()
	s.queue(key, nonce, errNoAnswer)
}

// queue has a create deleted by the next batch, after an error. The caller holds the lock and has counted it.
func (s *settler) queue(key string, nonce store.Nonce, err error) {
	d := store.Deletion{Key: key, Ref: store.ByNonce(nonce)}
	s.waiting = append(s.waiting, unsettled{d, time.Now().Add(s.keeper.cfg.TTL), err})
	s.send()
}

// withdraw takes back a claim that may be next, settles it if that fails, and calls end.
func (s *settler) withdraw(st store.Successor, key string, nonce store.Nonce, end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.keeper
	if k.life.Err() != nil {
		return
	}
	s.open.add()
	k.runs.Go(func() {
		defer end()
		limited := k.deleting.Limit(k.life)
		err := sound("withdraw", key, st.Withdraw(limited, key, nonce))
		limited.End()
		if !passing(err) {
			s.open.done()
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.queue(key, nonce, err)
	})
}

// send starts batches for the creates that wait, as long as few are under way. The caller holds
// the lock.
func (s *settler) send() {
	for len(s.waiting) > 0 && s.batches < deleteInFlight && s.keeper.life.Err() == nil {
		n := min(len(s.waiting), deleteItems)
		batch := slices.Clone(s.waiting[:n])
		s.waiting = s.waiting[n:]
		s.batches++
		s.keeper.runs.Go(func() { s.sendBatch(batch) })
	}
}

func (s *settler) sendBatch(batch []unsettled) {
	k := s.keeper
	deletions := make([]store.Deletion, len(batch))
	for i, u := range batch {
		deletions[i] = u.Deletion
	}
	ctx, cancel := context.WithTimeout(k.life, maxTry)
	defer cancel()
	errs := store.DeleteBatch(ctx, k.store, deletions)
	now := time.Now()
	var failed []unsettled
	for i, u := range batch {
		err := errNoAnswer
		if i < len(errs) {
			err = errs[i]
		}
		if err = sound("delete", u.Key, err); passing(err) && now.Before(u.until) {
			u.err = err
			failed = append(failed, u)
		}
	}
	if progress := k.progress.Load(); progress != nil && len(failed) < len(batch) {
		(*progress)()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches--
	if len(failed) < len(batch) {
		s.pauses.tries = 0
	}
	if len(failed) > 0 && len(s.failed) == 0 && k.life.Err() == nil {
		s.timer = time.AfterFunc(s.pauses.next(), s.retry)
	}
	s.failed = append(s.failed, failed...)
	s.send()
	s.open.doneWith(len(batch) - len(failed))
}

// retry ends the pause after a create that could not be settled.
func (s *settler) retry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, u := range s.failed {
		if now.Before(u.until) {
			s.waiting = append(s.waiting, u)
		} else {
			s.open.done()
		}
	}
	s.failed = nil
	s.send()
}

// stop ends the pauses when the keeper's life has ended. No batch starts after it.
func (s *settler) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
}

// giveUp counts the creates not settled when no batch is under way any more.
func (s *settler) giveUp(result *CloseError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := append(s.waiting, s.failed...)
	s.waiting, s.failed = nil, nil
	for _, u := range rest {
		result.Unsettled++
		result.example(u.err)
		s.open.done()
	}
}
