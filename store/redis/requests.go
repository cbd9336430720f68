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
		text, err := h.wait(ctx, left)
		if err != nil { // the holder may still do what was asked
			return store.Answer{}, inDoubt("ask", q.Key, err)
		}
		if answer, ok := answerOf(q.ID, text); ok {
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
			return store.Answer{}, 0, &store.Error{Op: "ask", Key: q.Key, Condition: store.ErrUnavailable, Err: err}
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
		if err := s.serve(ctx, m, token, h, yield); err != errStop {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			yield(store.Request{}, err)
		}
	}
}

// errStop is the error of a loop that its body has left.
var errStop = errors.New("the loop was left")

// serve yields requests until the lease has ended, as its error says.
func (s *Store) serve(ctx context.Context, m mail, token store.Token, h *hearing, yield func(store.Request, error) bool) error {
	seen := make(map[place]bool) // of the queue, and need not be yielded
	next := ""                   // id of the request to read with the queue
	for tries := 0; ; {
		read, err := s.readQueue(ctx, m, token, next)
		until := time.Now().Add(read.left + time.Millisecond)
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
			var unseen []place
			still := make(map[place]bool, len(seen))
			for _, p := range read.places {
				if seen[p] {
					still[p] = true
				} else {
					unseen = append(unseen, p)
				}
			}
			seen = still
			if len(unseen) > 0 && unseen[0].id == next {
				switch q := read.request; {
				case q.TTL <= 0: // its id is dead, as others may be
					ids := make([]string, len(unseen))
					for i, p := range unseen {
						ids[i] = p.id
					}
					s.prune(ctx, m, ids)
				case q.Token != 0 && q.Token != token:
				case !yield(q, nil):
					return errStop
				}
				seen[unseen[0]] = true
				unseen = unseen[1:]
			}
			if len(unseen) > 0 {
				next = unseen[0].id
				continue
			}
		}
		if next, err = h.wait(ctx, time.Until(until)); err != nil {
			return failed("requests", m.key, reads, err)
		}
	}
}

// waiting is the record and the queue, as a holder reads them.
type waiting struct {
	left    time.Duration // of the record
	places  []place       // in their order
	request store.Request // the one that was asked for; without a TTL if its id is dead
}

// readQueue reads the queue of a lease, and one request unless its id is empty.
func (s *Store) readQueue(ctx context.Context, m mail, token store.Token, id string) (waiting, error) {
	keys := []any{m.key, m.fence, m.queue}
	if id != "" {
		keys = append(keys, m.request(id))
	}
	c := newScriptCall(requestsScript, store.MaxRequest+maxRefusal, keys, digits(token))
	s.transport.do(ctx, c)
	reply, err := c.reply()
	if err != nil {
		return waiting{}, failed("requests", m.key, reads, err)
	}
	row, _ := reply.([]any)
	left, ok1 := at[int64](row, 0)
	places, ok2 := at[[]any](row, 1)
	text, ok3 := at[string](row, 2)
	ttl, ok4 := at[int64](row, 3)
	if !ok1 && reason(row) != "" {
		return waiting{}, refusal("requests", m.key, row)
	}
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return waiting{}, failed("requests", m.key, reads, odd(reply))
	}
	q := waiting{left: timeLeft(left), places: placesOf(places)}
	if text != "" {
		meant, err := strconv.ParseUint(text[:len(digits(0))], 10, 64)
		if err != nil {
			return waiting{}, failed("requests", m.key, reads, odd(reply))
		}
		q.request = store.Request{Key: m.key, ID: id, Token: store.Token(meant), Body: []byte(text[len(digits(0)):]), TTL: timeLeft(ttl)}
	}
	return q, nil
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
func (h *hearing) wait(ctx context.Context, d time.Duration) (string, error) {
	most := rereadAfter
	if h.listener.trouble() != nil {
		most = unheardAfter
	}
	timer := time.NewTimer(min(d, most))
	defer timer.Stop()
	select {
	case message, open := <-h.reader.C:
		if !open {
			return "", store.ErrClosed
		}
		return message, nil
	case <-timer.C:
		return "", nil
	case <-ctx.Done():
		return "", ctxerr.Of(ctx)
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
