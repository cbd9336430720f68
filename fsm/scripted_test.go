package fsm_test

import (
	"context"
	"sync"

	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

// scripted is a lease that does what a test tells it, with the contract of
// lease.Lease and nothing of a store.
type scripted struct {
	answer func() error // asked once the value is made; nil is a yes
	wrote  func()       // called between the store's yes and the commit

	mu      sync.Mutex
	writes  int    // calls of Write
	commits int    // calls of Commit
	value   []byte // the stored value
	dead    bool   // the clocks say that the window has ended
	ended   error
	done    chan struct{}
}

func newLease() *scripted { return &scripted{done: make(chan struct{})} }

func (l *scripted) Key() string        { return "job" }
func (l *scripted) Token() store.Token { return 7 }

func (l *scripted) Valid() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.dead && l.ended == nil
}

func (l *scripted) Update(ctx context.Context, value []byte) error {
	return l.Write(ctx, func() ([]byte, error) { return value, nil }, nil)
}

func (l *scripted) Write(_ context.Context, encode func() ([]byte, error), commit func()) error {
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
	if commit != nil {
		commit()
		l.commits++
	}
	return nil
}

// expire ends the window before the timer has noticed.
func (l *scripted) expire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead = true
}

func (l *scripted) end(cause error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = cause
	close(l.done)
}

// counts returns how often it was written to, and how often committed.
func (l *scripted) counts() (writes, commits int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.writes, l.commits
}

func (l *scripted) Release(context.Context) error { l.end(lease.ErrReleased); return nil }
func (l *scripted) Done() <-chan struct{}         { return l.done }

func (l *scripted) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

func (l *scripted) Context(parent context.Context) (context.Context, context.CancelFunc) {
	return context.WithCancel(parent)
}
