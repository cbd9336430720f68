package redisstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/store"
)

// hostile are keys that some program takes apart.
var hostile = []string{
	"a}b", "{}x", "a{}b", "{x}y", "{", "}", "{{a}}", "a{b}c{d}", "}{", "{a", "é{ü}",
	"a b", " ", "line\nbreak", "\r\n", "tab\t", "\x00", "quote\"'", `back\slash`,
	"*", "?", "[a-z]", "a*", "[", "(", "(a", "[a", "-", "+", "/", "a/b//c", ":", "exchange:1:status",
	"日本語", "🔑", "\u007f", strings.Repeat("k", store.MaxKey), strings.Repeat("é", store.MaxKey/2),
}

func TestHostileKeys(t *testing.T) {
	t.Parallel()
	b := start(t)
	throughAllVerbs(b, hostile)
	for _, key := range hostile {
		b.hold(key)
	}
	for _, prefix := range hostile {
		for key := range b.list(prefix) {
			if !strings.HasPrefix(key, prefix) {
				t.Errorf("list %q yields %q", prefix, key)
			}
		}
		if _, ok := b.list(prefix)[prefix]; !ok {
			t.Errorf("list %q does not yield that key", prefix)
		}
	}
}

// throughAllVerbs has every verb do its work on keys at the same time.
func throughAllVerbs(b *bench, keys []string) {
	b.Helper()
	tokens := make(map[string]store.Token)
	for _, key := range keys {
		tokens[key] = b.hold(key).Token
	}
	if got := b.list(""); len(got) != len(keys) {
		b.Errorf("list yields %d of %d", len(got), len(keys))
	}
	var batch []store.Renewal
	for _, key := range keys {
		batch = append(batch, store.Renewal{Key: key, Token: tokens[key], Seq: 1, Value: []byte("renewed " + key)})
	}
	for i, answer := range b.Renew(b.Context(), batch) {
		want(b, fmt.Sprintf("renew %q", keys[i]), answer.Err, nil)
	}
	for _, key := range keys {
		r, err := b.Get(b.Context(), key)
		if err != nil || string(r.Value) != "renewed "+key || r.Token != tokens[key] {
			b.Errorf("get %q: %+v, %v", key, r, err)
		}
		want(b, "update", b.Update(b.Context(), store.Update{Key: key, Token: tokens[key], Seq: 2, Value: []byte(key)}), nil)
		if got := b.value(key); got != key {
			b.Errorf("value of %q: %q", key, got)
		}
		_, err = b.Create(b.Context(), claim(key))
		want(b, "create", err, store.ErrHeld)
		want(b, "delete", b.Delete(b.Context(), key, store.ByToken(tokens[key])), nil)
		_, err = b.Get(b.Context(), key)
		want(b, "get", err, store.ErrNotFound)
	}
	if got := b.list(""); len(got) != 0 {
		b.Errorf("list yields %d after all were deleted", len(got))
	}
}

func TestGetNotFound(t *testing.T) {
	t.Parallel()
	b := start(t)
	_, err := b.Get(t.Context(), "key")
	want(t, "get", err, store.ErrNotFound)
}

// Keys from a small alphabet, so that prefixes meet. No byte of a prefix has a
// meaning.
func TestListByLiteralPrefix(t *testing.T) {
	t.Parallel()
	b := start(t)
	word := rapid.StringOfN(rapid.SampledFrom([]rune("ab*?[({}-+\n é\x00\u07ff\uffff\U0010ffff")), 1, 4, -1)
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfNDistinct(word, 0, 12, rapid.ID[string]).Draw(t, "keys")
		prefix := rapid.OneOf(word, rapid.Just("")).Draw(t, "prefix")
		want := make(map[string]string)
		for _, key := range keys {
			c := claim(key)
			c.Value = []byte("of " + key)
			b.create(c)
			if strings.HasPrefix(key, prefix) {
				want[key] = "of " + key
			}
		}
		got := make(map[string]string)
		for key, r := range b.list(prefix) {
			got[key] = string(r.Value)
		}
		b.do("FLUSHALL")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("list %q of %q (-want +got):\n%s", prefix, keys, diff)
		}
	})
}

