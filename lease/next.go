package lease

import (
	"context"

	"github.com/leasehold-go/leasehold/store"
)

// nextClaim is what a waiter claims its key with again and again, so that the store can know it as the
// claim that is next. Only the waiter's own call of Acquire uses it.
type nextClaim struct {
	store  store.Successor
	nonce  store.Nonce
	handed chan store.Grant // one element once a delete has begun its lease
	stands bool             // the store has said that it is next, and may still take it for that
	next   bool             // the store's last answer was that it is next
}

// newNextClaim returns nil if the store hands no keys over, if the value is to be made when the
// lease begins, or if there is a reclaim policy to be asked first.
func (k *Keeper) newNextClaim(o options) *nextClaim {
	st, succeeds := k.store.(store.Successor)
	if !succeeds || o.value != nil || o.reclaim != nil {
		return nil
	}
	c := &nextClaim{store: st}
	c.renew()
	return c
}

// renew makes it another claim, after one whose lease has ended or that is settled. c may be nil.
func (c *nextClaim) renew() {
	if c != nil {
		c.nonce, c.handed, c.stands, c.next = store.NewNonce(), make(chan store.Grant, 1), false, false
	}
}

// create tries to create the record.
func (c *nextClaim) create(ctx context.Context, claim store.Claim) (store.Grant, error) {
	handed := c.handed
	grant, next, err := c.store.CreateNext(ctx, claim, func(g store.Grant) {
		select {
		case handed <- g:
		default: // told twice
		}
	})
	c.stands, c.next = c.stands || next, next
	return grant, err
}

// took returns the grant of the lease, if a delete has begun it meanwhile. c may be nil.
func (c *nextClaim) took() (grant store.Grant, ok bool) {
	if c == nil {
		return grant, false
	}
	select {
	case grant = <-c.handed:
		return grant, true
	default:
		return grant, false
	}
}

// handedOver makes a lease of a grant that a delete has begun for a waiter.
func (k *Keeper) handedOver(claim store.Claim, grant store.Grant, o options) (*lease, error) {
	claim.Nonce = o.next.nonce
	return k.begin(claim, grant, false, o)
}

// withdraw takes back a claim that has got no lease, in the background. Another waiter can be next then.
func (k *Keeper) withdraw(key string, c *nextClaim) {
	if c == nil || !c.stands {
		return
	}
	k.settler.withdraw(c.store, key, c.nonce, func() {
		k.waits.mu.Lock()
		defer k.waits.mu.Unlock()
		if q := k.waits.queues[key]; q != nil {
			q.rest()
		}
	})
}
