package storetest

import (
	"errors"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

var foreignLaw = law{
	name: "ForeignValuesAreLeftAlone",
	text: "what another program put under a key is never taken for ours and never overwritten: ErrForeign",
	cases: []lawcase{
		{name: "CreateOverOneWithoutExpiry", needs: []need{outsider}, run: createOver(putForEver)},
		{name: "CreateOverOneThatExpires", needs: []need{outsider}, run: createOver(putForLong)},
		{name: "CreateOverAnotherType", needs: []need{putOther}, run: createOver(putAnotherType)},
		{name: "CreateOverOneInPlaceOfAnEndedTerm", needs: []need{outsider}, run: func(c *trial) {
			t := c.hold("key")
			removeTerm(c, t)
			putForTTL(c, "key")
			c.wantUntouched(t)
		}},
		{name: "GetShowsIt", needs: []need{outsider}, run: func(c *trial) {
			putForEver(c, "for ever")
			putForLong(c, "for long")
			for _, key := range []string{"for ever", "for long"} {
				r := c.get(key)
				if _, left := c.Outsider.Get(key); !r.Foreign() || r.Key != key || string(r.Value) != "foreign" || !c.agree(r.Left, left) {
					c.broke("get of a foreign value: %s, %s beneath the store", show(r), store.Left(left))
				}
			}
		}},
		{name: "OursOverwritten", needs: []need{outsider}, run: overwritten(putForLong)},
		{name: "OursOverwrittenWithoutExpiry", needs: []need{outsider}, run: overwritten(putForEver)},
		{name: "OursOverwrittenWithItsTTL", needs: []need{outsider}, run: overwritten(putForTTL)},
		{name: "OursOverwrittenKeepingItsExpiry", needs: []need{overwrite}, run: overwritten(putKeepingTTL)},
		{name: "OursOverwrittenWithAnotherType", needs: []need{putOther}, run: overwritten(putAnotherType)},
		{name: "OursOverwrittenWithItsOwnBytesForEver", needs: []need{outsider}, run: overwritten(putOursForEver)},
		{name: "OursOverwrittenWithItsOwnBytesForLess", needs: []need{outsider}, run: overwritten(putOursForLess)},
		{name: "PutAfterOursExpired", needs: []need{outsider}, run: putAfter((*trial).expire, "foreign")},
		{name: "ItsOwnBytesPutAfterOursExpired", needs: []need{outsider}, run: putAfter((*trial).expire, "first")},
		{name: "ItsOwnBytesPutAfterOursWasDeleted", needs: []need{outsider}, run: putAfter(removeTerm, "first")},
		{name: "OursRemoved", needs: []need{outsider}, run: func(c *trial) {
			t := c.hold("key")
			c.Outsider.Delete("key")
			c.wantLost("of what another program removed", t)
			c.remove("key", byToken(t))
			c.wantNone("after writes to what another program removed", "key")
		}},
		{name: "TheKeyIsFreeOnceItIsGone", needs: []need{outsider}, run: func(c *trial) {
			old := c.hold("key")
			putForLong(c, "key")
			c.Outsider.Delete("key")
			next := c.hold("key")
			if next.Token <= old.Token {
				c.broke("the token after %d and a foreign value is %d", old.Token, next.Token)
			}
			c.changesNothing("the holder before the foreign value", "key", func() { c.wantLost("of that term", old) })
		}},
		{name: "TheKeyIsFreeOnceItExpired", needs: []need{outsider}, run: func(c *trial) {
			c.putBrief("key", "foreign")
			c.expire(term{Claim: store.Claim{Key: "key"}, latest: time.Now().Add(c.ttl)})
			c.hold("key")
		}},
		{name: "OneInABatch", needs: []need{outsider}, run: func(c *trial) {
			a, b, last := c.hold("a"), c.hold("b"), c.hold("c")
			putForLong(c, "b")
			answers := c.Store.Renew(c.Context(), []store.Renewal{a.write(1, "new"), b.write(1, "new"), last.write(1, "new")})
			if len(answers) != 3 || answers[0].Err != nil || answers[2].Err != nil {
				c.broke("a batch with a foreign value in the middle: %+v", answers)
			}
			c.wantForeign("renew in a batch", "b", answers[1].Err)
			c.wantRecord("beside a foreign value", "c", "new", last.Token)
		}},
		{name: "OneInAList", needs: []need{outsider}, run: func(c *trial) {
			ours := keys("key/", 20)
			for _, key := range ours {
				c.hold(key)
			}
			putForEver(c, ours[3])
			putForEver(c, "key/never ours")
			listed := c.list("key/")
			for key, r := range listed {
				if foreign := key == ours[3] || key == "key/never ours"; r.Foreign() != foreign {
					c.broke("list shows %q as %s; that it is foreign is %v", key, show(r), foreign)
				}
			}
			delete(listed, "key/never ours") // whether these two are shown depends on
			delete(listed, ours[3])          // what the backend knows
			if len(listed) != len(ours)-1 {
				c.broke("beside foreign values list yields %d of %d records", len(listed), len(ours)-1)
			}
		}},
	},
}

func putForEver(c *trial, key string)     { c.Outsider.Put(key, []byte("foreign"), store.Forever) }
func putForLong(c *trial, key string)     { c.Outsider.Put(key, []byte("foreign"), long-time.Minute) }
func putForTTL(c *trial, key string)      { c.Outsider.Put(key, []byte("foreign"), long) }
func putKeepingTTL(c *trial, key string)  { c.Outsider.Overwrite(key, []byte("foreign")) }
func putOursForEver(c *trial, key string) { c.Outsider.Put(key, []byte("first"), store.Forever) }
func putOursForLess(c *trial, key string) { c.Outsider.Put(key, []byte("first"), long-time.Minute) }
func putAnotherType(c *trial, key string) { c.Outsider.PutOther(key) }

// putBrief has another program put a value that expires within the case.
func (c *trial) putBrief(key, value string) {
	c.rely(key, time.Now().Add(c.ttl))
	c.Outsider.Put(key, []byte(value), c.ttl)
}

// wantUntouched checks that no verb changes a foreign value, whatever term they
// name.
func (c *trial) wantUntouched(t term) {
	c.Helper()
	before, left := c.Outsider.Get(t.Key)
	_, err := c.Store.Create(c.Context(), t.Claim)
	c.wantForeign("create", t.Key, err)
	_, err = c.Store.Create(c.Context(), claim(t.Key, long))
	c.wantForeign("create of another", t.Key, err)
	c.wantForeign("renew", t.Key, c.renew(t.beat()).Err)
	c.wantForeign("renew with a value", t.Key, c.renew(t.write(1, "ours")).Err)
	c.wantForeign("update", t.Key, c.Store.Update(c.Context(), t.update(2, "ours")))
	c.remove(t.Key, byToken(t))
	c.remove(t.Key, byNonce(t))
	after, now := c.Outsider.Get(t.Key)
	if string(before) != string(after) || now == 0 || now > left {
		c.broke("a foreign value %q (%s) became %q (%s)", before, store.Left(left), after, store.Left(now))
	}
}

// wantForeign checks an error against what the outsider sees.
func (c *trial) wantForeign(what, key string, err error) {
	c.Helper()
	c.want(what+" over a foreign value", err, store.ErrForeign)
	facts, _ := errors.AsType[*store.ForeignError](err)
	value, left := c.Outsider.Get(key)
	r := facts.Record
	if r.Key != key || !r.Foreign() || string(r.Value) != string(value) || !c.agree(r.Left, left) {
		c.broke("%s: the error shows %s, the foreign value is %q (%s)", what, show(r), value, store.Left(left))
	}
}

// agree reports whether two times left, taken one after the other within half a
// minute, may be of one record. Where records differ in it, it is by a minute.
func (c *trial) agree(first, second time.Duration) bool {
	if first == store.Forever || second == store.Forever {
		return first == second
	}
	return first > 0 && first+c.caps.Precision >= second && first-second <= c.caps.Precision+30*time.Second
}

func createOver(put func(*trial, string)) func(*trial) {
	return func(c *trial) {
		put(c, "key")
		c.wantUntouched(term{Claim: claim("key", long), Grant: store.Grant{Token: 1}})
	}
}

func overwritten(put func(*trial, string)) func(*trial) {
	return func(c *trial) {
		t := c.hold("key")
		put(c, "key")
		if r := c.get("key"); !r.Foreign() {
			c.broke("get of a foreign value where ours was says that it is ours: %s", show(r))
		}
		c.wantUntouched(t)
		c.Outsider.Delete("key")
		c.want("renew after a foreign value", c.renew(t.beat()).Err, store.ErrLost)
		c.wantNone("after a foreign value", "key")
	}
}

// putAfter has another program put a value of the term's ttl where a term has
// ended. That the bytes are those of the term does not make them its record.
func putAfter(end func(*trial, term), value string) func(*trial) {
	return func(c *trial) {
		t := c.brief("key")
		end(c, t)
		c.putBrief("key", value)
		c.wantUntouched(t)
	}
}
