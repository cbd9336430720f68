package redisstore

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
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
	tries    = 3                // to begin to listen, before that counts as trouble
	patience = 10 * time.Second // for the server to confirm all topics of a new connection

	// A store publishes an echo, a message to itself, once in echoInterval, and looks for it
	// once in echoCheck. A connection that misses it maxChecks times in turn has failed. A master
	// that has not published it after echoInterval counts as one that cannot.
	echoInterval = 3 * time.Second
	echoCheck    = time.Second
	maxChecks    = 3

	firstPause  = 100 * time.Millisecond // between connections, doubling
	maxPause    = 5 * time.Second
	deniedPause = time.Minute // when there is no right to a channel

	lingerFor = 10 * time.Second // for the answers to further requests

	maxRest  = 500 * time.Millisecond // between two reads of a connection; less than echoCheck
	buffered = time.Millisecond       // a message that comes sooner was there already, as a rule
)

var (
	errSilent = errors.New("the server did not confirm a subscription")
	errDeaf   = errors.New("the subscription does not get messages that the master publishes")
)

// listener hears of changes through one connection, subscribed to the store's own channel, to
// a channel for each watched key, and to all channels of the library if a prefix is watched.
//
// A subscription can be on a server that answers and hears nothing, like the old master
// after a failover. So the listener publishes echoes through a master that takes writes, with the
// user's rights, as the verbs publish changes, and they must come back. If an echo cannot be
// published, the server must at least confirm the store's own channel once more, which takes no
// other right than to listen.
type listener struct {
	layout    layout
	transport *transport
	instance  string
	untried   bool // publishes no echoes
	next      *next
	changes   feed.Hub      // marked with the keys whose channels had a message
	deletes   feed.Hub      // marked with the keys on the store's own channel
	mail      feed.Messages // of the channels of requests, and to waiters for answers

	mu        sync.Mutex
	topics    map[topic]*subscribed
	listeners int             // of all topics
	rests     []time.Duration // of those that are in no hurry: how late a message may be
	joined    chan struct{}   // closed at the next listener, to end a pause; nil before one
	session   *session        // nil while nobody listens
	shutdown  bool
}

// topic is a channel, or a pattern of channels.
type topic struct {
	name    string
	pattern bool
}

// subscribed is a topic that somebody listens to.
type subscribed struct {
	listeners int
	lingers   bool          // one of them is linger's
	confirmed chan struct{} // closed once the server has said so, on any connection
}

// session is one time of listening, from the first listener to the last. It has one
// connection after another.
type session struct {
	stop    context.CancelFunc
	stopped <-chan struct{} // closed by stop
	settled chan struct{}   // closed once there is a connection, or will not be soon

	wire  sync.Mutex // orders what is sent on a connection
	conn  *redis.PubSub
	sent  map[topic]bool         // on that connection
	tried map[*redis.Client]bool // masters that connections were made to since one was good

	mu      sync.Mutex
	err     error         // why nothing is heard at present; set before settled is closed
	echo    *echo         // of the newest connection
	asked   map[topic]int // subscriptions on it that the server has not confirmed
	ended   bool          // a connection has ended, or could not be made
	unheard map[*redis.Client]unheard
}

// unheard is the master of a slot, as it was, that could not publish the last echo sent
// through it. Each later echo is sent through that slot too, until one is published.
type unheard struct {
	slot int
	err  error
}

// echo is the proof that a connection hears: the newest of its messages to itself.
type echo struct {
	number int       // 0 before the first
	at     time.Time // when it was sent
	stage  echoStage
	checks int  // at which it was published and not there, or asked and not confirmed
	begun  bool // whether there was a first result
	good   bool // whether it has come back, so that the connection hears
}

type echoStage int

const (
	echoIdle      echoStage = iota // it has come back, or could not be published
	echoSent                       // a master was asked to publish it
	echoPublished                  // the master has said that it did
	echoAsked                      // it could not, and the server was asked to confirm a channel
)

