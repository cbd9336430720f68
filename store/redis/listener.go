package redisstore

import (
	"context"
	"errors"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/store"
	"github.com/leasehold-go/leasehold/store/internal/feed"
)

const (
	tries = 3               // to begin to listen, before that counts as trouble
	quiet = 5 * time.Second // without a message before the connection is tested, and again before it counts as dead

	firstPause  = 100 * time.Millisecond // between connections, doubling
	maxPause    = 5 * time.Second
	deniedPause = time.Minute // when there is no right to a channel
)

// errSilent is the end of a connection that does not answer a ping.
var errSilent = errors.New("the connection for messages does not answer")

// listener hears of changes through one connection, on which it subscribes to a channel
// for each key that somebody watches, to the store's own channel of deletes, and to all
// channels of the library if somebody watches a prefix.
type listener struct {
	layout    layout
	transport *transport
	instance  string
	changes   feed.Hub // marked with the keys whose channels had a message
	deletes   feed.Hub // marked with the keys on the store's own channel

	mu       sync.Mutex
	topics   map[topic]*subscribed
	session  *session // nil while nobody listens
	shutdown bool
}

// topic is a channel, or a pattern of channels.
type topic struct {
	name    string
	pattern bool
}

// subscribed is a topic that somebody listens to.
type subscribed struct {
	listeners int
	confirmed chan struct{} // closed once the server has said so, on any connection
}

// session is one time of listening, from the first listener to the last. It has one
// connection after another.
type session struct {
	stop    context.CancelFunc
	settled chan struct{} // closed once there is a connection, or will not be soon

	wire sync.Mutex // orders what is sent on a connection
	conn *redis.PubSub
	sent map[topic]bool // on that connection

	mu  sync.Mutex
	err error // why nothing is heard at present; set before settled is closed
}

func (l *listener) ofKey(key string) topic { return topic{name: l.layout.ofKey(key)} }
func (l *listener) ofStore() topic         { return topic{name: l.layout.ofStore(l.instance)} }

// ofAll is the pattern of all channels. It is the text that a user's rights name: a server
// allows no narrower pattern with them.
func (l *listener) ofAll() topic { return topic{name: store.Reserved + "*", pattern: true} }

// join counts a listener of a topic in, and returns once it is heard or it is known that it
// will not be. Listening comes before the first read: a change in between is then told twice
// and not missed. Without a right to the channel a watch works too, but hears of nothing.
func (l *listener) join(ctx context.Context, t topic) error {
	s, sub := l.enter(t)
	if s == nil {
		return store.ErrClosed
	}
	err := l.await(ctx, s, sub, t)
	if err != nil {
		l.leave(t)
	}
	return err
}

func (l *listener) await(ctx context.Context, s *session, sub *subscribed, t topic) error {
	l.adjust(s, t)
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-sub.confirmed:
		return nil
	case <-s.settled:
	}
	if err := s.trouble(); err != nil {
		if redis.IsPermissionError(err) {
			return nil
		}
		return err
	}
	l.adjust(s, t) // the connection may have been made between the two
	timer := time.NewTimer(quiet)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-sub.confirmed:
	case <-timer.C: // the session notices that the connection is dead, and all is read again
	}
	return nil
}

// enter counts a listener in and begins a session if it is the first.
func (l *listener) enter(t topic) (*session, *subscribed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shutdown {
		return nil, nil
	}
	if l.session == nil {
		ctx, stop := context.WithCancel(context.Background())
		s := &session{stop: stop, settled: make(chan struct{})}
		if !l.transport.tasks.start(func() { l.listen(ctx, s) }) {
			stop()
			return nil, nil
		}
		l.session = s
	}
	sub := l.topics[t]
	if sub == nil {
		sub = &subscribed{confirmed: make(chan struct{})}
		if l.topics == nil {
			l.topics = make(map[topic]*subscribed)
		}
		l.topics[t] = sub
	}
	sub.listeners++
	return l.session, sub
}

// leave counts a listener out. The last ends the session; it does not wait for the
// connection to close.
func (l *listener) leave(t topic) {
	l.mu.Lock()
	s, sub := l.session, l.topics[t]
	if sub.listeners--; sub.listeners > 0 {
		l.mu.Unlock()
		return
	}
	delete(l.topics, t)
	last := len(l.topics) == 0
	if last {
		l.session = nil
	}
	l.mu.Unlock()
	if last {
		s.stop()
	} else {
		l.adjust(s, t)
	}
}

// close stops listening for good.
func (l *listener) close() {
	l.changes.Close()
	l.deletes.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shutdown = true
	if l.session != nil {
		l.session.stop()
	}
}

// trouble returns why nothing is heard at present.
func (l *listener) trouble() error {
	l.mu.Lock()
	s := l.session
	l.mu.Unlock()
	if s == nil {
		return nil
	}
	return s.trouble()
}

// wanted returns the topics that are listened to.
func (l *listener) wanted() []topic {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]topic, 0, len(l.topics))
	for t := range l.topics {
		all = append(all, t)
	}
	return all
}

func (l *listener) wants(t topic) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.topics[t] != nil
}

