package differential_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/leasehold-go/leasehold/store"
	"github.com/leasehold-go/leasehold/store/storetest"
)

// backend is two stores on the same data, as two processes have, and a program beside
// them that does without.
type backend struct {
	name     string
	stores   [2]store.Store
	outsider *storetest.Outsider // nil where there can be none
	caps     store.Capabilities
}

// side is a backend in one programme.
type side struct {
	*backend
	*script
	tokens  map[int]store.Token    // that were granted, by the number of the claim
	largest map[string]store.Token // by key
	views   []*view
}

// script is what the sides of a programme share.
type script struct {
	prefix string // of all its keys
	claims map[int]*claim
}

// claim is an attempt to create, and the term that came of it.
type claim struct {
	number int
	key    string
	nonce  store.Nonce
}

func (sc *script) claim(n int, key string) *claim {
	if sc.claims[n] == nil {
		sc.claims[n] = &claim{n, key, store.NewNonce()}
	}
	return sc.claims[n]
}

// said is what a store said of one thing, in words that have nothing in them that
// backends may do differently.
type said struct {
	words string
	left  time.Duration // of the record in the words; zero if there is none
	until time.Duration // that a term was promised, from when it was asked for; zero if none was
}

func (a said) String() string {
	switch {
	case a.left != 0:
		return fmt.Sprintf("%s (%v left)", a.words, a.left.Round(time.Millisecond))
	case a.until != 0:
		return fmt.Sprintf("%s (for %v)", a.words, a.until.Round(time.Millisecond))
	}
	return a.words
}

// of is the store that the owner of a claim uses.
func (s *side) of(n int) store.Store { return s.stores[n%2] }

func (s *side) create(ctx context.Context, n int, ttl time.Duration) []said {
	c := s.claims[n]
	asked := time.Now()
	grant, err := s.of(n).Create(ctx, store.Claim{Key: s.prefix + c.key, Value: value(n, 0), TTL: ttl, Nonce: c.nonce})
	if err != nil {
		return []said{s.refusal(err)}
	}
	return []said{{words: s.granted(c, grant.Token), until: grant.Until.Sub(asked)}}
}

// granted is what to say of the token of a create.
func (s *side) granted(c *claim, token store.Token) string {
	switch first := s.tokens[c.number]; {
	case first != 0 && first != token:
		return "granted, with another token than the first time"
	case first == 0 && token <= s.largest[c.key]:
		return "granted, with a token that is not larger than all before"
	}
	s.tokens[c.number] = token
	s.largest[c.key] = max(s.largest[c.key], token)
	return "granted"
}

func (s *side) renew(ctx context.Context, n int, batch []write) []said {
	all := make([]store.Renewal, len(batch))
	for i, w := range batch {
		all[i] = s.write(w)
	}
	asked := time.Now()
	answers := s.of(n).Renew(ctx, all)
	words := make([]said, len(answers))
	for i, a := range answers {
		if words[i] = s.refusal(a.Err); a.Err == nil {
			words[i] = said{words: "renewed", until: a.Until.Sub(asked)}
		}
	}
	return words
}

func (s *side) update(ctx context.Context, w write) []said {
	return []said{s.refusal(s.of(w.term).Update(ctx, store.Update(s.write(w))))}
}

// write is a write of a term, and its number; 0 for a renew that has no value.
type write struct {
	term int
	seq  uint64
}

func (s *side) write(w write) store.Renewal {
	all := store.Renewal{Key: s.prefix + s.claims[w.term].key, Token: s.tokens[w.term], Seq: w.seq}
	if w.seq > 0 {
		all.Value = value(w.term, w.seq)
	}
	return all
}

// value is that of a write; bytes mean nothing in it.
func value(n int, seq uint64) []byte {
	return fmt.Appendf(nil, "\x00\xff\r\n%%s claim %d value %d", n, seq)
}

func (s *side) delete(ctx context.Context, n int, t store.LeaseRef) []said {
	return []said{s.refusal(s.of(n).Delete(ctx, s.prefix+s.claims[n].key, t))}
}

// list leaves out foreign values, of which a backend shows those that it knows of.
func (s *side) list(ctx context.Context, prefix string) []said {
	var all []said
	for r, err := range s.stores[1].List(ctx, s.prefix+prefix) {
		switch {
		case err != nil:
			all = append(all, s.refusal(err))
		case !r.Foreign():
			all = append(all, s.shown(r))
		}
	}
	slices.SortFunc(all, func(a, b said) int { return strings.Compare(a.words, b.words) })
	return all
}

