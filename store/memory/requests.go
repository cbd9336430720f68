package memstore

import (
	"bytes"
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"github.com/leasehold-go/leasehold/internal/ctxerr"
	"github.com/leasehold-go/leasehold/store"
)

// message is a request with its answer, if it has one. The store keeps it until the deadline
// of the request and the time to live of the answer have both passed.
type message struct {
	request  store.Request
	number   uint64 // grows with each request
	deadline time.Time
	answer   store.Answer // without an ID if there is none
	expiry   time.Time    // of the message
	forget   *time.Timer  // runs at expiry
}

// askers names the callers of Ask that wait for an answer, among the names of Store.mail.
func askers(key, id string) string { return key + "\x00" + id }

// Ask implements [store.Requester].
func (s *Store) Ask(ctx context.Context, q store.Request) (store.Answer, error) {
	if err := q.Check(); err != nil {
		return store.Answer{}, err
	}
	told := s.mail.Join(askers(q.Key, q.ID))
	defer s.mail.Leave(told)
	if err := s.enter(ctx, "ask", q.Key); err != nil {
		return store.Answer{}, err
	}
	m, err := s.queue(q)
	s.mu.Unlock()
	if err != nil {
		return store.Answer{}, err
	}
	deadline := time.NewTimer(time.Until(m.deadline))
	defer deadline.Stop()
	for passed := false; ; {
		s.mu.Lock()
		answer := m.answer
		s.mu.Unlock()
		switch {
		case answer.Final, passed && answer.ID != "":
			answer.Body, answer.TTL = bytes.Clone(answer.Body), 0
			return answer, nil
		case passed:
			return store.Answer{}, fail("ask", q.Key, store.ErrExpired)
		}
		select {
		case _, open := <-told.C:
			if !open {
				return store.Answer{}, fail("ask", q.Key, store.ErrClosed)
			}
		case <-deadline.C:
			passed = true
		case <-ctx.Done(): // the holder may still do what was asked
			return store.Answer{}, &store.Error{Op: "ask", Key: q.Key, Condition: store.ErrInDoubt, Err: ctxerr.Of(ctx)}
		}
	}
}

// queue returns the message with the request's id, a new one if there is none.
func (s *Store) queue(q store.Request) (*message, error) {
	if m := s.message(q.Key, q.ID); m != nil {
		return m, nil
	}
	waiting := 0
	for _, m := range s.messages[q.Key] {
		if m.waits() {
			waiting++
		}
	}
	switch r := s.live(q.Key); {
	case r == nil:
		return nil, fail("ask", q.Key, store.ErrNotFound)
	case q.Token != 0 && q.Token != r.token:
		return nil, store.Lost("ask", q.Key, r.token)
	case waiting >= store.MaxRequests:
		return nil, fail("ask", q.Key, store.ErrFull)
	}
	s.asked++
	q.Body = bytes.Clone(q.Body)
	m := &message{request: q, number: s.asked, deadline: time.Now().Add(q.TTL)}
	s.messages[q.Key] = append(s.messages[q.Key], m)
	s.keep(m, m.deadline)
	s.mail.Send(q.Key, "")
	return m, nil
}

// message returns the message of a key with an id, or nil.
func (s *Store) message(key, id string) *message {
	for _, m := range s.messages[key] {
		if m.request.ID == id && time.Now().Before(m.expiry) {
			return m
		}
	}
	return nil
}

// waits reports whether the request waits for an answer.
func (m *message) waits() bool { return m.answer.ID == "" && time.Now().Before(m.deadline) }

// keep has the store forget a message at an instant and not before.
func (s *Store) keep(m *message, until time.Time) {
	m.expiry = until
	if m.forget != nil {
		m.forget.Reset(time.Until(until))
		return
	}
	m.forget = time.AfterFunc(time.Until(until), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if time.Now().Before(m.expiry) {
			return // it was answered meanwhile
		}
		key := m.request.Key
		rest := slices.DeleteFunc(s.messages[key], func(other *message) bool { return other == m })
		if len(rest) == 0 {
			delete(s.messages, key)
		} else {
			s.messages[key] = rest
		}
	})
}

// Requests implements [store.Requester].
func (s *Store) Requests(ctx context.Context, key string, token store.Token) iter.Seq2[store.Request, error] {
	return func(yield func(store.Request, error) bool) {
		if err := (store.Renewal{Key: key, Token: token}).Check(); err != nil {
			yield(store.Request{}, err)
			return
		}
		told := s.mail.Join(key)
		defer s.mail.Leave(told)
		for last := uint64(0); ; {
			q, number, until, err := s.next(ctx, key, token, last)
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			switch {
			case err != nil:
				yield(store.Request{}, err)
				return
			case number > 0:
				if last = number; !yield(q, nil) {
					return
				}
				continue
			}
			expiry := time.NewTimer(time.Until(until))
			select {
			case <-told.C:
			case <-expiry.C:
			case <-ctx.Done():
			}
			expiry.Stop()
		}
	}
}

// next returns the first request after a number that waits for the holder, and its number; or
// zero and the end of the lease, unless it is renewed.
func (s *Store) next(ctx context.Context, key string, token store.Token, after uint64) (store.Request, uint64, time.Time, error) {
	if err := s.enter(ctx, "requests", key); err != nil {
		return store.Request{}, 0, time.Time{}, err
	}
	defer s.mu.Unlock()
	r, err := s.held("requests", store.Renewal{Key: key, Token: token})
	if err != nil {
		return store.Request{}, 0, time.Time{}, err
	}
	for _, m := range s.messages[key] {
		if m.number > after && m.waits() && (m.request.Token == 0 || m.request.Token == token) {
			q := m.request
			q.Body, q.TTL = bytes.Clone(q.Body), time.Until(m.deadline)
			return q, m.number, time.Time{}, nil
		}
	}
	return store.Request{}, 0, r.deadline, nil
}

// Answer implements [store.Requester].
func (s *Store) Answer(ctx context.Context, key string, token store.Token, a store.Answer) error {
	w := store.Renewal{Key: key, Token: token}
	if err := cmp.Or(w.Check(), a.Check()); err != nil {
		return err
	}
	if err := s.enter(ctx, "answer", key); err != nil {
		return err
	}
	defer s.mu.Unlock()

	if _, err := s.held("answer", w); err != nil {
		return err
	}
	return s.answer("answer", key, a)
}

// answer stores an answer for a live lease.
func (s *Store) answer(op, key string, a store.Answer) error {
	m := s.message(key, a.ID)
	switch {
	case m == nil:
		return fail(op, key, store.ErrExpired)
	case m.answer.Final:
		return nil
	}
	m.answer = a
	m.answer.Body = bytes.Clone(a.Body)
	m.request.Body = nil
	if until := time.Now().Add(a.TTL); until.After(m.expiry) {
		s.keep(m, until)
	}
	s.mail.Send(askers(key, a.ID), "")
	return nil
}
