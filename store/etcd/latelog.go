package etcdstore

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/leasehold-go/leasehold/store"
)

const (
	maxLate   = 1024 // updates of a key whose entries wait
	lateTries = 3    // for the entries of one append, while there is no answer
)

var errManyLate = errors.New("the entries of too many updates are waiting")

// lateLogs are the entries of updates that did not carry them, by key. They are appended in the
// background, in turn. Until that is done no update of the key carries entries, and calls of
// AppendLog and ReadLog wait.
type lateLogs struct {
	mu    sync.Mutex
	byKey map[string]*lateLog
}

type lateLog struct {
	waiting []lateEntries
	done    chan struct{} // closed once no entries wait or are under way
}

type lateEntries struct {
	token store.Token
	store.LogEntries
}

// of returns the late entries of a key, or nil.
func (l *lateLogs) of(key string) *lateLog {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.byKey[key]
}

// awaitLate waits until a key has no late entries.
func (s *Store) awaitLate(ctx context.Context, key string) error {
	late := s.lateLogs.of(key)
	if late == nil {
		return nil
	}
	return await(ctx, late.done)
}

// appendLate appends entries in the background. An error says that it never will.
func (s *Store) appendLate(key string, token store.Token, e store.LogEntries) error {
	e.Values = slices.Clone(e.Values)
	for i, v := range e.Values {
		e.Values[i] = bytes.Clone(v)
	}
	l := &s.lateLogs
	l.mu.Lock()
	defer l.mu.Unlock()
	late := l.byKey[key]
	if late == nil {
		late = &lateLog{done: make(chan struct{})}
		if !s.tasks.start(func(ctx context.Context) { s.appendAllLate(ctx, key, late) }) {
			return failed("append log", key, reads, store.ErrClosed)
		}
		l.byKey[key] = late
	}
	if len(late.waiting) == maxLate {
		return failed("append log", key, reads, errManyLate)
	}
	late.waiting = append(late.waiting, lateEntries{token, e})
	return nil
}

// appendAllLate appends entries until none wait: with one append the entries of all updates that
// follow each other.
func (s *Store) appendAllLate(ctx context.Context, key string, late *lateLog) {
	for l := &s.lateLogs; ; {
		l.mu.Lock()
		if len(late.waiting) == 0 {
			delete(l.byKey, key)
			close(late.done)
			l.mu.Unlock()
			return
		}
		all, n := late.waiting[0], 1
		for _, e := range late.waiting[1:] {
			if e.token != all.token || e.Limits != all.Limits || e.First != all.First+uint64(len(all.Values)) || len(all.Values)+len(e.Values) > store.MaxLogEntries {
				break
			}
			all.Values = append(all.Values, e.Values...)
			n++
		}
		taken := late.waiting[:n]
		late.waiting = late.waiting[n:]
		l.mu.Unlock()

		pause, err := firstPause, error(nil)
		for range lateTries { // repeats have no effect
			try, cancel := tryContext(ctx)
			err = s.appendLog(try, store.Renewal{Key: key, Token: all.token}, all.LogEntries)
			cancel()
			if err == nil || !isUnanswered(err) || errors.Is(err, ErrDenied) {
				break
			}
			sleep(ctx, pause)
			pause *= 2
		}
		if err == nil && trims(all.LogEntries) {
			s.trim(ctx, key, all.Limits.Entries) // if it fails, a later entry has it done
		}
		for _, e := range taken {
			if err != nil && e.Failed != nil {
				e.Failed(err)
			}
		}
	}
}