// payload tells an echo from the name of a key, which does not begin so.
func (e *echo) payload() string { return store.Reserved + strconv.Itoa(e.number) }

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
	if isClosed(sub.confirmed) { // by another's join; a new connection subscribes to it again
		return nil
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
	case <-s.stopped: // the store is closed
		return store.ErrClosed
	case <-s.settled:
	}
	if err := s.trouble(); err != nil && !isClosed(sub.confirmed) && !s.isConnected() {
		if denied(err) || err == errDeaf {
			return nil
		}
		return err
	}
	l.adjust(s, t) // the connection may have been made between the two
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.stopped:
		return store.ErrClosed
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
		s := &session{stop: stop, stopped: ctx.Done(), settled: make(chan struct{})}
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
	l.listeners++
	if l.joined != nil {
		close(l.joined)
		l.joined = nil
	}
	return l.session, sub
}

// leave counts a listener out. The last ends the session; it does not wait for the
// connection to close.
func (l *listener) leave(t topic) {
	l.mu.Lock()
	s, sub := l.session, l.topics[t]
	l.listeners--
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

// linger is leave for a topic that is likely to be listened to again soon: the subscription, and
// with it the connection, stays for a while.
func (l *listener) linger(t topic) {
	l.mu.Lock()
	sub := l.topics[t]
	first := !sub.lingers
	sub.lingers = true
	l.mu.Unlock()
	if !first {
		l.leave(t)
		return
	}
	time.AfterFunc(lingerFor, func() {
		l.mu.Lock()
		sub.lingers = false
		l.mu.Unlock()
		l.leave(t)
	})
}

// relax says that a listener is in no hurry until the function that it returns is called.
func (l *listener) relax(late time.Duration) (end func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	late = max(0, min(late, maxRest))
	l.rests = append(l.rests, late)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		i := slices.Index(l.rests, late)
		l.rests = slices.Delete(l.rests, i, i+1)
	}
}

// rest is how long messages are left on the connection before they are read together: not at all if
// a listener is in a hurry. l.mu is locked.
func (l *listener) rest() time.Duration {
	if len(l.rests) == 0 || len(l.rests) < l.listeners {
		return 0
	}
	return slices.Min(l.rests)
}

// gathers returns how long a watch has to gather by itself.
func (l *listener) gathers(late time.Duration) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return late - l.rest()
}

// pause rests, but not beyond the beginning of another listener. A message costs much more to wake for
// than to read.
func (l *listener) pause(ctx context.Context) {
	l.mu.Lock()
	rest := l.rest()
	if rest == 0 {
		l.mu.Unlock()
		return
	}
	joined := make(chan struct{})
	l.joined = joined
	l.mu.Unlock()
	timer := time.NewTimer(rest)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-joined:
	}
}

// close stops listening for good.
func (l *listener) close() {
	l.changes.Close()
	l.deletes.Close()
	l.mail.Close()
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
	own := l.ofStore() // for echoes, if nothing else
	all := []topic{own}
	for t := range l.topics {
		if t != own {
			all = append(all, t)
		}
	}
	return all
}

func (l *listener) wants(t topic) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return t == l.ofStore() || l.topics[t] != nil
}

// confirm notes that the server has subscribed the connection to a topic.
func (l *listener) confirm(t topic) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if sub := l.topics[t]; sub != nil && !isClosed(sub.confirmed) {
		close(sub.confirmed)
	}
}

func (l *listener) isConfirmed(t topic) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	sub := l.topics[t]
	return sub == nil || isClosed(sub.confirmed)
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
	wants := l.wants(t)
	if wants == s.sent[t] && (!wants || l.isConfirmed(t) || s.awaits(t)) {
		return
	}
	// A topic that was left and is wanted again at once is still subscribed: the server
	// confirms it once more.
	if wants {
		s.ask(t)
	}
	switch {
	case wants && t.pattern:
		s.conn.PSubscribe(noRedial, t.name)
	case wants:
		s.conn.Subscribe(noRedial, t.name)
	case t.pattern:
		s.conn.PUnsubscribe(noRedial, t.name)
	default:
		s.conn.Unsubscribe(noRedial, t.name)
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

// isConnected reports whether a connection has all topics: those of one master can be unheard.
func (s *session) isConnected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.echo != nil
}

