package storetest

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/leasehold-go/leasehold/store"
)

var exclusionLaw = law{
	name: "OneCreateWins",
	text: "of any number of concurrent creates of a key, exactly one succeeds",
	cases: []lawcase{
		{name: "ManyAtOnce", run: func(c *trial) {
			c.wantOneWinner(c.race(crowdOf("key")))
		}},
		{name: "ManyKeysAtOnce", run: func(c *trial) {
			keys := []string{"one", "two", "three"}
			var claims []store.Claim
			for i := range crowd {
				claims = append(claims, claim(keys[i%len(keys)], long))
			}
			byKey := make(map[string][]attempt)
			for _, a := range c.race(claims) {
				byKey[a.Key] = append(byKey[a.Key], a)
			}
			for _, key := range keys {
				c.wantOneWinner(byKey[key])
			}
		}},
		{name: "AfterAnExpiry", run: func(c *trial) {
			before := c.brief("key")
			c.expire(before)
			if won := c.wantOneWinner(c.race(crowdOf("key"))); won.Token <= before.Token {
				c.broke("the winner has token %d, the term before had %d", won.Token, before.Token)
			}
		}},
		{name: "ARepeatedCreateAmongThem", run: func(c *trial) {
			claims := make([]store.Claim, crowd)
			same := claim("key", long)
			for i := range claims {
				claims[i] = same
			}
			attempts := c.race(claims)
			for _, a := range attempts {
				if a.err != nil || a.Token != attempts[0].Token {
					c.broke("one create sent %d times at once: token %d, %v, where another answer was token %d, %v",
						crowd, a.Token, a.err, attempts[0].Token, attempts[0].err)
				}
			}
		}},
		{name: "HoldersTakeTurns", run: func(c *trial) {
			const wanted, most = 200, 5000
			var all sync.WaitGroup
			var count turns
			for i := range 8 {
				st := c.Store
				if i%2 == 1 {
					st = c.peer()
				}
				all.Go(func() {
					for try := 0; try < most && count.taken.Load() < wanted && count.fault.Load() == nil; try++ {
						c.takeTurn(st, &count)
					}
				})
			}
			all.Wait()
			if fault := count.fault.Load(); fault != nil {
				c.broke("among processes that create and delete one key: %v", fault)
			}
			if n := count.taken.Load(); n < 2 {
				c.broke("among processes that create and delete one key, each up to %d times, %d succeeded", most, n)
			}
		}},
	},
}

const crowd = 32 // concurrent callers

// attempt is a create and its outcome.
type attempt struct {
	store.Claim
	store.Grant
	err error
}

// race sends creates at the same time, every other one through the peer.
func (c *trial) race(claims []store.Claim) []attempt {
	attempts := make([]attempt, len(claims))
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
			attempts[i] = attempt{claim, grant, err}
		})
	}
	close(start)
	all.Wait()
	return attempts
}

func crowdOf(key string) []store.Claim {
	claims := make([]store.Claim, crowd)
	for i := range claims {
		claims[i] = claim(key, long)
		claims[i].Value = []byte(claims[i].Nonce.String())
	}
	return claims
}

// wantOneWinner checks the outcomes of a race for one key and returns the winner.
func (c *trial) wantOneWinner(attempts []attempt) attempt {
	c.Helper()
	var won []attempt
	for _, a := range attempts {
		if a.err == nil {
			won = append(won, a)
		}
	}
	if len(won) != 1 {
		c.broke("%d of %d concurrent creates of %q succeeded", len(won), len(attempts), attempts[0].Key)
	}
	for _, a := range attempts {
		if a.err != nil {
			c.want("a create that came second", a.err, store.ErrHeld)
		}
	}
	c.wantRecord("after the race", won[0].Key, string(won[0].Value), won[0].Token)
	return won[0]
}

// turns is what those who take turns at holding a key keep count of.
type turns struct {
	holders, taken atomic.Int32
	last           atomic.Uint64
	fault          atomic.Value // string: what was seen to be wrong
}

// takeTurn holds the key for a moment, if it can have it.
func (c *trial) takeTurn(st store.Store, count *turns) {
	grant, err := st.Create(c.Context(), claim("key", long))
	switch {
	case errors.Is(err, store.ErrHeld):
		return
	case err != nil:
		count.fault.Store("create: " + err.Error())
		return
	}
	if count.holders.Add(1) != 1 {
		count.fault.Store("two held the key at once")
	}
	if last := count.last.Swap(uint64(grant.Token)); last >= uint64(grant.Token) {
		count.fault.Store("a token is not larger than the one before")
	}
	count.taken.Add(1)
	count.holders.Add(-1)
	if err := st.Delete(c.Context(), "key", store.ByToken(grant.Token)); err != nil {
		count.fault.Store("delete: " + err.Error())
	}
}
