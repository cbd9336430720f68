package storetest

import (
	"time"

	"github.com/leasehold-go/leasehold/store"
)

var repetitionLaw = law{
	name: "RepeatedCallsHaveOneEffect",
	text: "a call that reaches the store twice has the effect and the answer of one call, unless another held the key in between; a create whose lease has ended returns ErrEnded and creates nothing",
	cases: []lawcase{
		{name: "Create", run: func(c *trial) {
			t := c.hold("key")
			c.wantSameGrant("repeated at once", t)
			c.wantSameGrant("repeated again", t)
			c.wantRecord("after a repeated create", "key", "first", t.Token)
		}},
		{name: "CreateAfterAnUpdate", run: func(c *trial) {
			t := c.hold("key")
			c.update(t.update(3, "updated since"))
			c.wantSameGrant("after an update", t)
			c.wantRecord("after a repeated create", "key", "updated since", t.Token)
			c.want("an update older than the last one before the repeated create",
				c.Store.Update(c.Context(), t.update(2, "older")), store.ErrStale)
		}},
		{name: "CreateAfterARenewWithAValue", run: func(c *trial) {
			t := c.hold("key")
			if r := c.renew(t.renewalWith(1, "renewed since")); r.Err != nil {
				c.failf("renew with a value by the holder: %v", r.Err)
			}
			c.wantSameGrant("after a renew with a value", t)
			c.wantRecord("after a repeated create", "key", "renewed since", t.Token)
		}},
		{name: "CreateRestoresTheTTL", run: func(c *trial) {
			t := c.holdShort("key")
			time.Sleep(c.ttl / 2)
			asked := time.Now()
			t.Grant = c.wantSameGrant("half a TTL later", t)
			t.latest = time.Now().Add(c.ttl)
			if !c.caps.GroupExpiry && t.Until.Before(asked.Add(c.ttl)) {
				c.failf("a repeated create grants %v, want the full TTL of %v", t.Until.Sub(asked), c.ttl)
			}
			c.wantExpiry(t)
		}},
		{name: "CreateAfterDelete", run: createAgainAfter(deleteLease)},
		{name: "CreateAfterDeleteByNonce", run: createAgainAfter(deleteLeaseByNonce)},
		{name: "CreateAfterExpiry", run: createAgainAfter((*trial).expire)},
		{name: "CreateAfterAnotherProgramsDelete", needs: []need{outsider}, run: createAgainAfter(deleteByOutsider)},
		{name: "CreateAfterASuccessor", run: func(c *trial) {
			old := c.holdShort("key")
			c.expire(old)
			next := c.hold("key")
			c.changesNothing("a late create", "key", func() {
				_, err := c.Store.Create(c.Context(), old.Claim)
				c.want("a late create while a successor holds", err, store.ErrHeld)
			})
			deleteLease(c, next)
			c.wantEnded("a late create after its successor", old.Claim)
			c.wantNone("after a late create", "key")
		}},
		// A store must recognise late creates of the last eight leases.
		{name: "CreateAfterManyLaterLeases", run: func(c *trial) {
			var leases []lease
			for range 12 {
				t := c.hold("key")
				deleteLease(c, t)
				leases = append(leases, t)
			}
			for _, t := range leases[4:] {
				c.wantEnded("a late create of one of the last eight leases", t.Claim)
			}
			c.wantNone("after late creates", "key")
		}},
		// A refused create began no lease, so a repeat of it may succeed.
		{name: "CreateThatWasRefused", run: func(c *trial) {
			t := c.hold("key")
			refused := claim("key", long)
			for range 2 {
				_, err := c.Store.Create(c.Context(), refused)
				c.want("a create while another holds", err, store.ErrHeld)
			}
			deleteLease(c, t)
			c.create(refused)
		}},
		{name: "CreateAfterItsDelete", run: func(c *trial) {
			late := claim("key", long)
			c.delete("key", store.ByNonce(late.Nonce))
			c.wantEnded("a create that arrives after its delete", late)
			c.wantNone("after a create that arrives after its delete", "key")
			c.hold("key")
		}},
		{name: "CreateAfterItsDeleteUnderAnother", run: func(c *trial) {
			t, late := c.hold("key"), claim("key", long)
			c.changesNothing("the delete of a create that has not arrived", "key", func() {
				c.delete("key", store.ByNonce(late.Nonce))
			})
			deleteLease(c, t)
			c.wantEnded("a create that arrives after its delete and after another's lease", late)
			c.wantNone("after a create that arrives after its delete", "key")
		}},
		{name: "Renew", run: func(c *trial) {
			t := c.hold("key")
			for range 2 {
				if r := c.renew(t.renewalWith(1, "second")); r.Err != nil || r.Until.IsZero() {
					c.failf("repeated renew with a value: until %v, %v", r.Until, r.Err)
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
			for _, by := range []func(lease) store.LeaseRef{byToken, byNonce} {
				t := c.hold("key")
				for range 2 {
					c.delete("key", by(t))
					c.wantNone("after a delete", "key")
				}
			}
		}},
		{name: "DeleteAfterASuccessor", run: func(c *trial) {
			for _, by := range []func(lease) store.LeaseRef{byToken, byNonce} {
				old := c.hold("key")
				c.delete("key", by(old))
				next := c.hold("key")
				c.changesNothing("a late delete", "key", func() { c.delete("key", by(old)) })
				deleteLease(c, next)
			}
		}},
		{name: "CreateThroughAPeer", run: func(c *trial) {
			t := c.hold("key")
			again, err := c.peer().Create(c.Context(), t.Claim)
			if err != nil || again.Token != t.Token {
				c.failf("a create repeated through another process got token %d, %v, want %d", again.Token, err, t.Token)
			}
			if err := c.peer().Update(c.Context(), t.update(1, "by a peer")); err != nil {
				c.failf("update of a live lease through another process: %v", err)
			}
			c.wantRecord("after an update through another process", "key", "by a peer", t.Token)
			if err := c.peer().Delete(c.Context(), "key", byNonce(t)); err != nil {
				c.failf("delete through another process: %v", err)
			}
			c.wantEnded("a create after its delete through another process", t.Claim)
		}},
	},
}

// wantSameGrant repeats the create of a live lease.
func (c *trial) wantSameGrant(what string, t lease) store.Grant {
	c.Helper()
	again, err := c.Store.Create(c.Context(), t.Claim)
	if err != nil || again.Token != t.Token {
		c.failf("%s: the create that got token %d got token %d, %v when repeated", what, t.Token, again.Token, err)
	}
	c.dependOn(t.Key, again.Until)
	return again
}

// wantEnded repeats the create of a lease that has ended.
func (c *trial) wantEnded(what string, claim store.Claim) {
	c.Helper()
	grant, err := c.Store.Create(c.Context(), claim)
	c.want(what, err, store.ErrEnded)
	if grant != (store.Grant{}) {
		c.failf("%s: the create was refused and returned the grant %+v", what, grant)
	}
}

func deleteLeaseByNonce(c *trial, t lease) {
	c.delete(t.Key, store.ByNonce(t.Nonce))
	delete(c.needed, t.Key)
}

func createAgainAfter(end func(*trial, lease)) func(*trial) {
	return func(c *trial) {
		t := c.holdShort("key")
		end(c, t)
		c.wantEnded("the repeated create of an ended lease", t.Claim)
		c.wantEnded("the create of an ended lease, repeated again", t.Claim)
		c.wantNone("after the repeated create of an ended lease", "key")
		next := c.hold("key")
		c.wantRecord("after a create with another nonce", "key", "first", next.Token)
	}
}

func byToken(t lease) store.LeaseRef { return store.ByToken(t.Token) }
func byNonce(t lease) store.LeaseRef { return store.ByNonce(t.Nonce) }