// settle notes how listening stands.
func (l *listener) settle(s *session, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l.note(s, err)
	if !isClosed(s.settled) {
		close(s.settled)
	}
}

// note has calls that wait for messages read the store, and often from then on, if nothing is
// heard any more. s.mu is locked.
func (l *listener) note(s *session, err error) {
	began := s.err == nil && err != nil
	if s.err = err; began {
		l.mail.Missed()
	}
}

// listen keeps listening, over one connection after another, until ctx ends.
func (l *listener) listen(ctx context.Context, s *session) {
	for failures := 0; ctx.Err() == nil; {
		err := l.hear(ctx, s)
		if failures++; s.end() {
			failures = 1
		}
		if ctx.Err() == nil {
			l.transport.relearn()
		}
		denied := denied(err)
		if failures >= tries || denied || err == errDeaf || isClosed(s.settled) {
			l.settle(s, err)
		}
		sleep(ctx, pauseAfter(failures, denied))
	}
	l.settle(s, store.ErrClosed)
}

// pauseAfter is how long to wait for the next connection.
func pauseAfter(failures int, denied bool) time.Duration {
	if denied {
		return deniedPause
	}
	return min(firstPause<<min(failures-1, 10), maxPause)
}

// noRedial is a context that has ended. go-redis reads and writes on a connection with it as
// with any other, and makes no new one after an error. It would hold the lock of the PubSub
// meanwhile, and so hold up its Close, and hide that messages were missed.
var noRedial = func() context.Context {
	ctx, end := context.WithCancel(context.Background())
	end()
	return ctx
}()

// hear listens over one connection until it breaks. A read has no deadline: after one that
// passed within a message, go-redis would take the rest for another.
func (l *listener) hear(ctx context.Context, s *session) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	conn := l.transport.client.Subscribe(ctx)
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()

	open, err := s.begin(ctx, conn, l)
	if err != nil {
		return err
	}
	silent := time.AfterFunc(patience, func() { fail(errSilent) })
	defer silent.Stop()
	for {
		began := time.Now()
		message, err := conn.Receive(noRedial)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return err
		}
		if open == nil && time.Since(began) >= buffered {
			l.pause(ctx)
		}
		l.take(s, message, open)
		if open != nil && len(open) == 0 {
			open = nil
			silent.Stop()
			e := s.expect()
			l.transport.tasks.start(func() { fail(l.checkEchoes(ctx, s, e)) })
		}
	}
}

// expect returns the echo of a new connection.
func (s *session) expect() *echo {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.echo = new(echo)
	return s.echo
}

// checkEchoes returns an error once the connection does not hear its own messages.
func (l *listener) checkEchoes(ctx context.Context, s *session, e *echo) error {
	for ctx.Err() == nil {
		if err := l.check(ctx, s, e, time.Now()); err != nil {
			return err
		}
		sleep(ctx, echoCheck)
	}
	return nil
}

// check returns an error if an echo was published and is not heard, and begins another if it
// is time.
func (l *listener) check(ctx context.Context, s *session, e *echo, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.echo != e: // the connection has ended meanwhile
	case e.stage == echoPublished, e.stage == echoAsked:
		if e.checks++; e.checks == maxChecks {
			return errDeaf
		}
		if e.checks > 1 && isClosed(s.settled) {
			l.note(s, errDeaf) // unless it comes late
		}
	case e.stage == echoIdle && now.Sub(e.at) >= echoInterval:
		e.number, e.at, e.stage, e.checks = e.number+1, now, echoSent, 0
		payload := e.payload()
		slot := rand.N(slots)
		l.transport.tasks.start(func() { l.publish(ctx, s, e, slot, payload) })
		for _, u := range s.unheard {
			l.transport.tasks.start(func() { l.publishVia(ctx, s, u.slot, payload) })
		}
	}
	return nil
}

