package redisstore

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/store"
	"github.com/leasehold-go/leasehold/store/internal/feed"
)

const (
	tries = 3               // to begin to hear, before that counts as trouble
	quiet = 5 * time.Second // without a message before the connection is tested, and again before it counts as dead

	firstPause = 100 * time.Millisecond // between connections, doubling
	maxPause   = 5 * time.Second
	deafPause  = time.Minute // when there is no right to the channel
)

// errSilent is the end of a connection that does not answer a ping.
var errSilent = errors.New("the connection for messages does not answer")

// subscription is what a store hears on a channel. It has one connection, shared by
// all who listen, while there are any.
type subscription struct {
	channel string
	hub     feed.Hub // where the keys are marked that messages name

	mu        sync.Mutex
	listeners int
	ear       *ear // nil while nobody listens
	shutdown  bool
}

// ear is one life of the subscription.
type ear struct {
	stop    context.CancelFunc
	settled chan struct{} // closed by the listening goroutine once it hears, or will not soon

	mu  sync.Mutex
	err error // why nothing is heard at present; set before settled is closed
}

// join counts a listener in. It returns nil if the store was closed.
func (s *subscription) join(st *Store) *ear {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shutdown {
		return nil
	}
	if s.ear == nil {
		ctx, stop := context.WithCancel(context.Background())
		e := &ear{stop: stop, settled: make(chan struct{})}
		if !st.tasks.start(func() { s.listen(ctx, st, e) }) {
			stop()
			return nil
		}
		s.ear = e
	}
	s.listeners++
	return s.ear
}

// leave counts a listener out. It does not wait for the connection to close.
func (s *subscription) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listeners--; s.listeners == 0 {
		s.ear.stop()
		s.ear = nil
	}
}

// close stops listening for good.
func (s *subscription) close() {
	s.hub.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shutdown = true
	if s.ear != nil {
		s.ear.stop()
	}
}

// wait returns once it is known how listening stands, with the reason if a watch
// could not work either. Without a right to the channel it can.
func (e *ear) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-e.settled:
	}
	if err := e.trouble(); !redis.IsPermissionError(err) {
		return err
	}
	return nil
}

func (e *ear) trouble() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err
}

// settle notes how listening stands. Only the listening goroutine does.
func (e *ear) settle(err error) {
	e.mu.Lock()
	e.err = err
	e.mu.Unlock()
	if !e.hasSettled() {
		close(e.settled)
	}
}

// hears reports whether there was a connection and nothing was said of its end.
func (e *ear) hears() bool { return e.hasSettled() && e.trouble() == nil }

func (e *ear) hasSettled() bool {
	select {
	case <-e.settled:
		return true
	default:
		return false
	}
}

// listen keeps listening, over one connection after another, until ctx ends.
func (s *subscription) listen(ctx context.Context, st *Store, e *ear) {
	for failures := 0; ctx.Err() == nil; {
		err := s.hear(ctx, st.client, e)
		if failures++; e.hears() {
			failures = 1 // the connection was a good one
		}
		if ctx.Err() == nil {
			st.relearn(ctx)
		}
		noRight := redis.IsPermissionError(err)
		if failures >= tries || noRight || e.hasSettled() {
			e.settle(err)
		}
		sleep(ctx, pauseAfter(failures, noRight))
	}
	e.settle(store.ErrClosed)
}

// pauseAfter is how long to wait for the next connection.
func pauseAfter(failures int, noRight bool) time.Duration {
	if noRight {
		return deafPause
	}
	return min(firstPause<<min(failures-1, 10), maxPause)
}

// hear listens over one connection until it breaks. go-redis could reconnect by
// itself, but hides why it has to, and cannot be interrupted while it does.
func (s *subscription) hear(ctx context.Context, client redis.UniversalClient, e *ear) error {
	messages := client.Subscribe(ctx)
	defer messages.Close()
	defer context.AfterFunc(ctx, func() { messages.Close() })()

	if err := messages.Subscribe(ctx, s.channel); err != nil {
		return err
	}
	for pinged := false; ; {
		message, err := messages.ReceiveTimeout(ctx, quiet)
		switch {
		case err == nil:
			pinged = false
			s.take(message, e)
		case !isTimeout(err):
			return err
		case pinged:
			return errSilent
		default:
			pinged = true
			if err := messages.Ping(ctx); err != nil {
				return err
			}
		}
	}
}

// take acts on what came over the connection. Whatever was published before the
// subscription was confirmed is missed.
func (s *subscription) take(message any, e *ear) {
	switch m := message.(type) {
	case *redis.Subscription:
		s.hub.Missed()
		e.settle(nil)
	case *redis.Message:
		s.heard(m.Payload)
	}
}

// heard passes on what a message says.
func (s *subscription) heard(payload string) {
	if len(payload) < 2 {
		return
	}
	cause := store.CauseUnknown
	if payload[0] == '-' {
		cause = store.CauseDeleted
	}
	s.hub.Mark(payload[1:], cause)
}

func isTimeout(err error) bool {
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
