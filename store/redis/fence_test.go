package redisstore_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/leasehold-go/leasehold/store"
)

// fence is what somebody may have written in place of one; see record.lua.
type fence struct{ layout, state, token, ttl, length, check, seq, mark, ended string }

func (f fence) text() string {
	return f.layout + f.state + f.token + f.ttl + f.length + f.check + f.seq + f.mark + strings.Repeat("0", 16) + f.ended
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
// for ever, or grants a token that is not larger than a sound one that it found. A fence of
// another layout makes its key unavailable.
func FuzzFence(f *testing.F) {
	sound := fence{"5", "l", "0000000000000001", "0000000060000", "0000005", strings.Repeat("0", 40), strings.Repeat("0", 20), strings.Repeat("0", 8), ""}
	for _, change := range []func(*fence){
		func(*fence) {}, func(f *fence) { *f = fence{} }, func(f *fence) { f.layout = "1" }, func(f *fence) { f.layout = "" },
		func(f *fence) { f.state = "d" }, func(f *fence) { f.state = "w" }, func(f *fence) { f.token = "9007199254740991" }, func(f *fence) { f.token = "9007199254740992" },
		func(f *fence) { f.token = "           1e400" }, func(f *fence) { f.token = "-000000000000001" }, func(f *fence) { f.token = "             nan" },
		func(f *fence) { f.ttl = "-000000000001" }, func(f *fence) { f.ttl = "9999999999999" }, func(f *fence) { f.ttl = "x" },
		func(f *fence) { f.seq = "18446744073709551616" }, func(f *fence) { f.length = "9999999" }, func(f *fence) { f.ended = strings.Repeat("x", 1000) },
		func(f *fence) { f.ended = "%s" }, func(f *fence) { f.ended = "inf" }, func(f *fence) { f.mark = "[a-z" },
	} {
		c := sound
		change(&c)
		f.Add(c.layout, c.state, c.token, c.ttl, c.length, c.check, c.seq, c.mark, c.ended)
	}
	s := start(f)
	s.hold("key")
	name := s.fence("key")
	f.Fuzz(func(t *testing.T, layout, state, token, ttl, length, check, seq, mark, ended string) {
		b := &bench{TB: t, server: s.server, plain: s.plain, Store: s.Store}
		c := fence{layout, state, token, ttl, length, check, seq, mark, ended}
		asked, odd := strconv.ParseUint(token, 10, 53)
		if odd != nil || len(token) != 16 {
			asked = 0 // no token of ours
		}

		b.do("FLUSHALL")
		b.do("SET", name, c.text())
		b.do("SET", "key", "theirs")
		b.broken(store.Token(max(asked, 1)))
		if got := b.value("key"); got != "theirs" || b.do("PTTL", "key") != int64(-1) {
			t.Errorf("their value is %q now, with %v left", got, b.do("PTTL", "key"))
		}

		b.do("FLUSHALL")
		b.do("SET", name, c.text())
		grant, err := b.Create(t.Context(), claim("key"))
		b.wantStated("create", err)
		if err == nil {
			b.wantHeld(grant.Token, store.Token(asked))
		}
		if !strings.HasPrefix(c.text(), "5") && c.text() != "" && !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("a fence of another layout: %v", err)
		}
		b.broken(store.Token(max(asked, 1)))
		b.wantMortal()

		for field, value := range map[string]string{
			"layout": layout, "state": state, "seq": seq, "length": length, "ttl": ttl, "check": check, "ended": ended, "mark": mark,
		} {
			b.do("FLUSHALL")
			grant = b.hold("key")
			b.setField("key", field, value)
			b.broken(grant.Token)
			b.wantMortal()
		}
	})
}

// Whatever somebody has written in place of the claim that is next: no verb writes over another
// program's value, leaves a record for ever, or begins a lease without a larger token.
func FuzzNext(f *testing.F) {
	sound := "0000000060000" + "0000005" + "first" + strings.Repeat("0", 35+20) + "12345678" + strings.Repeat("0", 16)
	for _, begun := range []string{
		sound, "", "x", sound[:103], "x" + sound[1:], "0000000000000" + sound[13:], "9999999999999" + sound[13:],
		"          1e3" + sound[13:], sound[:13] + "0000006" + sound[20:], sound[:20] + strings.Repeat("%", 84),
	} {
		f.Add(begun, "first", int64(60000))
		f.Add(begun, "first", int64(0))
	}
	f.Add(sound, "", int64(1)<<52)
	f.Add(sound, "first", int64(1)<<52)
	s := start(f)
	s.hold("key")
	fence := s.fence("key")
	name := strings.Replace(fence, "}:f:", "}:n:", 1)
	f.Fuzz(func(t *testing.T, begun, value string, left int64) {
		b := &bench{TB: t, server: s.server, plain: s.plain, Store: s.Store}
		hold := func() store.Token {
			b.do("FLUSHALL")
			grant := b.hold("key")
			b.do("SETRANGE", fence, 1, "w")
			if b.do("SET", name, begun+value); left > 0 && left < 1<<53 {
				b.do("PEXPIRE", name, left)
			}
			return grant.Token
		}

		token := hold()
		b.do("SET", "key", "theirs")
		b.broken(token)
		if got := b.value("key"); got != "theirs" || b.do("PTTL", "key") != int64(-1) {
			t.Errorf("their value is %q now, with %v left", got, b.do("PTTL", "key"))
		}

		for _, asks := range []bool{false, true} {
			token, c := hold(), claim("key")
			if asks {
				_, _, err := b.CreateNext(t.Context(), c, func(store.Grant) {})
				b.wantStated("create next", err)
				b.wantStated("withdraw", b.Withdraw(t.Context(), "key", c.Nonce))
			}
			b.wantStated("delete", b.Delete(t.Context(), "key", store.ByToken(token)))
			b.wantMortal()
			if r, err := b.Get(t.Context(), "key"); err == nil && r.Token != 0 && r.Token <= token {
				t.Errorf("token %d after %d", r.Token, token)
			}
			if grant, err := b.Create(t.Context(), claim("key")); err == nil {
				b.wantHeld(grant.Token, token)
			}
			b.broken(token)
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
	if got := b.field("key", "token"); got != fmt.Sprintf("%016d", token) {
		b.Errorf("granted %d, the fence says %v", token, got)
	}
}