func TestListBeyondOnePage(t *testing.T) {
	t.Parallel()
	b := start(t)
	const records = 2345
	for i := range records {
		b.hold(fmt.Sprintf("key:%d", i))
	}
	b.hold("other")
	if got := b.list("key:"); len(got) != records {
		t.Errorf("%d records, want %d", len(got), records)
	}
}

// A call stops at a limit of bytes; nothing may be lost or doubled there.
func TestListOfLargeValues(t *testing.T) {
	t.Parallel()
	b := start(t)
	for i := range 30 {
		c := claim(fmt.Sprintf("key:%d", i))
		c.Value = bytes.Repeat([]byte{byte('a' + i)}, store.MaxValue/(i%3+1))
		b.create(c)
	}
	b.do("CONFIG", "RESETSTAT")
	got := b.list("")
	if stats := b.do("INFO", "commandstats").(string); strings.Contains(stats, "cmdstat_evalsha:calls=1,") {
		t.Error("30 MiB came in one piece")
	}
	for i := range 30 {
		r := got[fmt.Sprintf("key:%d", i)]
		if len(r.Value) != store.MaxValue/(i%3+1) || r.Value[0] != byte('a'+i) {
			t.Errorf("key:%d has %d bytes", i, len(r.Value))
		}
	}
}

func TestListDropsEntriesOfGoneRecords(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.hold("stays")
	b.hold("gone")
	b.hold("taken")
	b.do("DEL", "gone")
	b.do("SET", "taken", "theirs")
	if got := b.list(""); len(got) != 2 {
		t.Errorf("list yields %v", got)
	}
	entries, err := b.plain.ZRange(t.Context(), "leasehold:index", 0, -1).Result()
	if err != nil || cmp.Diff(entries, []string{"stays", "taken"}) != "" {
		t.Errorf("the index has %q, %v", entries, err)
	}
}

// Whatever happened to the index, the heartbeats of a ttl mend it.
func TestRenewMendsTheIndex(t *testing.T) {
	t.Parallel()
	b := start(t)
	c := claim("key")
	c.TTL = 5 * time.Second
	token := b.create(c).Token
	b.do("DEL", "leasehold:index")
	b.create(c)
	if len(b.list("")) != 1 {
		t.Error("the same create did not mend the index")
	}
	b.do("DEL", "leasehold:index")
	eventually(t, "renewals mend the index", func() bool {
		want(t, "renew", b.renew(store.Renewal{Key: "key", Token: token}).Err, nil)
		return len(b.list("")) == 1
	})
}

func TestListEndsWithItsContext(t *testing.T) {
	t.Parallel()
	b := start(t)
	for i := range 3000 {
		b.hold(fmt.Sprintf("key:%d", i))
	}
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	records, last := 0, error(nil)
	for _, err := range b.List(ctx, "") {
		if last != nil {
			t.Fatal("it goes on after an error")
		}
		if last = err; err == nil {
			records++
			cancel(stop)
		}
	}
	want(t, "the last element", last, store.ErrUnavailable)
	want(t, "the last element", last, stop)
	if records == 3000 {
		t.Error("it yielded all records in spite of its context")
	}
}

func TestListCanBeLeft(t *testing.T) {
	t.Parallel()
	b := start(t)
	for i := range 10 {
		b.hold(fmt.Sprintf("key:%d", i))
	}
	for range b.List(t.Context(), "") {
		break
	}
}

func TestLeftCountsDown(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.hold("key")
	time.Sleep(20 * time.Millisecond)
	r, err := b.Get(t.Context(), "key")
	if err != nil || r.Left > ttl-15*time.Millisecond || r.Left < ttl-10*time.Second {
		t.Errorf("%v left, %v", r.Left, err)
	}
}
