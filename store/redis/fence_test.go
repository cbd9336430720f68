package redisstore_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/leasehold-go/leasehold/store"
)

// fields are what a fence has; see prelude.lua.
type fields struct{ token, nonce, seq, deadline, ttl, hash, ended string }

func (f fields) write(b *bench, fence string) {
	b.do("HSET", fence, "t", f.token, "n", f.nonce, "s", f.seq, "d", f.deadline, "l", f.ttl, "h", f.hash, "e", f.ended)
}

// broken calls the verbs on a key whose fence somebody has written to, and fails the
// test for an error that does not say what happened to which key.
func (b *bench) broken(token store.Token) {
	w := store.Renewal{Key: "key", Token: token, Seq: 5, Value: []byte("ours")}
	_, create := b.Create(b.Context(), claim("key"))
	_, get := b.Get(b.Context(), "key")
	for verb, err := range map[string]error{
		"create":          create,
		"get":             get,
		"update":          b.Update(b.Context(), store.Update(w)),
		"renew":           b.renew(w).Err,
		"delete by nonce": b.Delete(b.Context(), "key", store.ByNonce(store.NewNonce())),
		"delete by token": b.Delete(b.Context(), "key", store.ByToken(token)),
	} {
		b.wantStated(verb, err)
	}
}

func (b *bench) wantStated(verb string, err error) {
	b.Helper()
	for _, condition := range []error{
		nil, store.ErrHeld, store.ErrForeign, store.ErrLost, store.ErrStale, store.ErrEnded,
		store.ErrNotFound, store.ErrUnavailable, store.ErrInDoubt,
	} {
		if errors.Is(err, condition) && (err == nil || strings.Contains(err.Error(), strconv.Quote("key"))) {
			return
		}
	}
	b.Errorf("%s: %v", verb, err)
}

// wantMortal fails if there is a record without a time to live.
func (b *bench) wantMortal() {
	b.Helper()
	if left := b.do("PTTL", "key"); left == int64(-1) {
		b.Errorf("%q has no time to live", b.value("key"))
	}
}

// Whatever a fence says: no verb writes over another program's value, leaves a record
// for ever, or grants a token that is not larger than a sound one that it found.
func FuzzFence(f *testing.F) {
	sound := strings.Repeat("0", 32)
	for _, c := range []fields{
		{}, {token: "1", nonce: sound, seq: "0", deadline: "99999999999999", ttl: "60000", ended: sound + " "},
		{token: "9007199254740991"}, {token: "9007199254740992"}, {token: "1e400"}, {token: "-1"}, {token: "0x10"}, {token: " 7 "}, {token: "inf"}, {token: "nan"},
		{deadline: "inf"}, {deadline: "nan"}, {deadline: "x"}, {ttl: "-1"}, {ttl: "x"}, {ttl: "1e308"}, {ttl: "nan"},
		{seq: "x"}, {seq: "18446744073709551616"}, {seq: "-"}, {ended: strings.Repeat("x", 1000)}, {ended: "%s"}, {nonce: "[a-z"},
	} {
		f.Add(c.token, c.nonce, c.seq, c.deadline, c.ttl, c.ended)
	}
	s := start(f)
	s.hold("key")
	fence := s.fence("key")
	f.Fuzz(func(t *testing.T, token, nonce, seq, deadline, ttl, ended string) {
		b := &bench{TB: t, server: s.server, plain: s.plain, Store: s.Store}
		c := fields{token, nonce, seq, deadline, ttl, "the hash of nothing", ended}
		asked, odd := strconv.ParseUint(token, 10, 53)
		if odd != nil {
			asked = 0 // no token of ours
		}

		b.do("FLUSHALL")
		c.write(b, fence)
		b.do("SET", "key", "theirs")
		b.broken(store.Token(max(asked, 1)))
		if got := b.value("key"); got != "theirs" || b.do("PTTL", "key") != int64(-1) {
			t.Errorf("their value is %q now, with %v left", got, b.do("PTTL", "key"))
		}

		b.do("FLUSHALL")
		c.write(b, fence)
		grant, err := b.Create(t.Context(), claim("key"))
		b.wantStated("create", err)
		if err == nil {
			b.wantHeld(grant.Token, store.Token(asked))
		}
		b.broken(store.Token(max(asked, 1)))
		b.wantMortal()

		for name, value := range map[string]string{"s": seq, "d": deadline, "l": ttl, "e": ended, "n": nonce} {
			b.do("FLUSHALL")
			grant = b.hold("key")
			b.do("HSET", fence, name, value)
			b.broken(grant.Token)
			b.wantMortal()
		}
	})
}

// wantHeld fails unless the key is held with a token that is larger than the last.
func (b *bench) wantHeld(token, last store.Token) {
	b.Helper()
	r, err := b.Get(b.Context(), "key")
	if err != nil || r.Token != token || token <= last {
		b.Errorf("granted %d after %d; then %+v, %v", token, last, r, err)
	}
	if got := b.do("HGET", b.fence("key"), "t"); got != fmt.Sprint(token) {
		b.Errorf("granted %d, the fence says %v", token, got)
	}
}
