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
	next   bool        // of a create next
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

// creates reports whether the call may begin the lease of its claim.
func (c call) creates() bool { return c.verb == "create" || c.verb == "create next" }

// settles reports whether the call ends a claim that waits.
func (c call) settles() bool { return c.attempt != nil && c.ref.Nonce != (store.Nonce{}) }

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
		return answer{token: grant.Token, errs: []error{err}, untils: []time.Time{grant.Until}}
	case "create next":
		grant, next, err := st.(store.Successor).CreateNext(ctx, c.attempt.claim, c.attempt.handed)
		return answer{token: grant.Token, next: next, errs: []error{err}, untils: []time.Time{grant.Until}}
	case "withdraw":
		return answer{errs: []error{st.(store.Successor).Withdraw(ctx, c.attempt.key, c.ref.Nonce)}}
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

// applyTo makes the call on the model and returns the conditions of its errors, and whether its claim is
// next.
func (c call) applyTo(m *model, now time.Time) (conditions []error, next bool) {
	switch c.verb {
	case "create":
		return []error{m.create(now, c.attempt.claim)}, false
	case "create next":
		next, err := m.createNext(now, c.attempt.claim)
		return []error{err}, next
	case "withdraw":
		m.withdraw(now, c.attempt.key, c.ref.Nonce)
		return []error{nil}, false
	case "renew":
		var errs []error
		for _, w := range c.writes {
			errs = append(errs, m.renew(now, w))
		}
		return errs, false
	case "update":
		return []error{m.write(now, c.writes[0])}, false
	}
	m.delete(now, c.attempt.key, c.ref)
	return []error{nil}, false
}

// String returns the call as Go.
func (c call) String() string { return c.code(false) }

// GoString returns the call as Go, for rapid's log.
func (c call) GoString() string { return c.String() }

// code returns the call as Go. The first successful create of an attempt also stores
// the token.
func (c call) code(first bool) string {
	switch c.verb {
	case "create", "create next":
		n := c.attempt.number
		claim := fmt.Sprintf("store.Claim{Key: %q, Value: []byte(%q), TTL: %d * ttl, Nonce: store.Nonce{%d}}",
			withoutPrefix(c.attempt.key), c.attempt.claim.Value, c.attempt.ttls, n)
		code := fmt.Sprintf("grant, err = %s.Create(ctx, %s)", c.via(), claim)
		if c.verb == "create next" {
			code = fmt.Sprintf("grant, next, err = %s.(store.Successor).CreateNext(ctx, %s, func(store.Grant) {})", c.via(), claim)
		}
		if first {
			code += fmt.Sprintf("\n\ttoken[%d] = grant.Token", n)
		}
		return code
	case "renew":
		return fmt.Sprintf("answers = %s.Renew(ctx, []store.Renewal{%s})", c.via(), c.writesCode())
	case "update":
		return fmt.Sprintf("err = %s.Update(ctx, store.Update%s)", c.via(), c.writesCode())
	}
	if c.verb == "withdraw" {
		return fmt.Sprintf("err = %s.(store.Successor).Withdraw(ctx, %q, store.Nonce{%d})", c.via(), withoutPrefix(c.attempt.key), c.attempt.number)
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
