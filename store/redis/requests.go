package redisstore

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"strconv"
	"time"

	"github.com/leasehold-go/leasehold/internal/ctxerr"
	"github.com/leasehold-go/leasehold/store"
	"github.com/leasehold-go/leasehold/store/internal/feed"
)

const (
	firstRetry = 50 * time.Millisecond // after a call without an answer, doubling
	maxRetry   = 2 * time.Second

	// A published message can be lost. A call that waits for one reads again once in
	// rereadAfter, and once in unheardAfter while the store does not hear all messages.
	rereadAfter  = time.Minute
	unheardAfter = time.Second

	// newFor is how old a notice may be for its request to be taken from it. In rereadAfter two
	// clocks come to differ by less.
	newFor = 100 * time.Millisecond
)

var errClosedMeanwhile = errors.New("the store was closed meanwhile")

// Ask implements [store.Requester]. It sends a call in doubt again, with the same id.
func (s *Store) Ask(ctx context.Context, q store.Request) (store.Answer, error) {
	if err := q.Check(); err != nil {
		return store.Answer{}, err
	}
	m := s.layout.mailOf(q.Key)
	h, err := s.listener.hearing(ctx, waiter(m.answered, q.ID), s.listener.linger, topic{name: m.answered})
	if err != nil {
		return store.Answer{}, failed("ask", q.Key, reads, err)
	}
	defer h.leave()

	queued, doubt := false, false // whether the store has the request, and whether it may have it
	end := time.Now().Add(q.TTL)
	for tries := 0; ; {
		answer, left, err := s.ask(ctx, m, q, !queued, s.readOnly.Load())
		switch {
		case err == nil && answer.ID != "":
			return answer, nil
		case err == nil:
			queued, doubt, tries = true, true, 0
			end = time.Now().Add(left)
			left += time.Millisecond
		case !unanswered(err), !doubt && !errors.Is(err, store.ErrInDoubt):
			return store.Answer{}, err
		case time.Now().After(end):
			return store.Answer{}, inDoubt("ask", q.Key, err)
		default:
			doubt = true
			left = min(firstRetry<<min(tries, 10), maxRetry)
			tries++
		}
		message, err := h.wait(ctx, left)
		if err != nil { // the holder may still do what was asked
			return store.Answer{}, inDoubt("ask", q.Key, err)
		}
		if answer, ok := answerOf(q.ID, message.Text); ok {
			return answer, nil
		}
	}
}

// ask sends a request once, or only looks for its id. It returns the answer, if Ask is to
// return it, or for how long it may still come. A user without the right to write under the key
// looks at the record first.
func (s *Store) ask(ctx context.Context, m mail, q store.Request, queue, look bool) (store.Answer, time.Duration, error) {
	most, token := 0, ""
	if queue {
		most = store.MaxRequests
	}
	if q.Token != 0 {
		token = digits(q.Token)
	}
	keys := []any{m.queue, m.request(q.ID), m.answer(q.ID)}
	args := []any{m.asked, q.ID, token, digits(q.Token) + string(q.Body), q.TTL.Milliseconds(), most}
	var refused error // by the record
	if queue && !look {
		keys = append(keys, m.key, m.fence)
	} else if queue {
		if refused = s.mayAskFor(ctx, m, q); unanswered(refused) {
			return store.Answer{}, 0, refused
		} else if refused != nil {
			args[5] = 0
		}
	}
	for pruned := false; ; pruned = true {
		c := newScriptCall(askScript, len(q.Body)+store.MaxRequest, keys, args...)
		s.transport.do(ctx, c)
		reply, err := c.reply()
		row, _ := reply.([]any)
		switch word := reason(row); {
		case err != nil && denied(err) && len(keys) > 3:
			return s.ask(ctx, m, q, queue, true)
		case err != nil && denied(err):
			return store.Answer{}, 0, failed("ask", q.Key, reads, err)
		case err != nil:
			return store.Answer{}, 0, failed("ask", q.Key, writes, err)
		case word == "wait":
			left, ok := at[int64](row, 1)
			if !ok {
				return store.Answer{}, 0, failed("ask", q.Key, writes, odd(reply))
			}
			return store.Answer{}, timeLeft(left), nil
		case word == "answer":
			text, _ := at[string](row, 1)
			answer, ok := answerOf(q.ID, text)
			if !ok {
				return store.Answer{}, 0, failed("ask", q.Key, writes, odd(reply))
			}
			return answer, 0, nil
		case word == "full" && !queue:
			return store.Answer{}, 0, &store.Error{Op: "ask", Key: q.Key, Condition: store.ErrExpired}
		case word == "full" && refused != nil:
			return store.Answer{}, 0, refused
		case word == "full" && !pruned:
			places, _ := at[[]any](row, 1)
			s.prune(ctx, m, idsOf(places)) // the holder may have been faster
		default:
			return store.Answer{}, 0, refusal("ask", q.Key, row)
		}
	}
}

