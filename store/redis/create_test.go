package redisstore_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/store"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

func TestCreateStoresTheValueRaw(t *testing.T) {
	t.Parallel()
	b := start(t)
	c := claim("exchange:1:status")
	c.Value = []byte("{\"a\":\x00\xff\n}")
	before := time.Now()
	grant := b.create(c)
	after := time.Now()

	if got := b.value(c.Key); got != string(c.Value) {
		t.Errorf("GET: %q, want %q", got, c.Value)
	}
	if grant.Token == 0 {
		t.Error("no token")
	}
	if grant.Until.Before(before.Add(ttl)) || grant.Until.After(after.Add(ttl)) {
		t.Errorf("until %v is not the ttl after the call was sent", grant.Until)
	}
	expiry := b.plain.PExpireTime(t.Context(), c.Key).Val()
	if time.UnixMilli(expiry.Milliseconds()).Before(grant.Until) {
		t.Errorf("the server drops it at %d, before until (%d)", expiry.Milliseconds(), grant.Until.UnixMilli())
	}
}

// Neither the ttl nor the clock comes in whole milliseconds.
func TestUntilIsNotAfterTheExpiry(t *testing.T) {
	t.Parallel()
	b := start(t)
	for i := range 100 {
		c := claim(fmt.Sprintf("key:%d", i))
		c.TTL = ttl + 900*time.Microsecond
		grant := b.create(c)
		expiry := b.plain.PExpireTime(t.Context(), c.Key).Val()
		if time.UnixMilli(expiry.Milliseconds()).Before(grant.Until) {
			t.Fatalf("expiry %d, until %d µs", expiry.Milliseconds(), grant.Until.UnixMicro())
		}
	}
}

func TestCreateHeld(t *testing.T) {
	t.Parallel()
	b := start(t)
	grant := b.hold("key")
	_, err := b.Create(t.Context(), claim("key"))
	var held *store.HeldError
	if !errors.As(err, &held) {
		t.Fatalf("got %v, want a *store.HeldError", err)
	}
	r := held.Record
	if r.Key != "key" || string(r.Value) != "first" || r.Token != grant.Token || r.Left <= ttl-10*time.Second || r.Left > ttl {
		t.Errorf("held by %+v", r)
	}
}

func TestCreateAgainHasTheAnswerOfOnce(t *testing.T) {
	t.Parallel()
	b := start(t)
	c := claim("key")
	c.TTL = 30 * time.Second
	first := b.create(c)
	if err := b.Update(t.Context(), store.Update{Key: "key", Token: first.Token, Seq: 1, Value: []byte("newer")}); err != nil {
		t.Fatal(err)
	}
	was := b.plain.PExpireTime(t.Context(), "key").Val()
	time.Sleep(drift)
	again := b.create(c)

	if again.Token != first.Token {
		t.Errorf("token %d, then %d", first.Token, again.Token)
	}
	if got := b.value("key"); got != "newer" {
		t.Errorf("the value went back to %q", got)
	}
	if is := b.plain.PExpireTime(t.Context(), "key").Val(); is < was+drift {
		t.Errorf("expiry %v, then %v: the ttl was not restored", was, is)
	}
	if answer := b.renew(store.Renewal{Key: "key", Token: first.Token}); answer.Err != nil {
		t.Errorf("renew after it: %v", answer.Err)
	}
}

func TestCreateEnded(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*bench, store.Claim, store.Grant){
		"by delete by token": func(b *bench, c store.Claim, g store.Grant) {
			want(b, "delete", b.Delete(b.Context(), c.Key, store.ByToken(g.Token)), nil)
		},
		"by delete by nonce": func(b *bench, c store.Claim, g store.Grant) {
			want(b, "delete", b.Delete(b.Context(), c.Key, store.ByNonce(c.Nonce)), nil)
		},
		"by expiry": func(b *bench, c store.Claim, g store.Grant) {
			eventually(b, "expiry", func() bool { return b.value(c.Key) == "" })
		},
		"by DEL": func(b *bench, c store.Claim, g store.Grant) { b.do("DEL", c.Key) },
		"and another since": func(b *bench, c store.Claim, g store.Grant) {
			want(b, "delete", b.Delete(b.Context(), c.Key, store.ByToken(g.Token)), nil)
			next := b.hold(c.Key)
			want(b, "delete", b.Delete(b.Context(), c.Key, store.ByToken(next.Token)), nil)
		},
		"and seven others since": func(b *bench, c store.Claim, g store.Grant) {
			want(b, "delete", b.Delete(b.Context(), c.Key, store.ByToken(g.Token)), nil)
			for range 7 {
				next := b.hold(c.Key)
				want(b, "delete", b.Delete(b.Context(), c.Key, store.ByToken(next.Token)), nil)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t)
			c := claim("key")
			c.TTL = 200 * time.Millisecond
			end(b, c, b.create(c))
			_, err := b.Create(t.Context(), c)
			want(t, "the same create again", err, store.ErrEnded)
			if got := b.value("key"); got != "" {
				t.Errorf("it created %q", got)
			}
		})
	}
}

// A key that is taken and given back for years has a fence of one size, but for what has to
// stay for a time.
func TestFenceDoesNotGrow(t *testing.T) {
	t.Parallel()
	const head, mark, staying = 3, 8, 18
	b := start(t)
	cycle := func() {
		grant := b.hold("key")
		want(t, "delete", b.Delete(t.Context(), "key", store.ByToken(grant.Token)), nil)
	}
	for range 40 {
		cycle()
		want(t, "delete", b.Delete(t.Context(), "key", store.ByNonce(store.NewNonce())), nil)
	}
	if got, want := len(b.field("key", "ended")), head+8*mark+40*staying; got != want {
		t.Errorf("the fence has %d bytes of ended nonces, want %d", got, want)
	}
	b.pass("key")
	for range 20 {
		cycle()
	}
	if got, want := len(b.field("key", "ended")), head+8*mark; got != want {
		t.Errorf("later it has %d, want %d", got, want)
	}
}

