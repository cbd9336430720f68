package storetest

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/leasehold-go/leasehold/store"
)

var exclusionLaw = law{
	name: "ExactlyOneCreateSucceeds",
	text: "of any number of concurrent creates of a key, exactly one succeeds",
	cases: []lawcase{
		{name: "ManyConcurrently", run: func(c *trial) {
			c.wantOneWinner(c.race(claimsOf("key")))
		}},
		{name: "ManyKeysConcurrently", run: func(c *trial) {
			keys := []string{"one", "two", "three"}
			var claims []store.Claim
			for i := range callers {
				claims = append(claims, claim(keys[i%len(keys)], long))
			}
			byKey := make(map[string][]outcome)
			for _, a := range c.race(claims) {
				byKey[a.Key] = append(byKey[a.Key], a)
			}
			for _, key := range keys {
				c.wantOneWinner(byKey[key])
			}
		}},
		{name: "AfterAnExpiry", run: func(c *trial) {
			before := c.holdShort("key")
			c.expire(before)
			if won := c.wantOneWinner(c.race(claimsOf("key"))); won.Token <= before.Token {
				c.failf("the successful create got token %d, the lease before it had token %d; want a larger one", won.Token, before.Token)
			}
		}},
		{name: "OneCreateRepeatedConcurrently", run: func(c *trial) {
			claims := make([]store.Claim, callers)
			same := claim("key", long)
			for i := range claims {
				claims[i] = same
			}
			outcomes := c.race(claims)
			for _, a := range outcomes {
				if a.err != nil || a.Token != outcomes[0].Token {
					c.failf("one create sent %d times concurrently: token %d, %v, while another answer was token %d, %v",
						callers, a.Token, a.err, outcomes[0].Token, outcomes[0].err)
				}
			}
		}},
		{name: "HoldersAlternate", run: func(c *trial) {
			const wanted, most = 200, 5000
			var (
				all           sync.WaitGroup
				holders, held atomic.Int32
				last          atomic.Uint64
				fault         atomic.Value // string
			)
			for i := range 8 {
				st := c.Store
				if i%2 == 1 {
					st = c.peer()
				}
				all.Go(func() {
					for n := 0; n < most && held.Load() < wanted && fault.Load() == nil; n++ {
						grant, err := st.Create(c.Context(), claim("key", long))
						if errors.Is(err, store.ErrHeld) {
							continue
						}
						if err != nil {
							fault.Store("Create: " + err.Error())
							continue
						}
						if holders.Add(1) != 1 {
							fault.Store("two processes held the key at the same time")
						}
						if before := last.Swap(uint64(grant.Token)); before >= uint64(grant.Token) {
							fault.Store("a token is not larger than the token before")
						}
						held.Add(1)
						holders.Add(-1)
						if err := st.Delete(c.Context(), "key", store.ByToken(grant.Token)); err != nil {
							fault.Store("Delete: " + err.Error())
						}
					}
				})
			}
			all.Wait()
			if fault := fault.Load(); fault != nil {
				c.failf("8 processes that create and delete one key: %v", fault)
			}
			if n := held.Load(); n < 2 {
				c.failf("8 processes tried to create one key %d times each: %d creates succeeded, want at least 2", most, n)
			}
		}},
	},
}

const callers = 32 // number of concurrent callers

// outcome is a create and its answer.
type outcome struct {
	store.Claim
	store.Grant
	err error
}

// race sends creates concurrently, every other one through the peer.
func (c *trial) race(claims []store.Claim) []outcome {
	outcomes := make([]outcome, len(claims))
	var all sync.WaitGroup
	start := make(chan struct{})
	for i, claim := range claims {
		st := c.Store
		if i%2 == 1 {
			st = c.peer()
		}
		all.Go(func() {
			<-start
			grant, err := st.Create(c.Context(), claim)
			outcomes[i] = outcome{claim, grant, err}
		})
	}
	close(start)
	all.Wait()
	return outcomes
}

func claimsOf(key string) []store.Claim {
	claims := make([]store.Claim, callers)
	for i := range claims {
		claims[i] = claim(key, long)
		claims[i].Value = []byte(claims[i].Nonce.String())
	}
	return claims
}

// wantOneWinner checks that one of several creates of a key succeeded, and returns it.
func (c *trial) wantOneWinner(outcomes []outcome) outcome {
	c.Helper()
	var won []outcome
	for _, a := range outcomes {
		if a.err == nil {
			won = append(won, a)
		}
	}
	if len(won) != 1 {
		c.failf("%d of %d concurrent creates of %q succeeded, want 1", len(won), len(outcomes), outcomes[0].Key)
	}
	for _, a := range outcomes {
		if a.err != nil {
			c.want("a create that did not succeed", a.err, store.ErrHeld)
		}
	}
	c.wantRecord("after concurrent creates", won[0].Key, string(won[0].Value), won[0].Token)
	return won[0]
}