// answerOf reads the text of an answer; see mail.lua.
func answerOf(id, text string) (a store.Answer, ok bool) {
	if len(text) < 2 {
		return a, false
	}
	return store.Answer{ID: id, Body: []byte(text[1:]), Final: text[0] == 'f'}, true
}

// mayAskFor returns why a request cannot be queued, with rights to read the record alone.
func (s *Store) mayAskFor(ctx context.Context, m mail, q store.Request) error {
	for f, err := range s.fetch(ctx, []names{m.names}) {
		switch {
		case err != nil:
			return failed("ask", q.Key, reads, err)
		case !f.live:
			return &store.Error{Op: "ask", Key: q.Key, Condition: store.ErrNotFound}
		case f.record.Foreign():
			return &store.ForeignError{Record: f.record}
		case q.Token != 0 && q.Token != f.record.Token:
			return store.Lost("ask", q.Key, f.record.Token)
		}
	}
	return nil
}

// place is an id in a queue. The number tells requests apart that have the same id one after
// the other.
type place struct{ id, number string }

func placesOf(row []any) (all []place) {
	for i := 0; i+1 < len(row); i += 2 {
		id, _ := at[string](row, i)
		number, _ := at[string](row, i+1)
		all = append(all, place{id, number})
	}
	return all
}

func idsOf(row []any) (ids []string) {
	for _, p := range placesOf(row) {
		ids = append(ids, p.id)
	}
	return ids
}

// prune takes dead ids out of a queue. If that fails they are skipped again.
func (s *Store) prune(ctx context.Context, m mail, ids []string) {
	keys, args := []any{m.queue}, make([]any, 0, len(ids))
	for _, id := range ids {
		keys, args = append(keys, m.request(id)), append(args, id)
	}
	c := newScriptCall(pruneScript, maxRefusal, keys, args...)
	s.transport.do(ctx, c)
}

// Requests implements [store.Requester].
func (s *Store) Requests(ctx context.Context, key string, token store.Token) iter.Seq2[store.Request, error] {
	return func(yield func(store.Request, error) bool) {
		if err := (store.Renewal{Key: key, Token: token}).Check(); err != nil {
			yield(store.Request{}, err)
			return
		}
		m := s.layout.mailOf(key)
		var h *hearing
		var err error
		for tries := 0; h == nil; tries++ {
			h, err = s.listener.hearing(ctx, m.asked, s.listener.leave, topic{name: m.asked}, s.listener.ofKey(key))
			switch {
			case ctx.Err() != nil:
				yield(store.Request{}, context.Cause(ctx))
				return
			case errors.Is(err, store.ErrClosed):
				yield(store.Request{}, failed("requests", key, reads, err))
				return
			case err != nil:
				sleep(ctx, min(firstRetry<<min(tries, 10), maxRetry))
			}
		}
		defer h.leave()
		r := &reader{store: s, mail: m, token: token, hearing: h, yield: yield, seen: make(map[place]bool)}
		if err := r.serve(ctx); err != errStop {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			yield(store.Request{}, err)
		}
	}
}

// errStop is the error of a loop that its body has left.
var errStop = errors.New("the loop was left")

// reader reads the requests of a lease.
type reader struct {
	store   *Store
	mail    mail
	token   store.Token
	hearing *hearing
	yield   func(store.Request, error) bool

	read waiting        // the last time
	seen map[place]bool // that waited then or came later, and need not be yielded
	// mark is the server's time of the last read, or the place of the last request that was taken
	// from its notice. A notice of an earlier place tells nothing new.
	mark int64
}

// serve yields requests until the lease has ended, as its error says.
func (r *reader) serve(ctx context.Context) error {
	next := "" // id of the request to read with the queue
	for tries := 0; ; {
		err := r.readQueue(ctx, next)
		until := time.Now().Add(min(r.read.left+time.Millisecond, rereadAfter))
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && (!unanswered(err) || denied(err)):
			return err
		case err != nil:
			until = time.Now().Add(min(firstRetry<<min(tries, 10), maxRetry))
			tries++
		default:
			tries = 0
			unseen, err := r.yieldNext(ctx, next)
			if err != nil {
				return err
			}
			if len(unseen) > 0 {
				next = unseen[0].id
				continue
			}
		}
		if next, err = r.wait(ctx, until); err != nil {
			return err
		}
	}
}