// publish has the master of a slot publish an echo, on a Cluster any master: its nodes pass
// messages on to each other. A store that may not publish still hears of the changes of others.
func (l *listener) publish(ctx context.Context, s *session, e *echo, slot int, payload string) {
	if l.untried { // the server confirms a channel instead
		s.mu.Lock()
		if e.stage == echoSent {
			e.stage = echoAsked
		}
		s.mu.Unlock()
		s.askAgain(l)
		l.proven(s, e, nil)
		return
	}
	err := l.publishVia(ctx, s, slot, payload)
	s.mu.Lock()
	if e.stage == echoSent {
		e.stage = echoPublished
		if err != nil {
			e.stage = echoAsked
		}
	}
	back := e.stage == echoIdle
	s.mu.Unlock()
	switch {
	case err == nil && back:
		l.proven(s, e, nil) // the echo was faster than the master's answer
	case err != nil && ctx.Err() == nil:
		s.askAgain(l)
		l.proven(s, e, err)
	}
}

// publishVia publishes an echo through the master of a slot, and notes whether that succeeds.
func (l *listener) publishVia(ctx context.Context, s *session, slot int, payload string) error {
	limited, cancel := context.WithTimeout(ctx, echoInterval)
	defer cancel()
	master, _ := l.transport.masterOfSlot(limited, slot)
	err := l.transport.publish(limited, slot, l.ofStore().name, payload)
	if err != nil {
		err = unable(l.transport.address(), "publish", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		maps.DeleteFunc(s.unheard, func(m *redis.Client, u unheard) bool { return m == master || u.slot == slot })
	case ctx.Err() == nil:
		if s.unheard == nil {
			s.unheard = make(map[*redis.Client]unheard)
		}
		s.unheard[master] = unheard{slot, err}
	}
	return err
}

// askAgain has the server confirm the store's own channel once more.
func (s *session) askAgain(l *listener) {
	s.wire.Lock()
	defer s.wire.Unlock()
	if s.conn != nil {
		s.ask(l.ofStore())
		s.conn.Subscribe(noRedial, l.ofStore().name)
	}
}

// ask notes that the server is about to be asked to subscribe the connection to a topic.
func (s *session) ask(t topic) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked == nil {
		s.asked = make(map[topic]int)
	}
	s.asked[t]++
}

// awaits reports whether the server has not answered all of that.
func (s *session) awaits(t topic) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[t] > 0
}

// answered notes an answer, and reports whether it is the last: one before that can be for a listener
// who has left since, and with whom the subscription has ended.
func (s *session) answered(t topic) (last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.asked[t]; n > 1 {
		s.asked[t] = n - 1
		return false
	}
	delete(s.asked, t)
	return true
}

// confirmed notes that the server has confirmed the store's own channel.
func (s *session) confirmed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.echo; e != nil && e.stage == echoAsked {
		e.stage, e.good = echoIdle, true
	}
}

// returned notes that an echo has come back.
func (l *listener) returned(s *session, payload string) {
	s.mu.Lock()
	e := s.echo
	ours := e != nil && payload == e.payload()
	if ours {
		e.stage = echoIdle
	}
	s.mu.Unlock()
	if ours {
		l.proven(s, e, nil)
	}
}

// proven notes that a connection hears the messages of all masters, or why that cannot be proven.
// Messages from before the connection are missed. Deletes are not if it is the first of a
// session: a hint to read every record would have each keeper renew its leases once
// for nothing.
func (l *listener) proven(s *session, e *echo, err error) {
	s.mu.Lock()
	current := s.echo == e
	first := current && !e.begun
	e.begun, e.good = true, e.good || err == nil
	again := s.ended
	for _, u := range s.unheard {
		err = u.err
	}
	s.mu.Unlock()
	if first {
		l.changes.Missed()
		l.mail.Missed()
	}
	if first && again {
		l.deletes.Missed()
	}
	if current {
		l.settle(s, err)
	}
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
		s.ask(t)
		if t.pattern {
			patterns = append(patterns, t.name)
		} else {
			names = append(names, t.name)
		}
	}
	if l.transport.cluster != nil {
		names = s.toMaster(ctx, l.transport, names)
	}
	if len(names) > 0 {
		if err := conn.Subscribe(ctx, names...); err != nil {
			return nil, err
		}
	}
	if len(patterns) > 0 {
		if err := conn.PSubscribe(noRedial, patterns...); err != nil {
			return nil, err
		}
	}
	s.conn, s.sent = conn, maps.Clone(open)
	return open, nil
}

