package storetest

import (
	"time"

	"github.com/leasehold-go/leasehold/store"
)

var repetitionLaw = law{
	name: "TwiceIsOnce",
	text: "one call that reaches the store twice has the effect and the answer of one, unless another held the key in between; a create whose term has ended answers ErrEnded and creates nothing",
	cases: []lawcase{
		{name: "Create", run: func(c *trial) {
			t := c.hold("key")
			c.wantSameGrant("at once", t)
			c.wantSameGrant("and a third time", t)
			c.wantRecord("after a repeated create", "key", "first", t.Token)
		}},
		{name: "CreateAfterAnUpdate", run: func(c *trial) {
			t := c.hold("key")
			c.update(t.update(3, "updated since"))
			c.wantSameGrant("after an update", t)
			c.wantRecord("after a repeated create", "key", "updated since", t.Token)
			c.want("an update older than the one before the repeated create",
				c.Store.Update(c.Context(), t.update(2, "older")), store.ErrStale)
		}},
		{name: "CreateAfterARenewWithAValue", run: func(c *trial) {
			t := c.hold("key")
			if r := c.renew(t.write(1, "renewed since")); r.Err != nil {
				c.broke("renew with a value by the holder: %v", r.Err)
			}
			c.wantSameGrant("after a renew with a value", t)
			c.wantRecord("after a repeated create", "key", "renewed since", t.Token)
		}},
		{name: "CreateRestoresTheTTL", run: func(c *trial) {
			t := c.brief("key")
			time.Sleep(c.ttl / 2)
			asked := time.Now()
			t.Grant = c.wantSameGrant("half a ttl later", t)
			t.latest = time.Now().Add(c.ttl)
			if !c.caps.GroupExpiry && t.Until.Before(asked.Add(c.ttl)) {
				c.broke("a repeated create is good for %v, want the full ttl of %v", t.Until.Sub(asked), c.ttl)
			}
			c.wantExpiry(t)
		}},
		{name: "CreateAfterDelete", run: createAgainAfter(removeTerm)},
		{name: "CreateAfterDeleteByNonce", run: createAgainAfter(removeByNonce)},
		{name: "CreateAfterExpiry", run: createAgainAfter((*trial).expire)},
		{name: "CreateAfterAnotherProgramsDelete", needs: []need{outsider}, run: createAgainAfter(outsiderDeletes)},
		{name: "CreateAfterASuccessor", run: func(c *trial) {
			old := c.brief("key")
			c.expire(old)
			next := c.hold("key")
			c.changesNothing("a late create", "key", func() {
				_, err := c.Store.Create(c.Context(), old.Claim)
				c.want("a late create while a successor holds", err, store.ErrHeld)
			})
			removeTerm(c, next)
			c.wantEnded("a late create after its successor", old.Claim)
			c.wantNone("after a late create", "key")
		}},
		// createAfterManyTerms sends late creates of the last few of many terms.
		{name: "CreateAfterManyLaterTerms", run: func(c *trial) {
			var terms []term
			for range 12 {
				t := c.hold("key")
				removeTerm(c, t)
				terms = append(terms, t)
			}
			for _, t := range terms[4:] {
				c.wantEnded("a late create of one of the last eight terms", t.Claim)
			}
			c.wantNone("after late creates", "key")
		}},
		// refusedCreateAgain repeats a create that never began a term: nothing of it has
		// ended.
		{name: "CreateThatWasRefused", run: func(c *trial) {
			t := c.hold("key")
			refused := claim("key", long)
			for range 2 {
				_, err := c.Store.Create(c.Context(), refused)
				c.want("a create while another holds", err, store.ErrHeld)
			}
			removeTerm(c, t)
			c.create(refused)
		}},
		{name: "CreateAfterItsDelete", run: func(c *trial) {
			late := claim("key", long)
			c.remove("key", store.ByNonce(late.Nonce))
			c.wantEnded("a create that comes after its delete", late)
			c.wantNone("after a create that comes after its delete", "key")
			c.hold("key")
		}},
		{name: "CreateAfterItsDeleteUnderAnother", run: func(c *trial) {
			t, late := c.hold("key"), claim("key", long)
			c.changesNothing("the delete of a create that never came", "key", func() {
				c.remove("key", store.ByNonce(late.Nonce))
			})
			removeTerm(c, t)
			c.wantEnded("a create that comes after its delete and after another's term", late)
			c.wantNone("after a create that comes after its delete", "key")
		}},
		{name: "Renew", run: func(c *trial) {
			t := c.hold("key")
			for range 2 {
				if r := c.renew(t.write(1, "second")); r.Err != nil || r.Until.IsZero() {
					c.broke("renew with a value that comes twice: until %v, %v", r.Until, r.Err)
				}
				c.wantRecord("after a renew", "key", "second", t.Token)
			}
		}},
		{name: "Update", run: func(c *trial) {
			t := c.hold("key")
			for range 2 {
				c.update(t.update(1, "second"))
				c.wantRecord("after an update", "key", "second", t.Token)
			}
		}},
		{name: "Delete", run: func(c *trial) {
			for _, by := range []func(term) store.LeaseRef{byToken, byNonce} {
				t := c.hold("key")
				for range 2 {
					c.remove("key", by(t))
					c.wantNone("after a delete", "key")
				}
			}
		}},
		{name: "DeleteAfterASuccessor", run: func(c *trial) {
			for _, by := range []func(term) store.LeaseRef{byToken, byNonce} {
				old := c.hold("key")
				c.remove("key", by(old))
				next := c.hold("key")
				c.changesNothing("a delete that comes late", "key", func() { c.remove("key", by(old)) })
				removeTerm(c, next)
			}
		}},
		{name: "CreateThroughAPeer", run: func(c *trial) {
			t := c.hold("key")
			again, err := c.peer().Create(c.Context(), t.Claim)
			if err != nil || again.Token != t.Token {
				c.broke("a create that is repeated through another process gets token %d, %v, want %d", again.Token, err, t.Token)
			}
			if err := c.peer().Update(c.Context(), t.update(1, "by a peer")); err != nil {
				c.broke("update of a live term through another process: %v", err)
			}
			c.wantRecord("after an update through another process", "key", "by a peer", t.Token)
			if err := c.peer().Delete(c.Context(), "key", byNonce(t)); err != nil {
				c.broke("delete through another process: %v", err)
			}
			c.wantEnded("a create after its delete through another process", t.Claim)
		}},
	},
}

