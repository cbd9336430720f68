package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// call is one call of a verb that writes.
type call struct {
	verb     string
	attempt  *attempt   // of a create or a delete
	attempts []*attempt // of a renew or an update, one for each write
	writes   []store.Renewal
	ref      store.LeaseRef // of a delete
}

// answer is the result of a call.
type answer struct {
	token  store.Token
	errs   []error     // one error, or one for each write of a renew
	untils []time.Time // of a create or a renew, as many as errs
}

// holder returns the attempt of the process that makes the call.
func (c call) holder() *attempt {
	if c.attempt != nil {
		return c.attempt
	}
	return c.attempts[0]
}

// via names the variable of the store that the call goes to.
func (c call) via() string {
	if c.holder().peer {
		return "peer"
	}
	return "st"
}

func (c call) sendTo(ctx context.Context, st store.Store) answer {
	switch c.verb {
	case "create":
		grant, err := st.Create(ctx, c.attempt.claim)
		return answer{grant.Token, []error{err}, []time.Time{grant.Until}}
	case "renew":
		a := answer{errs: make([]error, len(c.writes)), untils: make([]time.Time, len(c.writes))}
		for i, r := range st.Renew(ctx, slices.Clone(c.writes)) {
			a.errs[i], a.untils[i] = r.Err, r.Until
		}
		return a
	case "update":
		return answer{errs: []error{st.Update(ctx, store.Update(c.writes[0]))}}
	}
	return answer{errs: []error{st.Delete(ctx, c.attempt.key, c.ref)}}
}

// applyTo makes the call on the model and returns the conditions of its errors.
func (c call) applyTo(m *model, now time.Time) []error {
	switch c.verb {
	case "create":
		return []error{m.create(now, c.attempt.claim)}
	case "renew":
		var errs []error
		for _, w := range c.writes {
			errs = append(errs, m.renew(now, w))
		}
		return errs
	case "update":
		return []error{m.write(now, c.writes[0])}
	}
	m.delete(now, c.attempt.key, c.ref)
	return []error{nil}
}

// String returns the call as Go.
func (c call) String() string { return c.code(false) }

// GoString returns the call as Go, for rapid's log.
func (c call) GoString() string { return c.String() }

// code returns the call as Go. The first successful create of an attempt also stores
// the token.
func (c call) code(first bool) string {
	switch c.verb {
	case "create":
		n := c.attempt.number
		code := fmt.Sprintf("grant, err = %s.Create(ctx, store.Claim{Key: %q, Value: []byte(%q), TTL: %d * ttl, Nonce: store.Nonce{%d}})",
			c.via(), withoutPrefix(c.attempt.key), c.attempt.claim.Value, c.attempt.ttls, n)
		if first {
			code += fmt.Sprintf("\n\ttoken[%d] = grant.Token", n)
		}
		return code
	case "renew":
		return fmt.Sprintf("answers = %s.Renew(ctx, []store.Renewal{%s})", c.via(), c.writesCode())
	case "update":
		return fmt.Sprintf("err = %s.Update(ctx, store.Update%s)", c.via(), c.writesCode())
	}
	by := fmt.Sprintf("ByToken(token[%d])", c.attempt.number)
	if c.ref.Token == 0 {
		by = fmt.Sprintf("ByNonce(store.Nonce{%d})", c.attempt.number)
	}
	return fmt.Sprintf("err = %s.Delete(ctx, %q, store.%s)", c.via(), withoutPrefix(c.attempt.key), by)
}

func (c call) writesCode() string {
	var all []string
	for i, w := range c.writes {
		value := ""
		if w.Seq > 0 {
			value = fmt.Sprintf(", Seq: %d, Value: []byte(%q)", w.Seq, w.Value)
		}
		all = append(all, fmt.Sprintf("{Key: %q, Token: token[%d]%s}", withoutPrefix(w.Key), c.attempts[i].number, value))
	}
	return strings.Join(all, ", ")
}

// withoutPrefix returns a key without the prefix of its programme.
func withoutPrefix(key string) string { return key[strings.Index(key, "/")+1:] }
