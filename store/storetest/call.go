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
	verb   string
	try    *try   // of a create and a delete
	tries  []*try // of the writes
	writes []store.Renewal
	term   store.LeaseRef
}

// answer is what a store said to a call.
type answer struct {
	token  store.Token
	errs   []error     // one, or one for each write of a renew
	untils []time.Time // as many, of a create and a renew
}

// owner is the try whose owner makes the call.
func (c call) owner() *try {
	if c.try != nil {
		return c.try
	}
	return c.tries[0]
}

// keyOf is the key of one of the writes, or of the only call.
func (c call) keyOf(i int) string {
	if c.try != nil {
		return c.try.key
	}
	return c.writes[i].Key
}

// via names the store that the call goes to.
func (c call) via() string {
	if c.owner().peer {
		return "peer"
	}
	return "st"
}

func (c call) sendTo(ctx context.Context, st store.Store) answer {
	switch c.verb {
	case "create":
		grant, err := st.Create(ctx, c.try.claim)
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
	return answer{errs: []error{st.Delete(ctx, c.try.key, c.term)}}
}

// tell makes the call on the model.
func (c call) tell(m *model, now time.Time) []error {
	switch c.verb {
	case "create":
		return []error{m.create(now, c.try.claim)}
	case "renew":
		var errs []error
		for _, w := range c.writes {
			errs = append(errs, m.renew(now, w))
		}
		return errs
	case "update":
		return []error{m.write(now, c.writes[0])}
	}
	m.delete(now, c.try.key, c.term)
	return []error{nil}
}

// String returns the call as Go.
func (c call) String() string { return c.code(false) }

// GoString is what rapid shows when one is drawn.
func (c call) GoString() string { return c.String() }

// code is the call as Go. The first create of a term that succeeds also keeps the
// token.

func (c call) code(first bool) string {
	switch c.verb {
	case "create":
		return c.createCode(first)
	case "renew":
		return fmt.Sprintf("answers = %s.Renew(ctx, []store.Renewal{%s})", c.via(), c.writesCode())
	case "update":
		return fmt.Sprintf("err = %s.Update(ctx, store.Update%s)", c.via(), c.writesCode())
	}
	by := fmt.Sprintf("ByToken(token[%d])", c.try.number)
	if c.term.Token == 0 {
		by = fmt.Sprintf("ByNonce(store.Nonce{%d})", c.try.number)
	}
	return fmt.Sprintf("err = %s.Delete(ctx, %q, store.%s)", c.via(), bare(c.try.key), by)
}

func (c call) createCode(first bool) string {
	n := c.try.number
	code := fmt.Sprintf("grant, err = %s.Create(ctx, store.Claim{Key: %q, Value: []byte(%q), TTL: %d * ttl, Nonce: store.Nonce{%d}})",
		c.via(), bare(c.try.key), c.try.claim.Value, c.try.ttls, n)
	if first {
		code += fmt.Sprintf("\n\ttoken[%d] = grant.Token", n)
	}
	return code
}

func (c call) writesCode() string {
	var all []string
	for i, w := range c.writes {
		value := ""
		if w.Seq > 0 {
			value = fmt.Sprintf(", Seq: %d, Value: []byte(%q)", w.Seq, w.Value)
		}
		all = append(all, fmt.Sprintf("{Key: %q, Token: token[%d]%s}", bare(w.Key), c.tries[i].number, value))
	}
	return strings.Join(all, ", ")
}

// bare is a key without the prefix of its programme.
func bare(key string) string { return key[strings.Index(key, "/")+1:] }
