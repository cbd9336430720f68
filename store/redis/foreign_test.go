package redisstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// foreign is how another program gets hold of a key. Each runs with ours under the
// key, unless free is set.
var foreign = map[string]struct {
	put    func(*bench)
	free   bool
	left   time.Duration // store.Forever for none, 0 for whatever ours has
	opaque bool          // no string
}{
	"SET on a free key":        {func(b *bench) { b.do("SET", "key", "theirs") }, true, store.Forever, false},
	"SET NX EX on a free key":  {func(b *bench) { b.do("SET", "key", "theirs", "NX", "EX", 30) }, true, 30 * time.Second, false},
	"SET EX of a millennium":   {func(b *bench) { b.do("SET", "key", "theirs", "EX", 1000*365*24*60*60) }, true, store.Forever, false},
	"SET over ours":            {func(b *bench) { b.do("SET", "key", "theirs") }, false, store.Forever, false},
	"SET EX over ours":         {func(b *bench) { b.do("SET", "key", "theirs", "EX", 30) }, false, 30 * time.Second, false},
	"SET XX EX over ours":      {func(b *bench) { b.do("SET", "key", "theirs", "XX", "EX", 30) }, false, 30 * time.Second, false},
	"SET EX of our own ttl":    {func(b *bench) { b.do("SET", "key", "theirs", "PX", ttl.Milliseconds()) }, false, ttl, false},
	"SET KEEPTTL over ours":    {func(b *bench) { b.do("SET", "key", "theirs", "KEEPTTL") }, false, 0, false},
	"APPEND to ours":           {func(b *bench) { b.do("APPEND", "key", "!") }, false, 0, false},
	"our value with no expiry": {func(b *bench) { b.do("SET", "key", "first") }, false, store.Forever, false},
	"PERSIST of ours":          {func(b *bench) { b.do("PERSIST", "key") }, false, store.Forever, false},
	"a list":                   {func(b *bench) { b.do("DEL", "key"); b.do("RPUSH", "key", "a", "b") }, false, store.Forever, true},
	"a hash":                   {func(b *bench) { b.do("DEL", "key"); b.do("HSET", "key", "a", "b") }, true, store.Forever, true},
	"a list with ttl":          {func(b *bench) { b.do("RPUSH", "key", "a"); b.do("EXPIRE", "key", 30) }, true, 30 * time.Second, true},
}

// A renew reads no more of a value than it may compare. What another program's value has behind that
// makes it foreign all the same.
func TestLongerForeignValueThatBeginsLikeOurs(t *testing.T) {
	t.Parallel()
	b := start(t)
	for _, size := range []int{1, 8, 4095, 4096, 4097, 5000} {
		ours := claim(fmt.Sprint("key", size))
		ours.Value = bytes.Repeat([]byte("x"), size)
		w := store.Renewal{Key: ours.Key, Token: b.create(ours).Token}
		want(t, "renew", b.renew(w).Err, nil)
		b.do("APPEND", ours.Key, "x")
		want(t, fmt.Sprintf("renew of %d bytes and one more", size), b.renew(w).Err, store.ErrForeign)
		want(t, "delete", b.Delete(t.Context(), ours.Key, store.ByToken(w.Token)), nil)
		if n := b.do("STRLEN", ours.Key); n != int64(size+1) {
			t.Errorf("%d bytes and one more are %v bytes after a delete", size, n)
		}
	}
}