// pass lets the time be over for which settled creates of a key have to be known.
func (b *bench) pass(key string) {
	b.Helper()
	ended := []byte(b.field(key, "ended"))
	staying, err := strconv.Atoi(string(ended[:3]))
	if err != nil {
		b.Fatal(err)
	}
	for i := range staying {
		copy(ended[3+18*i+8:], "0000000001")
	}
	b.setField(key, "ended", string(ended))
}

// A create that was settled is refused however many leases of its key have ended since, for
// as long as it can be under way.
func TestSettledCreateDoesNotComeBack(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		before func(*bench, store.Claim)
	}{
		{"it never came", func(*bench, store.Claim) {}},
		{"it came", func(b *bench, c store.Claim) { b.create(c) }},
		{"it came and expired", func(b *bench, c store.Claim) { b.create(c); b.do("DEL", c.Key) }},
		{"it came and was deleted by its token", func(b *bench, c store.Claim) {
			want(b, "delete", b.Delete(b.Context(), c.Key, store.ByToken(b.create(c).Token)), nil)
		}},
		{"it came, was deleted by its token, and others came", func(b *bench, c store.Claim) {
			want(b, "delete", b.Delete(b.Context(), c.Key, store.ByToken(b.create(c).Token)), nil)
			want(b, "delete", b.Delete(b.Context(), c.Key, store.ByToken(b.hold(c.Key).Token)), nil)
		}},
	}
	for i := range 2 * len(cases) {
		c := cases[i/2]
		deletes := 1 + i%2
		t.Run(fmt.Sprintf("%s, %d deletes", c.name, deletes), func(t *testing.T) {
			t.Parallel()
			b := start(t)
			late := claim("key")
			c.before(b, late)
			for range deletes { // the second changes nothing
				want(t, "delete by nonce", b.Delete(t.Context(), "key", store.ByNonce(late.Nonce)), nil)
			}
			cycles := func(n int) {
				for range n {
					want(t, "delete", b.Delete(t.Context(), "key", store.ByToken(b.hold("key").Token)), nil)
				}
			}
			cycles(40)
			_, err := b.Create(t.Context(), late)
			want(t, "the create", err, store.ErrEnded)
			b.pass("key")
			cycles(20)
			_, err = b.Create(t.Context(), late)
			want(t, "the create when its time is over", err, nil)
		})
	}
}

// There is room for so many creates to settle at a time, and then a delete says so.
func TestTooManySettledCreates(t *testing.T) {
	t.Parallel()
	b := start(t)
	var err error
	settled := 0
	for ; err == nil && settled < 2000; settled++ {
		err = b.Delete(t.Context(), "key", store.ByNonce(store.NewNonce()))
	}
	want(t, "delete", err, store.ErrUnavailable)
	if want := 901; errors.Is(err, store.ErrInDoubt) || settled != want || !strings.Contains(err.Error(), "too many creates") {
		t.Errorf("delete %d: %v", settled, err)
	}
	for range 5 { // the key can be had and given back by its nonce all the same
		c := claim("key")
		b.create(c)
		want(t, "delete of a lease by its nonce", b.Delete(t.Context(), "key", store.ByNonce(c.Nonce)), nil)
	}
	b.hold("key") // which ends none
	b.pass("key")
	want(t, "delete later", b.Delete(t.Context(), "key", store.ByNonce(store.NewNonce())), nil)
}

// A create that is under way while its nonce is deleted may arrive afterwards.
func TestCreateThatComesAfterItsDelete(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]func(*bench){
		"on a key that never was": func(*bench) {},
		"while another holds it": func(b *bench) {
			other := claim("key")
			other.TTL = 3 * time.Second
			b.create(other)
		},
		"while a foreign value is there": func(b *bench) { b.do("SET", "key", "theirs", "PX", 3000) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t)
			before(b)
			was := b.value("key")
			late := claim("key")
			want(t, "delete", b.Delete(t.Context(), "key", store.ByNonce(late.Nonce)), nil)
			if got := b.value("key"); got != was {
				t.Fatalf("delete by an unknown nonce turned %q into %q", was, got)
			}
			eventually(t, "expiry", func() bool { return b.value("key") == "" })
			_, err := b.Create(t.Context(), late)
			want(t, "the create", err, store.ErrEnded)
			b.hold("key") // any other may
		})
	}
}

func TestCreateRaceHasOneWinner(t *testing.T) {
	t.Parallel()
	b := start(t)
	other := open(t, b.server.Client())
	for range 20 {
		var wins atomic.Int32
		var token atomic.Uint64
		var racers sync.WaitGroup
		for i := range 32 {
			st := []*redisstore.Store{b.Store, other}[i%2]
			racers.Go(func() {
				grant, err := st.Create(t.Context(), claim("key"))
				if err == nil {
					wins.Add(1)
					token.Store(uint64(grant.Token))
				} else if !errors.Is(err, store.ErrHeld) {
					t.Errorf("loser: %v", err)
				}
			})
		}
		racers.Wait()
		if wins.Load() != 1 {
			t.Fatalf("%d creates succeeded", wins.Load())
		}
		want(t, "delete", b.Delete(t.Context(), "key", store.ByToken(store.Token(token.Load()))), nil)
	}
}