// confirm notes that the server has subscribed the connection to a topic.
func (l *listener) confirm(t topic) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if sub := l.topics[t]; sub != nil && !isClosed(sub.confirmed) {
		close(sub.confirmed)
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// adjust has the connection subscribe to a topic or end that, whatever is wanted by then.
// Nobody waits for it: a server that hangs can take as long as the client's timeouts.
func (l *listener) adjust(s *session, t topic) {
	l.transport.tasks.start(func() { s.adjust(l, t) })
}

// adjust does it. An error is the connection's end, which the session notices.
func (s *session) adjust(l *listener, t topic) {
	s.wire.Lock()
	defer s.wire.Unlock()
	if s.conn == nil {
		return // all that is wanted is subscribed to once there is one
	}
	ctx := context.Background()
	wants := l.wants(t)
	if wants == s.sent[t] {
		return
	}
	switch {
	case wants && t.pattern:
		s.conn.PSubscribe(ctx, t.name)
	case wants:
		s.conn.Subscribe(ctx, t.name)
	case t.pattern:
		s.conn.PUnsubscribe(ctx, t.name)
	default:
		s.conn.Unsubscribe(ctx, t.name)
	}
	if s.sent[t] = wants; !wants {
		delete(s.sent, t)
	}
}

func (s *session) trouble() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// settle notes how listening stands. Only the listening goroutine does.
func (s *session) settle(err error) {
	s.mu.Lock()
	s.err = err
	s.mu.Unlock()
	if !isClosed(s.settled) {
		close(s.settled)
	}
}

// hears reports whether there was a connection and nothing was said of its end.
func (s *session) hears() bool { return isClosed(s.settled) && s.trouble() == nil }

// listen keeps listening, over one connection after another, until ctx ends.
func (l *listener) listen(ctx context.Context, s *session) {
	for failures := 0; ctx.Err() == nil; {
		err := l.hear(ctx, s)
		if failures++; s.hears() {
			failures = 1 // the connection was a good one
		}
		if ctx.Err() == nil {
			l.transport.relearn()
		}
		denied := redis.IsPermissionError(err)
		if failures >= tries || denied || isClosed(s.settled) {
			s.settle(err)
		}
		sleep(ctx, pauseAfter(failures, denied))
	}
	s.settle(store.ErrClosed)
}

// pauseAfter is how long to wait for the next connection.
func pauseAfter(failures int, denied bool) time.Duration {
	if denied {
		return deniedPause
	}
	return min(firstPause<<min(failures-1, 10), maxPause)
}

// hear listens over one connection until it breaks. go-redis could reconnect by
// itself, but hides why it has to, and cannot be interrupted while it does.
func (l *listener) hear(ctx context.Context, s *session) error {
	conn := l.transport.client.Subscribe(ctx)
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()

	open, err := s.begin(ctx, conn, l)
	defer s.end()
	if err != nil {
		return err
	}
	for pinged := false; ; {
		message, err := conn.ReceiveTimeout(ctx, quiet)
		switch {
		case err == nil:
			pinged = false
			if l.take(message, open); len(open) == 0 && open != nil {
				open = nil
				l.begun(s)
			}
		case !isTimeout(err):
			return err
		case pinged:
			return errSilent
		default:
			pinged = true
			if err := conn.Ping(ctx); err != nil {
				return err
			}
		}
	}
}

// begun notes that a connection hears all that was wanted when it began. Whatever was
// published before that is missed.
func (l *listener) begun(s *session) {
	l.changes.Missed()
	l.deletes.Missed()
	s.wire.Lock()
	sent := slices.Collect(maps.Keys(s.sent))
	s.wire.Unlock()
	for _, t := range sent {
		l.confirm(t)
	}
	s.settle(nil)
}

// begin subscribes a new connection to all wanted topics, and returns the topics that the
// server has to confirm.
func (s *session) begin(ctx context.Context, conn *redis.PubSub, l *listener) (map[topic]bool, error) {
	s.wire.Lock() // a topic that is not wanted yet is adjusted afterwards
	defer s.wire.Unlock()
	var names, patterns []string
	open := make(map[topic]bool)
	for _, t := range l.wanted() {
		open[t] = true
		if t.pattern {
			patterns = append(patterns, t.name)
		} else {
			names = append(names, t.name)
		}
	}
	if len(names) > 0 {
		if err := conn.Subscribe(ctx, names...); err != nil {
			return nil, err
		}
	}
	if len(patterns) > 0 {
		if err := conn.PSubscribe(ctx, patterns...); err != nil {
			return nil, err
		}
	}
	s.conn, s.sent = conn, maps.Clone(open)
	return open, nil
}

func (s *session) end() {
	s.wire.Lock()
	defer s.wire.Unlock()
	s.conn, s.sent = nil, nil
}

// take acts on a message from the connection.
func (l *listener) take(message any, open map[topic]bool) {
	switch m := message.(type) {
	case *redis.Subscription:
		t := topic{m.Channel, strings.HasPrefix(m.Kind, "p")}
		if strings.HasSuffix(m.Kind, "unsubscribe") {
			return
		}
		if delete(open, t); open == nil {
			l.confirm(t) // it joined a connection that was there already
		}
	case *redis.Message:
		l.heard(m.Channel, m.Payload)
	}
}

// heard marks the keys that a message names.
func (l *listener) heard(channel, payload string) {
	name, ours := strings.CutPrefix(channel, l.layout.channels)
	if !ours {
		return
	}
	if key, ok := strings.CutPrefix(name, "k:"); ok && payload != "" {
		if token := tokenOf(payload); token != 0 {
			l.changes.MarkDeleted(key, token)
		} else {
			l.changes.Mark(key, store.CauseUnknown)
		}
	}
	if name == "s:"+l.instance && payload != "" {
		l.deletes.Mark(payload, store.CauseDeleted)
	}
}

// tokenOf reads the token in a message of a delete, or returns zero for another.
func tokenOf(payload string) store.Token {
	digits, ok := strings.CutPrefix(payload, "-")
	if !ok || len(digits) > 16 {
		return 0
	}
	token, _ := strconv.ParseUint(digits, 10, 64) // zero for what is no number
	return store.Token(token)
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
