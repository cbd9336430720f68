package faults_test

import (
	"testing"

	"github.com/leasehold-go/leasehold/store"
)

// A value without an expiry is never ours, be it our own words, and be the deadline
// so near that the two seem to agree: PTTL says -1 for no expiry, which is no time.
func TestNoExpiryIsForeignNearTheDeadlineToo(t *testing.T) {
	for name, take := range map[string]func(*place){
		"PERSIST":          func(p *place) { p.Expire(key, 0) },
		"SET of our words": func(p *place) { p.Set(key, "ours", 0) },
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(p *place) {
				st := p.open()
				c := claim("ours", p.short-p.short/10) // its deadline is never further away than a second
				var token store.Token
				p.eventually("it is done before the record expires", func() bool {
					c.Nonce = store.NewNonce()
					p.Del(key)
					grant, err := st.Create(p.Context(), c)
					p.want("create", err, nil)
					token = grant.Token
					take(p)
					_, left, ok := p.Get(key)
					return ok && left == store.Forever
				})
				was := p.snapshot()
				r, err := st.Get(p.Context(), key)
				if err != nil || !r.Foreign() {
					p.Errorf("get: token %d, %v left, %v; want foreign", r.Token, r.Left, err)
				}
				p.want("renew", st.Renew(p.Context(), []store.Renewal{{Key: key, Token: token}})[0].Err, store.ErrForeign)
				p.want("update", st.Update(p.Context(), store.Update{Key: key, Token: token, Seq: 1, Value: []byte("late")}), store.ErrForeign)
				_, err = st.Create(p.Context(), c)
				p.want("the same create", err, store.ErrForeign)
				p.want("delete", st.Delete(p.Context(), key, store.ByToken(token)), nil)
				p.wantUntouched("after it", was)
			})
		})
	}
}
