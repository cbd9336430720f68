package storetest

import (
	"errors"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

var foreignLaw = law{
	name: "ForeignValuesAreNotOverwritten",
	text: "a value that another program put under a key is never taken for a record of this library and never overwritten: ErrForeign",
	cases: []lawcase{
		{name: "CreateOverOneWithoutExpiry", needs: []need{outsider}, run: createOver(put("foreign", store.Forever))},
		{name: "CreateOverOneThatExpires", needs: []need{outsider}, run: createOver(put("foreign", lessThanLong))},
		{name: "CreateOverAnotherType", needs: []need{putOther}, run: createOver(putAnotherType)},
		{name: "CreateAfterALeaseAndAForeignValue", needs: []need{outsider}, run: func(c *trial) {
			t := c.hold("key")
			deleteLease(c, t)
			put("foreign", long)(c, "key")
			c.wantUntouched(t)
		}},
		{name: "GetReturnsIt", needs: []need{outsider}, run: func(c *trial) {
			put("foreign", store.Forever)(c, "without expiry")
			put("foreign", lessThanLong)(c, "with expiry")
			for _, key := range []string{"without expiry", "with expiry"} {
				r := c.get(key)
				if _, left := c.Outsider.Get(key); !r.Foreign() || r.Key != key || string(r.Value) != "foreign" || !c.agree(r.Left, left) {
					c.failf("get of a foreign value returned %s; the outsider reads %s", describe(r), store.Left(left))
				}
			}
		}},
		{name: "ARecordOverwritten", needs: []need{outsider}, run: overwritten(put("foreign", lessThanLong))},
		{name: "ARecordOverwrittenWithoutExpiry", needs: []need{outsider}, run: overwritten(put("foreign", store.Forever))},
		{name: "ARecordOverwrittenWithItsTTL", needs: []need{outsider}, run: overwritten(put("foreign", long))},
		{name: "ARecordOverwrittenKeepingItsExpiry", needs: []need{overwrite}, run: overwritten(func(c *trial, key string) { c.Outsider.Overwrite(key, []byte("foreign")) })},
		{name: "ARecordOverwrittenWithAnotherType", needs: []need{putOther}, run: overwritten(putAnotherType)},
		{name: "ARecordOverwrittenWithItsValueWithoutExpiry", needs: []need{outsider}, run: overwritten(put("first", store.Forever))},
		{name: "ARecordOverwrittenWithItsValueForLess", needs: []need{outsider}, run: overwrittenWithItself},
		{name: "PutAfterARecordExpired", needs: []need{outsider}, run: putAfter((*trial).expire, "foreign")},
		{name: "SameValuePutAfterARecordExpired", needs: []need{outsider}, run: putAfter((*trial).expire, "first")},
		{name: "SameValuePutAfterARecordWasDeleted", needs: []need{outsider}, run: putAfter(deleteLease, "first")},
		{name: "ARecordDeletedByAnotherProgram", needs: []need{outsider}, run: func(c *trial) {
			t := c.hold("key")
			c.Outsider.Delete("key")
			c.wantLost("of a record that another program deleted", t)
			c.delete("key", byToken(t))
			c.wantNone("after writes to a record that another program deleted", "key")
		}},
		{name: "TheKeyIsFreeOnceItIsDeleted", needs: []need{outsider}, run: func(c *trial) {
			old := c.hold("key")
			put("foreign", lessThanLong)(c, "key")
			c.Outsider.Delete("key")
			next := c.hold("key")
			if next.Token <= old.Token {
				c.failf("the token after token %d and a foreign value is %d, want a larger one", old.Token, next.Token)
			}
			c.changesNothing("the holder before the foreign value", "key", func() { c.wantLost("of the lease before a foreign value", old) })
		}},
		{name: "TheKeyIsFreeOnceItExpired", needs: []need{outsider}, run: func(c *trial) {
			c.putShort("key", "foreign")
			c.expire(lease{Claim: store.Claim{Key: "key"}, latest: time.Now().Add(c.ttl)})
			c.hold("key")
		}},
		{name: "OneInABatch", needs: []need{outsider}, run: func(c *trial) {
			a, b, last := c.hold("a"), c.hold("b"), c.hold("c")
			put("foreign", lessThanLong)(c, "b")
			answers := c.Store.Renew(c.Context(), []store.Renewal{a.renewalWith(1, "new"), b.renewalWith(1, "new"), last.renewalWith(1, "new")})
			if len(answers) != 3 || answers[0].Err != nil || answers[2].Err != nil {
				c.failf("Renew of three items, the second of a foreign value: %+v", answers)
			}
			c.wantForeign("renew in a batch", "b", answers[1].Err)
			c.wantRecord("beside a foreign value", "c", "new", last.Token)
		}},
		{name: "OneInAList", needs: []need{outsider}, run: func(c *trial) {
			ours := keys("key/", 20)
			for _, key := range ours {
				c.hold(key)
			}
			put("foreign", store.Forever)(c, ours[3])
			put("foreign", store.Forever)(c, "key/foreign")
			listed := c.list("key/")
			for key, r := range listed {
				if foreign := key == ours[3] || key == "key/foreign"; r.Foreign() != foreign {
					c.failf("List yielded %q as %s; whether it is foreign: %v", key, describe(r), foreign)
				}
			}
			delete(listed, "key/foreign") // a backend need not
			delete(listed, ours[3])       // list these two
			if len(listed) != len(ours)-1 {
				c.failf("beside foreign values List yielded %d of %d records", len(listed), len(ours)-1)
			}
		}},
	},
}

// lessThanLong is a TTL that differs from that of a long lease.
const lessThanLong = long - time.Minute

// put returns a function that puts a value under a key as another program.
func put(value string, ttl time.Duration) func(*trial, string) {
	return func(c *trial, key string) { c.Outsider.Put(key, []byte(value), ttl) }
}

func putAnotherType(c *trial, key string) { c.Outsider.PutOther(key) }

// putShort has another program put a value that expires within the case.
func (c *trial) putShort(key, value string) {
	c.dependOn(key, time.Now().Add(c.ttl))
	c.Outsider.Put(key, []byte(value), c.ttl)
}

// wantUntouched checks that no verb changes a foreign value, whatever token or nonce a
// write names.
func (c *trial) wantUntouched(t lease) {
	c.Helper()
	before, left := c.Outsider.Get(t.Key)
	_, err := c.Store.Create(c.Context(), t.Claim)
	c.wantForeign("create", t.Key, err)
	_, err = c.Store.Create(c.Context(), claim(t.Key, long))
	c.wantForeign("create of another", t.Key, err)
	c.wantForeign("renew", t.Key, c.renew(t.renewal()).Err)
	c.wantForeign("renew with a value", t.Key, c.renew(t.renewalWith(1, "ours")).Err)
	c.wantForeign("update", t.Key, c.Store.Update(c.Context(), t.update(2, "ours")))
	c.delete(t.Key, byToken(t))
	c.delete(t.Key, byNonce(t))
	after, now := c.Outsider.Get(t.Key)
	if string(before) != string(after) || now == 0 || now > left {
		c.failf("a foreign value %q (%s) became %q (%s)", before, store.Left(left), after, store.Left(now))
	}
}

// wantForeign compares a ForeignError with the value that the outsider reads.
func (c *trial) wantForeign(what, key string, err error) {
	c.Helper()
	c.want(what+" over a foreign value", err, store.ErrForeign)
	facts, _ := errors.AsType[*store.ForeignError](err)
	value, left := c.Outsider.Get(key)
	r := facts.Record
	if r.Key != key || !r.Foreign() || string(r.Value) != string(value) || !c.agree(r.Left, left) {
		c.failf("%s: the error shows %s, the foreign value is %q (%s)", what, describe(r), value, store.Left(left))
	}
}

// agree reports whether two times left, read within half a minute, may be of one record.
// Times left of different records differ by a minute.
func (c *trial) agree(first, second time.Duration) bool {
	if first == store.Forever || second == store.Forever {
		return first == second
	}
	return first > 0 && first+c.caps.Precision >= second && first-second <= c.caps.Precision+30*time.Second
}

func createOver(put func(*trial, string)) func(*trial) {
	return func(c *trial) {
		put(c, "key")
		c.wantUntouched(lease{Claim: claim("key", long), Grant: store.Grant{Token: 1}})
	}
}

func overwritten(put func(*trial, string)) func(*trial) {
	return func(c *trial) {
		t := c.hold("key")
		put(c, "key")
		if r := c.get("key"); !r.Foreign() {
			c.failf("get of a foreign value that replaced a record returned a record of this library: %s", describe(r))
		}
		c.wantUntouched(t)
		c.Outsider.Delete("key")
		c.want("renew after a foreign value", c.renew(t.renewal()).Err, store.ErrLost)
		c.wantNone("after a foreign value", "key")
	}
}

// overwrittenWithItself is the case of another program that puts the value of a live lease
// with another TTL. A backend may know its records by their content and keep the lease; its
// next renew restores the TTL then. For any other backend the value is foreign.
func overwrittenWithItself(c *trial) {
	again := put("first", lessThanLong)
	t := c.hold("key")
	again(c, "key")
	if c.get("key").Foreign() {
		c.Outsider.Delete("key")
		overwritten(again)(c)
		return
	}
	c.wantRecord("put again by another program", "key", "first", t.Token)
	_, err := c.Store.Create(c.Context(), claim("key", long))
	c.want("create of another", err, store.ErrHeld)
	for _, renewal := range []store.Renewal{t.renewal(), t.renewalWith(1, "first")} {
		again(c, "key")
		if err := c.renew(renewal).Err; err != nil {
			c.failf("renew of a record whose value another program put again: %v", err)
		}
		if _, left := c.Outsider.Get("key"); left == store.Forever || left <= lessThanLong {
			c.failf("after a renew the outsider reads %s, want the TTL of the lease", store.Left(left))
		}
	}
	c.delete("key", byToken(t))
	c.wantNone("deleted after another program had put it again", "key")
}

// putAfter has another program put a value with the lease's TTL where a lease has ended.
// The value is foreign even if its bytes equal the lease's.
func putAfter(end func(*trial, lease), value string) func(*trial) {
	return func(c *trial) {
		t := c.holdShort("key")
		end(c, t)
		c.putShort("key", value)
		c.wantUntouched(t)
	}
}