// shown is a record in words.
func (s *side) shown(r store.Record) said {
	words := fmt.Sprintf("%q has %q of %s", s.bare(r.Key), r.Value, s.owner(r))
	if r.Left <= 0 {
		words += ", with no time left"
	}
	return said{words: words, left: r.Left}
}

func (s *side) bare(key string) string { return strings.TrimPrefix(key, s.prefix) }

// owner says whose record it is: tokens are different numbers on each side.
func (s *side) owner(r store.Record) string {
	if r.Foreign() {
		return "another program"
	}
	for n, token := range s.tokens {
		if token == r.Token && s.prefix+s.claims[n].key == r.Key {
			return fmt.Sprintf("claim %d", n)
		}
	}
	return "nobody known"
}

var conditions = []error{
	store.ErrHeld, store.ErrLost, store.ErrForeign, store.ErrUnavailable, store.ErrInDoubt,
	store.ErrNotFound, store.ErrEnded, store.ErrStale, store.ErrClosed, store.ErrInvalid,
}

// refusal is an error in words: each condition that it wraps, and the facts.
func (s *side) refusal(err error) said {
	if err == nil {
		return said{words: "done"}
	}
	var words []string
	for _, one := range conditions {
		if errors.Is(err, one) {
			words = append(words, one.Error())
		}
	}
	if len(words) == 0 {
		words = append(words, err.Error())
	}
	if facts, ok := errors.AsType[*store.HeldError](err); ok {
		return s.with(words, facts.Record)
	}
	if facts, ok := errors.AsType[*store.ForeignError](err); ok {
		return s.with(words, facts.Record)
	}
	if facts, ok := errors.AsType[*store.InvalidError](err); ok {
		words = append(words, facts.What, facts.Got, facts.Rule)
	}
	if facts, ok := errors.AsType[*store.Error](err); ok {
		words = append(words, facts.Op, fmt.Sprintf("%q", s.bare(facts.Key)))
	}
	return said{words: strings.Join(words, ", ")}
}

// with is an error that shows a record.
func (s *side) with(words []string, r store.Record) said {
	a := s.shown(r)
	a.words = strings.Join(append(words, a.words), ", ")
	return a
}

// left is the time left of whatever is under a key, by a look that changes nothing.
func (s *side) left(key string) time.Duration {
	if s.outsider != nil {
		_, left := s.outsider.Get(s.prefix + key)
		return left
	}
	r, err := s.stores[0].Get(context.Background(), s.prefix+key)
	if err != nil {
		return 0
	}
	return r.Left
}

// look is what is under each key. What list or the plain client shows otherwise than
// get is added.
func (s *side) look(ctx context.Context) []said {
	listed := make(map[string]string)
	for r, err := range s.stores[1].List(ctx, s.prefix) {
		if err != nil {
			return []said{s.refusal(err)}
		}
		listed[s.bare(r.Key)] += s.shown(r).words
	}
	var all []said
	for _, key := range keys {
		all = append(all, s.lookAt(ctx, key, listed[key]))
		delete(listed, key)
	}
	if len(listed) > 0 {
		all = append(all, said{words: fmt.Sprintf("list: %q", listed)})
	}
	return all
}

// lookAt is what is under a key of which list has shown something, or nothing as it may
// of foreign values.
func (s *side) lookAt(ctx context.Context, key, listed string) said {
	r, err := s.stores[0].Get(ctx, s.prefix+key)
	a := s.refusal(err)
	if err == nil {
		a = s.shown(r)
	}
	if unlisted := err != nil || r.Foreign(); listed != a.words && !(listed == "" && unlisted) {
		a.words += fmt.Sprintf("; list: %q", listed)
	}
	if s.outsider != nil {
		a.words += s.beneath(key, r)
	}
	return a
}

// beneath says how the record is shown by the plain client, if otherwise.
func (s *side) beneath(key string, r store.Record) string {
	value, left := s.outsider.Get(s.prefix + key)
	if string(value) == string(r.Value) && (left == store.Forever) == (r.Left == store.Forever) && (left > 0) == (r.Left > 0) {
		return ""
	}
	return fmt.Sprintf("; beneath: %q, %s", value, store.Left(left))
}