// toMaster returns the channels of a connection with the one first that decides its master: after
// a connection has failed, a channel of a master that was not tried since one was good.
func (s *session) toMaster(ctx context.Context, t *transport, names []string) []string {
	master := func() *redis.Client {
		m, _ := t.cluster.MasterForKey(ctx, names[0])
		return m
	}
	if s.hasFailed() {
		names = slices.Insert(names, 0, t.layout.anyone())
		for range 100 { // a master can have few slots, or none
			if !s.tried[master()] {
				break
			}
			names[0] = t.layout.anyone()
		}
	}
	if s.tried == nil {
		s.tried = make(map[*redis.Client]bool)
	}
	s.tried[master()] = true
	return names
}

// hasFailed reports whether a connection has ended or could not be made.
func (s *session) hasFailed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// end notes that a connection has ended, or could not be made, and reports whether it was
// proven to hear.
func (s *session) end() (good bool) {
	s.wire.Lock()
	defer s.wire.Unlock()
	s.conn, s.sent = nil, nil
	s.mu.Lock()
	defer s.mu.Unlock()
	good = s.echo != nil && s.echo.good
	s.echo, s.asked, s.ended = nil, nil, true
	if good {
		s.tried = nil
	}
	return good
}

// take acts on a message from the connection.
func (l *listener) take(s *session, message any, open map[topic]bool) {
	switch m := message.(type) {
	case *redis.Subscription:
		t := topic{m.Channel, strings.HasPrefix(m.Kind, "p")}
		if strings.HasSuffix(m.Kind, "unsubscribe") {
			return
		}
		delete(open, t)
		if s.answered(t) {
			l.confirm(t)
		}
		if t == l.ofStore() {
			s.confirmed()
		}
	case *redis.Message:
		if m.Channel == l.ofStore().name && strings.HasPrefix(m.Payload, store.Reserved) {
			l.returned(s, m.Payload)
			return
		}
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
		if payload[0] == '=' {
			l.next.heard(payload)
		}
		if token := tokenOf(payload); token != 0 {
			l.changes.MarkDeleted(key, token)
		} else {
			l.changes.Mark(key, store.CauseUnknown)
		}
		if payload[0] != '+' {
			l.mail.Send(l.layout.channels+"q:"+key, "")
		}
	}
	switch {
	case strings.HasPrefix(name, "q:"), strings.HasPrefix(name, "l:"):
		l.mail.Send(channel, payload)
	case strings.HasPrefix(name, "a:"):
		id, text := cutAnswer(payload)
		l.mail.Send(waiter(channel, id), text)
	}
	if name == "s:"+l.instance && payload != "" {
		l.deletes.Mark(payload, store.CauseDeleted)
	}
}

// waiter names the callers that wait for the answer to a request, by the channel of the answers.
func waiter(channel, id string) string { return channel + "\x00" + id }

// cutAnswer reads a message of an answer: the id with its length before it, and the answer's
// text if that is short.
func cutAnswer(payload string) (id, text string) {
	length, rest, _ := strings.Cut(payload, ":")
	n, err := strconv.Atoi(length)
	if err != nil || n < 0 || n > len(rest) {
		return "", ""
	}
	return rest[:n], rest[n:]
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

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// publish has the master of a slot publish a message. A replica would publish it too, but refuses
// GETEX, as it refuses the verbs; both commands go in one pipeline.
func (t *transport) publish(ctx context.Context, slot int, channel, message string) error {
	unused := t.layout.root + "{" + tags()[slot] + "}:publish"
	write := newCommand(entryCost, "getex", unused)
	published := newCommand(entryCost, "publish", channel, message).at(unused)
	t.do(ctx, write, published)
	if _, err := write.reply(); err != nil && !isNil(err) {
		return err
	}
	_, err := published.reply()
	return err
}