func TestForeignValuesAreRefusedAndLeftAlone(t *testing.T) {
	t.Parallel()
	for name, c := range foreign {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t)
			mine := claim("key")
			token := store.Token(1)
			if !c.free {
				token = b.create(mine).Token
			}
			c.put(b)
			dump, expiry := b.do("DUMP", "key"), b.plain.PExpireTime(t.Context(), "key").Val()

			w := store.Renewal{Key: "key", Token: token, Seq: 3, Value: []byte("ours")}
			checkForeign(b, "update", b.Update(t.Context(), store.Update(w)), c.left, c.opaque)
			checkForeign(b, "renew", b.renew(w).Err, c.left, c.opaque)
			w.Value = nil
			checkForeign(b, "renew without a value", b.renew(w).Err, c.left, c.opaque)
			_, err := b.Create(t.Context(), claim("key"))
			checkForeign(b, "create", err, c.left, c.opaque)
			_, err = b.Create(t.Context(), mine)
			checkForeign(b, "the same create", err, c.left, c.opaque)
			want(t, "delete by token", b.Delete(t.Context(), "key", store.ByToken(token)), nil)
			want(t, "delete by nonce", b.Delete(t.Context(), "key", store.ByNonce(mine.Nonce)), nil)

			if got := b.do("DUMP", "key"); got != dump {
				t.Errorf("what lies there changed")
			}
			if got := b.plain.PExpireTime(t.Context(), "key").Val(); got != expiry {
				t.Errorf("expiry %v became %v", expiry, got)
			}
			r, err := b.Get(t.Context(), "key")
			if err != nil || !r.Foreign() || (r.Value == nil) != c.opaque {
				t.Errorf("get: %+v, %v", r, err)
			}
			if listed, ok := b.list("")["key"]; !ok || !listed.Foreign() { // known from the refused create, at the latest
				t.Errorf("list: %+v, %v", listed, ok)
			}
		})
	}
}

func checkForeign(t testing.TB, verb string, err error, left time.Duration, opaque bool) {
	t.Helper()
	var f *store.ForeignError
	if !errors.As(err, &f) {
		t.Errorf("%s: got %v, want a *store.ForeignError", verb, err)
		return
	}
	r := f.Record
	if r.Key != "key" || r.Token != 0 || (r.Value == nil) != opaque {
		t.Errorf("%s: foreign %+v", verb, r)
	}
	if left == 0 {
		left = ttl
	}
	const rounding = time.Millisecond
	if r.Left-rounding > left || r.Left <= left-10*time.Second {
		t.Errorf("%s: %v left, want %v", verb, r.Left, left)
	}
}

// Another expiry of a live lease's own value is no other program's value: the lease goes on,
// and its next renew restores both times to live.
func TestAnotherExpiryEndsNoLease(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*bench, string){
		"SET EX of the same bytes": func(b *bench, value string) { b.do("SET", "key", value, "EX", 30) },
		"EXPIRE to less":           func(b *bench, _ string) { b.do("EXPIRE", "key", 30) },
		"EXPIRE to more":           func(b *bench, _ string) { b.do("EXPIRE", "key", 600) },
		"EXPIRE of the fence":      func(b *bench, _ string) { b.do("EXPIRE", b.fence("key"), 10*24*60*60) },
	} {
		for _, size := range []int{10, store.MaxValue} {
			t.Run(fmt.Sprintf("%s, %d bytes", name, size), func(t *testing.T) {
				t.Parallel()
				b := start(t)
				mine := claim("key")
				mine.Value = bytes.Repeat([]byte("v"), size)
				grant := b.create(mine)
				change(b, string(mine.Value))

				r, err := b.Get(t.Context(), "key")
				if err != nil || r.Token != grant.Token || r.Left <= 0 || r.Left > ttl {
					t.Errorf("get: token %d with %v left, %v; want token %d", r.Token, r.Left, err, grant.Token)
				}
				_, err = b.Create(t.Context(), claim("key"))
				want(t, "create of another", err, store.ErrHeld)
				_, err = b.Create(t.Context(), mine)
				want(t, "the same create", err, nil)
				b.wantTimes("the same create")
				change(b, string(mine.Value))
				want(t, "renew", b.renew(store.Renewal{Key: "key", Token: grant.Token}).Err, nil)
				b.wantTimes("renew")
				change(b, string(mine.Value))
				want(t, "renew with a value", b.renew(store.Renewal{Key: "key", Token: grant.Token, Seq: 1, Value: mine.Value}).Err, nil)
				b.wantTimes("renew with a value")
				change(b, string(mine.Value))
				want(t, "update", b.Update(t.Context(), store.Update{Key: "key", Token: grant.Token, Seq: 2, Value: []byte("second")}), nil)
				change(b, "second")
				want(t, "delete", b.Delete(t.Context(), "key", store.ByToken(grant.Token)), nil)
				if got := b.value("key"); got != "" {
					t.Errorf("delete left %.20q", got)
				}
			})
		}
	}
}