// yieldNext yields the request that was read with the queue, if it is the next, and returns the
// places that are to be read after it.
func (r *reader) yieldNext(ctx context.Context, id string) (unseen []place, err error) {
	still := make(map[place]bool, len(r.seen))
	for _, p := range r.read.places {
		if r.seen[p] {
			still[p] = true
		} else {
			unseen = append(unseen, p)
		}
	}
	r.seen = still
	if len(unseen) == 0 || unseen[0].id != id {
		return unseen, nil
	}
	switch q := r.read.request; {
	case q.TTL <= 0: // its id is dead, as others may be
		ids := make([]string, len(unseen))
		for i, p := range unseen {
			ids[i] = p.id
		}
		r.store.prune(ctx, r.mail, ids)
	case q.Token != 0 && q.Token != r.token:
	case !r.yield(q, nil):
		return nil, errStop
	}
	r.seen[unseen[0]] = true
	return unseen[1:], nil
}

// wait yields requests from their notices, until it is time to read the queue, or a notice says
// that this is needed. It returns the id of the request to read with the queue, if it is known.
func (r *reader) wait(ctx context.Context, until time.Time) (next string, err error) {
	for {
		message, err := r.hearing.wait(ctx, time.Until(until))
		if err != nil {
			return "", failed("requests", r.mail.key, reads, err)
		}
		n := noticeOf(message.Text)
		q := store.Request{Key: r.mail.key, ID: n.id, Token: n.meant, Body: n.body, TTL: n.ttl}
		age := r.age(n)
		if message.More || !r.follows(n) || age > newFor || age < -newFor || age >= n.ttl || !time.Now().Before(until) || q.Check() != nil {
			return n.id, nil
		}
		if n.last == 0 {
			clear(r.seen)
		}
		r.seen[place{n.id, strconv.FormatInt(n.place, 10)}] = true
		r.mark = n.place
		q.TTL -= max(age, 0)
		if !r.yield(q, nil) {
			return "", errStop
		}
	}
}

// follows reports whether a notice is of the next request for this lease: all that waited in
// front of it are seen.
func (r *reader) follows(n notice) bool {
	if n.lease != r.token || n.meant != 0 && n.meant != r.token || n.place <= r.mark || len(r.seen) > 2*store.MaxRequests {
		return false
	}
	last := strconv.FormatInt(n.last, 10)
	for p := range r.seen {
		if p.number == last {
			return true
		}
	}
	return n.last == 0
}

// age returns how old a notice is at most: for how long the last read has been over here, less
// for how long it was on the server when the request came. A notice can be old if this process was
// paused, or the network was. One of the two clocks here stands still in a suspended system.
func (r *reader) age(n notice) time.Duration {
	now := time.Now()
	here := max(now.Sub(r.read.sent), now.Round(0).Sub(r.read.sent.Round(0)))
	return here - time.Duration(n.place-r.read.time)*time.Microsecond
}

// notice is the message that tells the holder of a request; see mail.lua.
type notice struct {
	lease       store.Token // the live one; zero if the request has to be read
	place, last int64
	ttl         time.Duration
	id          string
	meant       store.Token // of the lease that the request is for
	body        []byte
}

// noticeOf reads a notice. Of a text that is none it returns nothing, or an id alone.
func noticeOf(text string) (n notice) {
	number := func(digits int) int64 {
		v, err := strconv.ParseUint(text[:min(digits, len(text))], 10, 63)
		if err != nil {
			text = ""
			return 0
		}
		text = text[min(digits, len(text)):]
		return int64(v)
	}
	n.lease, n.place, n.last = store.Token(number(16)), number(16), number(16)
	n.ttl = time.Duration(number(13)) * time.Millisecond
	length := min(int(number(2)), len(text))
	n.id, text = text[:length], text[length:]
	n.meant = store.Token(number(16))
	n.body = []byte(text)
	return n
}

// waiting is the record and the queue, as a holder reads them.
type waiting struct {
	sent    time.Time     // when the read began
	time    int64         // of the server, after that, in microseconds
	left    time.Duration // of the record
	places  []place       // in their order
	request store.Request // the one that was asked for; without a TTL if its id is dead
}