// wantSameGrant repeats the create of a live term.
func (c *trial) wantSameGrant(what string, t term) store.Grant {
	c.Helper()
	again, err := c.Store.Create(c.Context(), t.Claim)
	if err != nil || again.Token != t.Token {
		c.broke("%s: the create that got token %d gets token %d, %v when it comes again", what, t.Token, again.Token, err)
	}
	c.rely(t.Key, again.Until)
	return again
}

// wantEnded repeats the create of a term that has ended.
func (c *trial) wantEnded(what string, claim store.Claim) {
	c.Helper()
	grant, err := c.Store.Create(c.Context(), claim)
	c.want(what, err, store.ErrEnded)
	if grant != (store.Grant{}) {
		c.broke("%s: refused, and yet grants %+v", what, grant)
	}
}

func removeByNonce(c *trial, t term) {
	c.remove(t.Key, store.ByNonce(t.Nonce))
	delete(c.relied, t.Key)
}

func createAgainAfter(end func(*trial, term)) func(*trial) {
	return func(c *trial) {
		t := c.brief("key")
		end(c, t)
		c.wantEnded("the create of a term that has ended, come again", t.Claim)
		c.wantEnded("and a third time", t.Claim)
		c.wantNone("after the create of a term that has ended", "key")
		next := c.hold("key")
		c.wantRecord("after the create of another", "key", "first", next.Token)
	}
}

func byToken(t term) store.LeaseRef { return store.ByToken(t.Token) }
func byNonce(t term) store.LeaseRef { return store.ByNonce(t.Nonce) }