// A value of another length or content is foreign also if its expiry is another.
func TestAnotherExpiryIsNoProofOfOurs(t *testing.T) {
	t.Parallel()
	b := start(t)
	mine := claim("key")
	mine.Value = bytes.Repeat([]byte("v"), 1<<16)
	token := b.create(mine).Token
	b.do("SET", "key", strings.Repeat("x", 1<<16), "EX", 30)
	want(t, "renew", b.renew(store.Renewal{Key: "key", Token: token}).Err, store.ErrForeign)
}

// wantTimes fails unless key and fence have the times to live that a renew gives them.
func (b *bench) wantTimes(after string) {
	b.Helper()
	key, fence := b.plain.PTTL(b.Context(), "key").Val(), b.plain.PTTL(b.Context(), b.fence("key")).Val()
	if most := ttl + time.Millisecond; key > most || key <= most-20*time.Second {
		b.Errorf("after %s the key has %v left, want %v", after, key, ttl)
	}
	if most := 24*time.Hour + 3*ttl + time.Millisecond; fence > most || fence <= most-20*time.Second {
		b.Errorf("after %s the fence has %v left, want %v", after, fence, most)
	}
}

// A program puts our last value back just after it expired, so that the expiry is
// within a second of the old deadline. Only the deadline tells.
func TestForeignCopyAfterOurExpiry(t *testing.T) {
	t.Parallel()
	b := start(t)
	var err error
	eventually(t, "theirs lives until ours was refused", func() bool {
		c := claim("key")
		c.TTL = 100 * time.Millisecond
		token := b.create(c).Token
		eventually(t, "expiry", func() bool { return b.value("key") == "" })
		time.Sleep(5 * time.Millisecond)
		b.do("SET", "key", "first", "NX", "PX", 600)
		err = b.renew(store.Renewal{Key: "key", Token: token}).Err
		return !errors.Is(err, store.ErrLost) || b.value("key") != ""
	})
	checkForeign(t, "renew", err, 600*time.Millisecond, false)
}

// In the last second before the deadline no expiry looks like one that is near it.
func TestOursWithoutItsExpiryIsForeignToTheEnd(t *testing.T) {
	t.Parallel()
	b := start(t)
	var token store.Token
	eventually(t, "it is done before the record expires", func() bool {
		c := claim("key")
		c.TTL = 800 * time.Millisecond
		token = b.create(c).Token
		return b.do("PERSIST", "key") == int64(1)
	})
	checkForeign(t, "renew", b.renew(store.Renewal{Key: "key", Token: token}).Err, store.Forever, false)
}

// The same after a release, while the deadline would still lie ahead.
func TestForeignCopyAfterOurRelease(t *testing.T) {
	t.Parallel()
	b := start(t)
	token := b.hold("key").Token
	expiry := b.plain.PExpireTime(t.Context(), "key").Val().Milliseconds()
	want(t, "delete", b.Delete(t.Context(), "key", store.ByToken(token)), nil)
	b.do("SET", "key", "first", "PXAT", expiry)
	checkForeign(t, "renew", b.renew(store.Renewal{Key: "key", Token: token}).Err, ttl, false)
	want(t, "delete", b.Delete(t.Context(), "key", store.ByToken(token)), nil)
	if got := b.value("key"); got != "first" {
		t.Errorf("value %q", got)
	}
}

// A lost fence is a lost term, never a second holder.
func TestLostFence(t *testing.T) {
	t.Parallel()
	b := start(t)
	token := b.hold("key").Token
	b.do("DEL", b.fence("key"))
	_, err := b.Create(t.Context(), claim("key"))
	want(t, "create", err, store.ErrForeign)
	want(t, "renew", b.renew(store.Renewal{Key: "key", Token: token}).Err, store.ErrForeign)
}
