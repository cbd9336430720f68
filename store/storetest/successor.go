package storetest

import (
	"time"

	"github.com/leasehold-go/leasehold/store"
)

var successorLaw = law{
	name: "ADeleteHandsTheKeyOver",
	text: "a delete that ends a lease begins that of the claim that is next, in the same step; one claim of a key is next at a time, until its TTL has passed since it last asked or it is withdrawn",
	cases: allNeed(successor, []lawcase{
		{name: "ByToken", run: handsOver(func(c *trial, t lease) { c.delete(t.Key, store.ByToken(t.Token)) })},
		{name: "ByNonce", run: handsOver(func(c *trial, t lease) { c.delete(t.Key, store.ByNonce(t.Nonce)) })},
		{name: "InABatch", run: handsOver(func(c *trial, t lease) {
			other := c.hold("other")
			for _, err := range store.DeleteBatch(c.Context(), c.Store, []store.Deletion{
				{Key: other.Key, Ref: store.ByToken(other.Token)}, {Key: t.Key, Ref: store.ByToken(t.Token)},
			}) {
				if err != nil {
					c.failf("delete: %v", err)
				}
			}
			c.wantNone("a lease of the batch without a claim that is next", "other")
		})},
		{name: "AfterWritesOfTheHolder", run: handsOver(func(c *trial, t lease) {
			c.heartbeat(&t)
			c.update(t.update(1, "second"))
			if r := c.renew(t.renewalWith(2, "third")); r.Err != nil {
				c.failf("renew with a value by a holder with a successor: %v", r.Err)
			}
			c.heartbeat(&t)
			c.wantRecord("a holder with a successor", t.Key, "third", t.Token)
			deleteLease(c, t)
		})},
		{name: "AFreeKey", run: func(c *trial) {
			w := claim("key", long)
			grant, next, err := c.createNext(w, nil)
			if err != nil || next {
				c.failf("CreateNext of a free key: next %v, %v", next, err)
			}
			c.wantRecord("CreateNext of a free key", "key", "first", grant.Token)
			again, _, err := c.createNext(w, nil)
			if err != nil || again.Token != grant.Token {
				c.failf("CreateNext again: token %d, %v, want %d", again.Token, err, grant.Token)
			}
			c.delete("key", store.ByToken(grant.Token))
			c.wantNone("after a claim that was never next", "key")
		}},
		{name: "OneIsNext", run: func(c *trial) {
			t := c.hold("key")
			one, two := claim("key", long), claim("key", long)
			c.wantNext(one, true)
			c.wantNext(two, false)
			c.wantNext(one, true)
			c.withdraw(claim("key", long))
			c.withdraw(one)
			c.wantNext(two, true)
			c.wantNext(one, false)
			deleteLease(c, t)
			c.wantToken("the claim that is next", two, t.Token)
			c.wantNext(one, true)
		}},
		{name: "AWithdrawnClaim", run: func(c *trial) {
			t := c.hold("key")
			w := claim("key", long)
			c.wantNext(w, true)
			c.withdraw(w)
			deleteLease(c, t)
			c.wantNone("after the withdrawal of the claim that was next", "key")
			w = claim("key", long)
			if _, _, err := c.createNext(w, nil); err != nil {
				c.failf("CreateNext of a free key: %v", err)
			}
			c.withdraw(w)
			c.wantNone("after the withdrawal of a lease", "key")
		}},
		{name: "WithdrawalHandsOn", run: func(c *trial) {
			t := c.hold("key")
			one, two := claim("key", long), claim("key", long)
			c.wantNext(one, true)
			deleteLease(c, t)
			c.wantNext(two, true)
			c.withdraw(one)
			c.wantToken("the successor of a lease that was withdrawn", two, t.Token)
		}},
		{name: "ASettledClaim", run: func(c *trial) {
			t := c.hold("key")
			w := claim("key", long)
			c.wantNext(w, true)
			c.delete("key", store.ByNonce(w.Nonce))
			deleteLease(c, t)
			c.wantNone("after a delete by the nonce of the claim that was next", "key")
			_, _, err := c.createNext(w, nil)
			c.want("CreateNext with a nonce that was deleted", err, store.ErrEnded)
			t = c.hold("key")
			c.wantOver("CreateNext of a held key with a nonce that was deleted", w)
			deleteLease(c, t)
			c.wantNone("after CreateNext with a nonce that was deleted", "key")
			c.hold("key")
			c.wantNext(claim("key", long), true)
		}},
		{name: "ALeaseThatHasEnded", run: func(c *trial) {
			t := c.hold("key")
			w := claim("key", long)
			c.wantNext(w, true)
			deleteLease(c, t)
			r, err := c.Store.Get(c.Context(), "key")
			if err != nil {
				c.failf("get of a key that was handed over: %v", err)
			}
			c.delete("key", store.ByToken(r.Token))
			c.wantOver("CreateNext of a free key for which it had a lease", w)
			c.hold("key")
			c.wantOver("CreateNext of a held key for which it had a lease", w)
			c.wantNext(claim("key", long), true)
		}},
		{name: "ASettledLease", run: func(c *trial) {
			t := c.hold("key")
			w := claim("key", long)
			c.wantNext(w, true)
			deleteLease(c, t)
			c.delete("key", store.ByNonce(w.Nonce))
			c.wantNone("after a delete by the nonce of a lease that was handed over", "key")
			_, _, err := c.createNext(w, nil)
			c.want("CreateNext with a nonce that was deleted", err, store.ErrEnded)
		}},
		{name: "AClaimThatAsksNoMore", run: func(c *trial) {
			t := c.hold("key")
			w := claim("key", c.ttl)
			c.wantNext(w, true)
			time.Sleep(c.ttl + c.caps.Precision)
			c.outlive(lease{Claim: w, Grant: store.Grant{Until: time.Now()}})
			deleteLease(c, t)
			c.wantNone("after the claim that was next had not asked for a TTL", "key")
		}},
		{name: "ItsExpiry", run: func(c *trial) {
			t := c.hold("key")
			w := claim("key", c.ttl)
			handed := make(chan store.Grant, 1)
			watching := c.watchKey(c.Store, "key")
			asked := time.Now()
			if _, next, err := c.createNext(w, func(g store.Grant) { handed <- g }); !next {
				c.failf("a claim is not next: %v", err)
			}
			answered := time.Now()
			c.dependOn("key", asked.Add(c.ttl))
			time.Sleep(c.ttl / 4)
			deleteLease(c, t)
			c.await(watching, "a record that was handed over", func(v *view) bool { return v.records["key"].Token > t.Token })
			g := c.handed(handed)
			if g.Until.Before(asked.Add(c.ttl)) || g.Until.After(answered.Add(c.ttl)) {
				c.failf("until is %v after the call that the store confirmed, want the TTL of %v", g.Until.Sub(asked), c.ttl)
			}
			c.wantExpiry(lease{w, g, answered.Add(c.ttl)})
		}},
		{name: "AnExpiryOfTheHolder", run: func(c *trial) {
			t := c.holdShort("key")
			w := claim("key", long)
			c.wantNext(w, true)
			c.expire(t)
			c.wantToken("the claim that was next for a lease that has expired", w, t.Token)
			c.wantNext(claim("key", long), true)
		}},
		{name: "AnotherHolderAfterAnExpiry", run: func(c *trial) {
			t := c.holdShort("key")
			w := claim("key", long)
			c.wantNext(w, true)
			c.expire(t)
			t = c.hold("key")
			c.wantNext(w, true)
			deleteLease(c, t)
			c.wantToken("the claim that is next for another holder", w, t.Token)
			c.delete("key", store.ByNonce(w.Nonce))
			c.wantNone("after its delete", "key")
		}},
		{name: "AnotherHolderBeforeItAskedAgain", run: func(c *trial) {
			t := c.holdShort("key")
			w := claim("key", long)
			c.wantNext(w, true)
			c.expire(t)
			deleteLease(c, c.hold("key"))
			c.wantNone("after the lease that followed the one for which a claim was next", "key")
		}},
		{name: "WithdrawalOfItsOwnLease", run: func(c *trial) {
			t := c.holdShort("key")
			w := claim("key", long)
			c.wantNext(w, true)
			c.expire(t)
			c.wantToken("the claim that was next for a lease that has expired", w, t.Token)
			c.withdraw(w)
			c.wantNone("after the withdrawal of a lease that the claim itself began", "key")
		}},
		{name: "AForeignValue", needs: []need{outsider}, run: func(c *trial) {
			c.Outsider.Put("key", []byte("theirs"), store.Forever)
			_, next, err := c.createNext(claim("key", long), nil)
			c.want("CreateNext over a foreign value", err, store.ErrForeign)
			if next {
				c.failf("a claim is next for another program's value")
			}
		}},
		{name: "AForeignValueOverTheLease", needs: []need{overwrite}, run: func(c *trial) {
			t := c.hold("key")
			w := claim("key", long)
			c.wantNext(w, true)
			c.Outsider.Overwrite("key", []byte("theirs"))
			c.delete("key", store.ByToken(t.Token))
			if value, _ := c.Outsider.Get("key"); string(value) != "theirs" {
				c.failf("a delete handed another program's value over: %q", value)
			}
		}},
		{name: "LargeValues", run: func(c *trial) {
			for _, size := range []int{40, 41, 4096, 4097, store.MaxValue} {
				key := "key"
				t := c.hold(key)
				w := claim(key, long)
				w.Value = make([]byte, size)
				for i := range w.Value {
					w.Value[i] = byte(i)
				}
				_, next, err := c.createNext(w, nil)
				c.want("CreateNext of a held key", err, store.ErrHeld)
				deleteLease(c, t)
				if !next {
					c.wantNone("after a claim that was not next", key)
					continue
				}
				c.wantRecord("a value that was handed over", key, string(w.Value), c.wantToken("the claim that was next", w, t.Token).Token)
				c.delete(key, store.ByNonce(w.Nonce))
			}
		}},
		{name: "InvalidClaims", run: func(c *trial) {
			_, _, err := c.createNext(claim(store.Reserved+"x", long), nil)
			c.wantInvalid("CreateNext of a reserved key", err, "key")
			err = c.Store.(store.Successor).Withdraw(c.Context(), "key", store.Nonce{})
			c.wantInvalid("Withdraw without a nonce", err, "lease reference")
		}},
	}),
}

