package e2e_test

import (
	"errors"
	"fmt"

	"github.com/anishathalye/porcupine"

	"github.com/leasehold-go/leasehold/store"
)

// verb is what an operation asks for.
type verb string

const (
	create        verb = "create"
	createNext    verb = "create next"
	withdraw      verb = "withdraw"
	renew         verb = "renew"
	update        verb = "update"
	deleteByToken verb = "delete by token"
	deleteByNonce verb = "delete by nonce"
	get           verb = "get"
)

// input is an operation on one key. Attempts to create a key are numbered; the
// number stands for the nonce.
type input struct {
	verb    verb
	key     string
	attempt int
	token   store.Token
	value   string
}

// output is the answer to an operation.
type output struct {
	unknown   bool // the reply never came: it may have arrived at any time since
	condition error
	token     store.Token // of the live record
	value     string      // of the live record
	next      bool        // the attempt is next
}

// state is what a key holds. The attempts that have ended are in it because one
// that arrives late must find so.
type state struct {
	attempt int // of the live record; 0 for none
	token   store.Token
	value   string
	last    store.Token
	next    int       // the attempt that gets the key when the lease is deleted; 0 for none
	begins  string    // the value of that
	ended   [4]uint64 // a bit for each attempt; there are no more than clients*deeds
}

func (s *state) end(attempt int) {
	s.ended[attempt/64] |= 1 << (attempt % 64)
	s.release(attempt)
}

// release ends the lease of an attempt, or takes its claim back, and hands the key over.
func (s *state) release(attempt int) {
	if s.next == attempt {
		s.next, s.begins = 0, ""
	}
	if s.attempt == attempt {
		s.ended[attempt/64] |= 1 << (attempt % 64)
		s.attempt, s.token, s.value = s.next, 0, s.begins
		s.next, s.begins = 0, ""
	}
}

func (s *state) hasEnded(attempt int) bool { return s.ended[attempt/64]>>(attempt%64)&1 == 1 }

// learn takes the token that an answer shows. That of an attempt whose reply never
// came is known only now.
func (s *state) learn(token store.Token) bool {
	if s.token != 0 {
		return token == s.token
	}
	grows := token > s.last
	s.token, s.last = token, token
	return grows
}

// step applies an operation and reports whether its answer is the one it has to
// have.
func (s *state) step(in input, out output) bool {
	switch in.verb {
	case create:
		return s.create(in, out)
	case createNext:
		return s.createNext(in, out)
	case withdraw:
		s.release(in.attempt)
		return out.condition == nil
	case renew, update:
		return s.write(in, out)
	case deleteByToken:
		if s.attempt != 0 && s.token == in.token {
			s.end(s.attempt)
		}
		return out.condition == nil
	case deleteByNonce:
		s.end(in.attempt)
		return out.condition == nil
	}
	if s.attempt == 0 {
		return out.condition == store.ErrNotFound
	}
	return out.condition == nil && out.value == s.value && s.learn(out.token)
}

func (s *state) create(in input, out output) bool {
	var condition error
	switch {
	case s.attempt != 0 && s.attempt != in.attempt:
		if out.unknown {
			return true
		}
		return out.condition == store.ErrHeld && out.value == s.value && s.learn(out.token)
	case s.hasEnded(in.attempt):
		condition = store.ErrEnded
	case s.attempt == 0:
		s.attempt, s.token, s.value = in.attempt, 0, in.value
	}
	if out.unknown {
		return true
	}
	return out.condition == condition && (condition != nil || s.learn(out.token))
}

func (s *state) createNext(in input, out output) bool {
	held := s.attempt != 0 && s.attempt != in.attempt
	next := held && !s.hasEnded(in.attempt) && (s.next == 0 || s.next == in.attempt)
	if next {
		s.next, s.begins = in.attempt, in.value
	}
	return s.create(in, out) && (out.unknown || out.next == next)
}

func (s *state) write(in input, out output) bool {
	if s.attempt == 0 || s.token != in.token {
		return out.condition == store.ErrLost
	}
	if in.value != "" {
		s.value = in.value
	}
	return out.condition == nil
}

// model is one key of a store; keys have nothing to do with each other.
var model = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byKey := make(map[string][]porcupine.Operation)
		for _, op := range history {
			key := op.Input.(input).key
			byKey[key] = append(byKey[key], op)
		}
		var parts [][]porcupine.Operation
		for _, part := range byKey {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return state{} },
	Step: func(before, in, out any) (bool, any) {
		s := before.(state)
		ok := s.step(in.(input), out.(output))
		return ok, s
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v -> %+v", in, out) },
}

// condition returns the condition of an error that a history may have.
func condition(err error) error {
	for _, c := range []error{store.ErrHeld, store.ErrLost, store.ErrEnded, store.ErrNotFound, store.ErrStale} {
		if errors.Is(err, c) {
			return c
		}
	}
	return err
}
