package faults_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/e2e/internal/answered"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
)

// fleet is some of ours and some old programs at one key, in a random programme.
type fleet struct {
	*place
	*rapid.T
	st     store.Store
	least  time.Duration // the smallest ttl
	claims []store.Claim // of each of ours, its last
	tokens []store.Token
	seqs   []uint64
	mine   snapshot // what ours left there last; what else is there is theirs
	n      int
}

// now is what lies under the key.
func (f *fleet) now() snapshot { return f.place.snapshot() }

// settle takes note of what ours has written.
func (f *fleet) settle(err error) {
	if err == nil {
		f.mine = f.now()
	}
}

// ours lets one of ours do something, and checks that nothing of theirs suffers.
func (f *fleet) ours(what string, do func() error) {
	was := f.now()
	asked := time.Now()
	_, left, _ := f.Get(key)
	theirs := was.value != "" && was != f.mine
	if theirs && was.value == f.mine.value { // a backend may know its record by the bytes
		theirs = f.foreign(f.st)
	}
	// A member that has much else to do may have no answer at first.
	_, err := answered.Acquire(f.T.Context(), func() (struct{}, error) { return struct{}{}, do() })
	now := f.now()
	f.T.Logf("ours: %s on %+v: %v", what, was, err)
	if !theirs {
		f.settle(err)
		return
	}
	if left != store.Forever && time.Since(asked) >= left {
		f.settle(err)
		return // it may have ended by itself, and another come: that is for other tests
	}
	expired := now.value == ""
	if now != was && !expired {
		if errors.Is(err, store.ErrForeign) || err != nil {
			f.T.Fatalf("%s made %+v of %+v, which is theirs", what, now, was)
		}
		f.T.Fatalf("%s acted on what is theirs: %+v became %+v", what, was, now)
	}
	foreign := new(store.ForeignError)
	if err != nil && errors.As(err, &foreign) && string(foreign.Record.Value) != was.value {
		f.T.Fatalf("%s shows %q, there is %q", what, foreign.Record.Value, was.value)
	}
	if expired && was.expiry != now.expiry {
		return // it ended by itself: what is said of that is for other tests
	}
	if what != "delete" && what != "settle" && !errors.Is(err, store.ErrForeign) {
		f.T.Fatalf("%s on what is theirs, %+v: got %v, want foreign", what, was, err)
	}
}

func (f *fleet) word(who string) string {
	f.n++
	return fmt.Sprintf("%s %d", who, f.n)
}

// The old programs' ttls are far from ours, so that nothing rests on a difference of
// less than a second in the expiry.
const theirTTL = 30 * time.Second

func (f *fleet) programme() map[string]func(*rapid.T) {
	who := func(t *rapid.T) int { return rapid.IntRange(0, len(f.claims)-1).Draw(t, "who") }
	write := func(i int) store.Renewal {
		f.seqs[i]++
		return store.Renewal{Key: key, Token: max(f.tokens[i], 1), Seq: f.seqs[i], Value: []byte(f.word("ours"))}
	}
	create := func(i int) func() error {
		return func() error {
			grant, err := f.st.Create(f.T.Context(), f.claims[i])
			if err == nil {
				f.tokens[i] = grant.Token
			}
			return err
		}
	}
	renew := func(w store.Renewal) func() error {
		return func() error { return f.st.Renew(f.T.Context(), []store.Renewal{w})[0].Err }
	}
	return map[string]func(*rapid.T){
		"create": func(t *rapid.T) {
			i := who(t)
			ttl := rapid.SampledFrom([]time.Duration{long, long, f.least}).Draw(t, "ttl")
			f.claims[i], f.seqs[i] = claim(f.word("ours"), ttl), 0
			f.ours("create", create(i))
		},
		"create again": func(t *rapid.T) {
			if i := who(t); f.claims[i].Key != "" {
				f.ours("create", create(i))
			}
		},
		"renew":            func(t *rapid.T) { w := write(who(t)); w.Value = nil; f.ours("renew", renew(w)) },
		"renew with value": func(t *rapid.T) { f.ours("renew", renew(write(who(t)))) },
		"update": func(t *rapid.T) {
			w := write(who(t))
			f.ours("update", func() error { return f.st.Update(f.T.Context(), store.Update(w)) })
		},
		"delete": func(t *rapid.T) {
			term := store.ByToken(max(f.tokens[who(t)], 1))
			f.ours("delete", func() error { return f.st.Delete(f.T.Context(), key, term) })
		},
		"settle": func(t *rapid.T) {
			if i := who(t); f.claims[i].Key != "" {
				f.ours("settle", func() error { return f.st.Delete(f.T.Context(), key, store.ByNonce(f.claims[i].Nonce)) })
			}
		},
		"theirs SET":         func(*rapid.T) { f.Set(key, f.word("theirs"), 0) },
		"theirs SET EX":      func(*rapid.T) { f.Set(key, f.word("theirs"), theirTTL) },
		"theirs SET NX EX":   func(*rapid.T) { f.SetNX(key, f.word("theirs"), theirTTL) },
		"theirs SET XX EX":   func(*rapid.T) { f.SetXX(key, f.word("theirs"), theirTTL) },
		"theirs SET KEEPTTL": func(*rapid.T) { f.SetKeepTTL(key, f.word("theirs")) },
		"theirs our words": func(*rapid.T) {
			if v, _, ok := f.Get(key); ok {
				f.Set(key, v, theirTTL)
			}
		},
		"theirs EXPIRE":  func(*rapid.T) { f.Expire(key, theirTTL) },
		"theirs PERSIST": func(*rapid.T) { f.Expire(key, 0) },
		"theirs DEL":     func(*rapid.T) { f.Del(key) },
		"time passes":    func(*rapid.T) { time.Sleep(20 * time.Millisecond) },
	}
}

// Whatever the order of their steps, ours changes nothing that theirs put there, and
// says foreign.
func TestOursNeverTouchesTheirsInAnyOrder(t *testing.T) {
	full.Only(t)
	onEach(t, func(p *place) {
		st := p.open()
		rapid.Check(p.T, func(r *rapid.T) {
			p.Del(key)
			const programs = 2
			f := &fleet{
				place: p, T: r, st: st, least: store.CapabilitiesOf(st).MinTTL,
				claims: make([]store.Claim, programs), tokens: make([]store.Token, programs), seqs: make([]uint64, programs),
			}
			r.Repeat(f.programme())
		})
	})
}