// allNeed adds a need to each case.
func allNeed(n need, cases []lawcase) []lawcase {
	for i := range cases {
		cases[i].needs = append(cases[i].needs, n)
	}
	return cases
}

// handsOver returns a case: end ends the lease of a key while another process has a claim that is next.
func handsOver(end func(*trial, lease)) func(*trial) {
	return func(c *trial) {
		t := c.hold("key")
		peer := c.peer()
		waits, looks := c.watchKey(peer, "key"), c.watchKey(c.Store, "key")
		w := claim("key", long)
		w.Value = []byte("next")
		handed := make(chan store.Grant, 1)
		_, next, err := peer.(store.Successor).CreateNext(c.Context(), w, func(g store.Grant) { handed <- g })
		c.want("CreateNext of a held key", err, store.ErrHeld)
		if !next {
			c.failf("the only claim is not next")
		}
		end(c, t)
		g := c.handed(handed)
		if g.Token <= t.Token {
			c.failf("token %d was handed over after %d", g.Token, t.Token)
		}
		c.wantRecord("a key that was handed over", "key", "next", g.Token)
		c.want("renew by the holder of before", c.renew(t.renewal()).Err, store.ErrLost)
		for _, watching := range []*watcher{waits, looks} {
			c.await(watching, "a record that was handed over", func(v *view) bool { return v.records["key"].Token == g.Token })
		}
		c.delete("key", store.ByToken(t.Token)) // once more, as after a lost answer
		again, next, err := peer.(store.Successor).CreateNext(c.Context(), w, nil)
		if err != nil || next || again.Token != g.Token {
			c.failf("CreateNext after the handover: token %d, next %v, %v, want token %d", again.Token, next, err, g.Token)
		}
		own := lease{w, again, time.Now().Add(w.TTL)}
		c.update(own.update(1, "of its own"))
		if all := c.list("key"); string(all["key"].Value) != "of its own" {
			c.failf("List yields %v for a key that was handed over", all)
		}
		deleteLease(c, own)
		c.wantNone("after the delete of the second lease", "key")
	}
}

