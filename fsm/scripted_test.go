package fsm_test

import (
	"context"
	"sync"

	"github.com/leasehold-go/leasehold/lease"
)

// scriptedLease is a writer with the contract of a lease and no store. The test determines
// its answers.
type scriptedLease struct {
	answer func() error // called once the value is encoded; nil accepts
	wrote  func()       // called between the answer and the commit

	mu      sync.Mutex
	writes  int    // calls of Write
	commits int    // calls of commit
	value   []byte // the stored value
	ended   error
}

func newLease() *scriptedLease { return new(scriptedLease) }

func (l *scriptedLease) Write(_ context.Context, encode func() ([]byte, error), commit func()) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writes++
	value, err := encode()
	if err != nil {
		return err
	}
	if l.answer != nil {
		if err := l.answer(); err != nil {
			return err
		}
	}
	l.value = value
	if l.wrote != nil {
		l.wrote()
	}
	commit()
	l.commits++
	return nil
}

func (l *scriptedLease) end(cause error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = cause
}

// expire ends the lease as the end of its trust window does.
func (l *scriptedLease) expire() {
	l.end(&lease.LostError{Key: "job", Token: 7, Cause: lease.ErrExpired})
}

func (l *scriptedLease) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

// counts returns the number of writes and of commits.
func (l *scriptedLease) counts() (writes, commits int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.writes, l.commits
}