// readQueue reads the queue, and one request unless its id is empty.
func (r *reader) readQueue(ctx context.Context, id string) error {
	m := r.mail
	keys := []any{m.key, m.fence, m.queue}
	if id != "" {
		keys = append(keys, m.request(id))
	}
	sent := time.Now()
	c := newScriptCall(requestsScript, store.MaxRequest+maxRefusal, keys, digits(r.token))
	r.store.transport.do(ctx, c)
	reply, err := c.reply()
	if err != nil {
		return failed("requests", m.key, reads, err)
	}
	row, _ := reply.([]any)
	now, ok := at[int64](row, 0)
	left, ok1 := at[int64](row, 1)
	places, ok2 := at[[]any](row, 2)
	text, ok3 := at[string](row, 3)
	ttl, ok4 := at[int64](row, 4)
	if !ok && reason(row) != "" {
		return refusal("requests", m.key, row)
	}
	if !ok || !ok1 || !ok2 || !ok3 || !ok4 {
		return failed("requests", m.key, reads, odd(reply))
	}
	r.read = waiting{sent: sent, time: now, left: timeLeft(left), places: placesOf(places)}
	if text != "" {
		meant, err := strconv.ParseUint(text[:len(digits(0))], 10, 64)
		if err != nil {
			return failed("requests", m.key, reads, odd(reply))
		}
		r.read.request = store.Request{Key: m.key, ID: id, Token: store.Token(meant), Body: []byte(text[len(digits(0)):]), TTL: timeLeft(ttl)}
	}
	r.mark = max(r.mark, now)
	return nil
}

// Answer implements [store.Requester].
func (s *Store) Answer(ctx context.Context, key string, token store.Token, a store.Answer) error {
	if err := cmp.Or(store.Renewal{Key: key, Token: token}.Check(), a.Check()); err != nil {
		return err
	}
	c := s.newAnswer(answerScript, key, token, a)
	s.transport.do(ctx, c)
	_, err := c.number("answer", key)
	return err
}

// newAnswer makes a call of a script that stores an answer.
func (s *Store) newAnswer(sc *script, key string, token store.Token, a store.Answer, more ...any) *call {
	m := s.layout.mailOf(key)
	state := "n"
	if a.Final {
		state = "f"
	}
	args := append([]any{m.answered, a.ID, digits(token), a.TTL.Milliseconds(), state + string(a.Body)}, more...)
	c := newScriptCall(sc, len(a.Body)+maxRefusal, []any{m.key, m.fence, m.queue, m.request(a.ID), m.answer(a.ID)}, args...)
	c.slot = m.slot
	return c
}

// hearing is a call that waits for messages.
type hearing struct {
	listener *listener
	reader   *feed.Reader
	leave    func()
}

// hearing begins to listen to topics, for messages to one name. Its end leaves the topics by the
// given method.
func (l *listener) hearing(ctx context.Context, name string, leaveTopic func(topic), topics ...topic) (*hearing, error) {
	r := l.mail.Join(name)
	h := &hearing{listener: l, reader: r, leave: func() { l.mail.Leave(r) }}
	for _, t := range topics {
		if err := l.join(ctx, t); err != nil {
			h.leave()
			if ctx.Err() != nil {
				err = &unsentError{ctxerr.Of(ctx)}
			}
			return nil, err
		}
		leave := h.leave
		h.leave = func() { leaveTopic(t); leave() }
	}
	return h, nil
}

// wait returns a message, or nothing when it is time to read the store.
func (h *hearing) wait(ctx context.Context, d time.Duration) (feed.Message, error) {
	most := rereadAfter
	if h.listener.trouble() != nil {
		most = unheardAfter
	}
	timer := time.NewTimer(min(d, most))
	defer timer.Stop()
	select {
	case message, open := <-h.reader.C:
		if !open {
			return feed.Message{}, store.ErrClosed
		}
		return message, nil
	case <-timer.C:
		return feed.Message{}, nil
	case <-ctx.Done():
		return feed.Message{}, ctxerr.Of(ctx)
	}
}

// unanswered reports whether an error says that the store gave no answer.
func unanswered(err error) bool {
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrInDoubt) || errors.Is(err, store.ErrClosed)
}

// inDoubt is the error of a call that has no answer, for a reason that may be an error of a verb.
func inDoubt(op, key string, err error) error {
	var failure *store.Error
	switch {
	case errors.Is(err, store.ErrClosed):
		err = errClosedMeanwhile
	case errors.As(err, &failure):
		err = failure.Err
	}
	return &store.Error{Op: op, Key: key, Condition: store.ErrInDoubt, Err: err}
}
