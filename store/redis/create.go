package redisstore

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// Create implements [store.Store]. It returns when the record is there and, unless that
// fails, in the index; an entry that could not be written is written later.
func (s *Store) Create(ctx context.Context, claim store.Claim) (store.Grant, error) {
	if err := claim.Check(store.MinTTL); err != nil {
		return store.Grant{}, err
	}
	return s.create(ctx, claim)
}

func (s *Store) create(ctx context.Context, claim store.Claim) (store.Grant, error) {
	return s.createBy(ctx, createScript, claim, nil)
}

// createBy is create by a script, whose answer is looked at first, unless look is nil.
func (s *Store) createBy(ctx context.Context, by *script, claim store.Claim, look func(answer any)) (store.Grant, error) {
	start := time.Now()
	n := s.layout.of(claim.Key)
	c, entry := newCall(), newCall()
	begun, value := s.begun(claim)
	c.ready(by, plainCall, n, len(value), begun, value).with(s.expiries(claim.TTL))
	entry.readyEntry(s.layout.indexArg(n.slot), c.keys[0], n.slot)
	s.transport.do(ctx, c, entry)
	if look != nil && c.given == nil {
		look(c.answer)
	}
	token, err := c.number("create", claim.Key)
	_, unlisted := entry.reply()
	c.free()
	entry.free()
	if err != nil {
		if errors.Is(err, store.ErrEnded) {
			s.index.sweepLater(claim.Key) // the entry went with the create
		}
		return store.Grant{}, s.withValue(ctx, err)
	}
	if unlisted != nil {
		s.index.addLater(claim.Key)
	}
	return store.Grant{Token: store.Token(token), Until: start.Add(claim.TTL)}, nil
}

// withValue reads the value of the record in a [store.HeldError], if the server did not
// send it with its refusal because it is large.
func (s *Store) withValue(ctx context.Context, err error) error {
	held := new(store.HeldError)
	if !errors.As(err, &held) || held.Record.Value != nil {
		return err
	}
	if r, err := s.get(ctx, held.Record.Key); err == nil && r.Token == held.Record.Token {
		held.Record = r
	}
	return err
}

// begun returns the part of a new lease's fence from ttl to store, see record.lua, and a copy of the
// value, as in own. Both are of one allocation.
func (s *Store) begun(claim store.Claim) (fence, value string) {
	var room [104]byte
	text := appendPadded(room[:0], uint64(milliseconds(claim.TTL)), 13)
	text = appendWritten(text, 0, claim.Value)
	text = appendMark(text, claim.Nonce)
	text = append(text, s.instance...)
	var both strings.Builder
	both.Grow(len(text) + len(claim.Value))
	both.Write(text)
	both.Write(claim.Value)
	return both.String()[:len(text)], both.String()[len(text):]
}

// appendMark writes the mark by which a fence knows a nonce. Of two creates of one key it is the same
// with a chance of 2^-64.
func appendMark(text []byte, nonce store.Nonce) []byte {
	sum := sha1.Sum(nonce[:])
	return append(text, sum[:8]...)
}

// written is the part of a fence about a value, from length to seq; see record.lua.
func written(seq uint64, value []byte) string {
	var room [67]byte
	return string(appendWritten(room[:0], seq, value))
}

func appendWritten(text []byte, seq uint64, value []byte) []byte {
	text = appendPadded(text, uint64(len(value)), 7)
	text = appendCheck(text, value)
	return appendPadded(text, seq, 20)
}

// maxHeld is how many bytes of a value a fence holds itself; HELD in record.lua.
const maxHeld = 2 * sha1.Size

// appendCheck writes a value and zeros, or, if it is longer, its SHA-1 in hexadecimal.
func appendCheck(text, value []byte) []byte {
	if len(value) > maxHeld {
		sum := sha1.Sum(value)
		return hex.AppendEncode(text, sum[:])
	}
	const zeros = "0000000000000000000000000000000000000000"
	return append(append(text, value...), zeros[len(value):maxHeld]...)
}

// appendPadded writes a number in so many digits.
func appendPadded(text []byte, n uint64, width int) []byte {
	var digits [20]byte
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = byte('0' + n%10)
		n /= 10
	}
	return append(text, digits[len(digits)-width:]...)
}

// own returns a copy of a value. A call can be under way for longer than its caller waits, and
// the caller may then use the value's bytes again.
func own(value []byte) string { return string(value) }

// expiries are the times to live of a key and of its fence in ms, as strings because a
// number costs a script more; see record.lua.
type expiries struct {
	ttl  time.Duration
	args []any // of the key and of its fence
}

const day = 24 * 60 * 60 * 1000 // in ms

// expiries returns those for a ttl. Most stores have leases of one ttl.
func (s *Store) expiries(ttl time.Duration) []any {
	if last := s.lastExpiries.Load(); last != nil && last.ttl == ttl {
		return last.args
	}
	ms := milliseconds(ttl)
	args := []any{strconv.FormatInt(ms+1, 10), strconv.FormatInt(day+3*ms+1, 10)}
	s.lastExpiries.Store(&expiries{ttl, args})
	return args
}

// milliseconds rounds up: a record may live longer than its ttl, never shorter.
func milliseconds(d time.Duration) int64 {
	ms := d.Milliseconds()
	if d > time.Duration(ms)*time.Millisecond {
		ms++
	}
	return ms
}