func (c *trial) createNext(w store.Claim, handed func(store.Grant)) (store.Grant, bool, error) {
	c.dependOn(w.Key, time.Now().Add(w.TTL))
	if handed == nil {
		handed = func(store.Grant) {}
	}
	return c.Store.(store.Successor).CreateNext(c.Context(), w, handed)
}

// wantNext checks whether a claim of a held key is next.
func (c *trial) wantNext(w store.Claim, want bool) {
	c.Helper()
	_, next, err := c.createNext(w, nil)
	c.want("CreateNext of a held key", err, store.ErrHeld)
	if next != want {
		c.failf("the claim is next: %v, want %v", next, want)
	}
}

// wantOver checks that a claim is refused for good.
func (c *trial) wantOver(what string, w store.Claim) {
	c.Helper()
	_, next, err := c.createNext(w, nil)
	c.want(what, err, store.ErrEnded)
	if next {
		c.failf("%s: the claim is next", what)
	}
}

// wantToken checks that a claim has got its lease, with a token after the last.
func (c *trial) wantToken(what string, w store.Claim, last store.Token) store.Grant {
	c.Helper()
	grant, _, err := c.createNext(w, nil)
	if err != nil || grant.Token <= last {
		c.failf("%s: token %d after %d, %v", what, grant.Token, last, err)
	}
	c.wantRecord(what, w.Key, string(w.Value), grant.Token)
	return grant
}

func (c *trial) withdraw(w store.Claim) {
	c.Helper()
	if err := c.Store.(store.Successor).Withdraw(c.Context(), w.Key, w.Nonce); err != nil {
		c.failf("withdraw: %v", err)
	}
}

// handed returns the grant of a lease that was handed over.
func (c *trial) handed(grants <-chan store.Grant) store.Grant {
	c.Helper()
	select {
	case g := <-grants:
		return g
	case <-time.After(slack):
		c.latef("handed was not called within %v", slack)
		panic("not reached")
	}
}
