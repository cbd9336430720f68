package redisstore_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leasehold-go/leasehold/store"
)

func TestUpdateLeavesTheExpiryToTheMillisecond(t *testing.T) {
	t.Parallel()
	b := start(t)
	grant := b.hold("key")
	was := b.plain.PExpireTime(t.Context(), "key").Val()
	for seq := range uint64(1000) { // enough to come upon the turn of a millisecond
		if err := b.Update(t.Context(), store.Update{Key: "key", Token: grant.Token, Seq: seq + 1, Value: []byte("newer")}); err != nil {
			t.Fatal(err)
		}
		if is := b.plain.PExpireTime(t.Context(), "key").Val(); is != was {
			t.Fatalf("expiry %d became %d", was.Milliseconds(), is.Milliseconds())
		}
	}
	if got := b.value("key"); got != "newer" {
		t.Errorf("value %q", got)
	}
}

// drift is more than an expiry may differ from the deadline in the fence.
const drift = 1100 * time.Millisecond

func TestRenewRestartsTheTTL(t *testing.T) {
	t.Parallel()
	for name, w := range map[string]store.Renewal{
		"without a value": {},
		"with a value":    {Seq: 1, Value: []byte("second")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t)
			w.Key, w.Token = "key", b.hold("key").Token
			was := b.plain.PExpireTime(t.Context(), "key").Val()
			time.Sleep(drift)
			before := time.Now()
			answer := b.renew(w)
			if answer.Err != nil {
				t.Fatal(answer.Err)
			}
			if answer.Until.Before(before.Add(ttl)) || answer.Until.After(time.Now().Add(ttl)) {
				t.Errorf("until %v is not the ttl after the call was sent", answer.Until)
			}
			is := b.plain.PExpireTime(t.Context(), "key").Val()
			if is < was+drift {
				t.Errorf("expiry %v became %v", was, is)
			}
			want(t, "the next renew", b.renew(w).Err, nil)
			if time.UnixMilli(is.Milliseconds()).Before(answer.Until) {
				t.Errorf("the server drops it before until")
			}
			if want := "first"; w.Value == nil && b.value("key") != want {
				t.Errorf("value %q, want %q", b.value("key"), want)
			}
			if w.Value != nil && b.value("key") != string(w.Value) {
				t.Errorf("value %q, want %q", b.value("key"), w.Value)
			}
		})
	}
}

// The fence has to outlive every message of the term that may be under way.
func TestFenceOutlivesTheTerm(t *testing.T) {
	t.Parallel()
	for _, ttl := range []time.Duration{time.Minute, 72 * time.Hour} {
		b := start(t)
		c := claim("key")
		c.TTL = ttl
		grant := b.create(c)
		check := func(when string) {
			if left := b.plain.PTTL(t.Context(), b.fence("key")).Val(); left < 24*time.Hour+2*ttl-time.Minute {
				t.Errorf("ttl %v, %s: the fence has %v left", ttl, when, left)
			}
		}
		check("after create")
		b.age("key", 5*time.Second)
		if answer := b.renew(store.Renewal{Key: "key", Token: grant.Token}); answer.Err != nil {
			t.Fatal(answer.Err)
		}
		check("after renew")
		b.age("key", 5*time.Second)
		b.create(c)
		check("after the same create")
	}
}

func TestDeleteByUnknownNonceExtendsTheFence(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.do("SET", "key", "theirs")
	want(t, "delete", b.Delete(t.Context(), "key", store.ByNonce(store.NewNonce())), nil)
	if left := b.plain.PTTL(t.Context(), b.fence("key")).Val(); left < 24*time.Hour-time.Minute {
		t.Errorf("the fence has %v left", left)
	}
	b.hold("other")
	was := b.plain.PTTL(t.Context(), b.fence("other")).Val()
	want(t, "delete", b.Delete(t.Context(), "other", store.ByNonce(store.NewNonce())), nil)
	if is := b.plain.PTTL(t.Context(), b.fence("other")).Val(); is < was-time.Minute {
		t.Errorf("a holder's fence had %v left and has %v", was, is)
	}
}

func TestOlderWritesAreStale(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		last, late uint64
	}{
		{2, 1},
		{10, 9},
		{1<<63 + 1, 1 << 63}, // apart by less than a Lua number can tell
		{1 << 53, 1<<53 - 1},
	} {
		b := start(t)
		token := b.hold("key").Token
		newest := store.Renewal{Key: "key", Token: token, Seq: c.last, Value: []byte("newest")}
		late := store.Renewal{Key: "key", Token: token, Seq: c.late, Value: []byte("late")}
		want(t, "update", b.Update(t.Context(), store.Update(newest)), nil)
		was := b.plain.PExpireTime(t.Context(), "key").Val()
		time.Sleep(2 * time.Millisecond)

		want(t, "late update", b.Update(t.Context(), store.Update(late)), store.ErrStale)
		want(t, "late renew", b.renew(late).Err, store.ErrStale)
		if got := b.value("key"); got != "newest" {
			t.Errorf("seq %d after %d: value %q", c.late, c.last, got)
		}
		if is := b.plain.PExpireTime(t.Context(), "key").Val(); is != was {
			t.Errorf("a stale renew moved the expiry")
		}
		want(t, "the same update", b.Update(t.Context(), store.Update(newest)), nil)
		want(t, "the same renew", b.renew(newest).Err, nil)
		want(t, "renew without a value", b.renew(store.Renewal{Key: "key", Token: token}).Err, nil)
		if got := b.value("key"); got != "newest" {
			t.Errorf("value %q", got)
		}
	}
}

func TestSequenceStartsAgainWithATerm(t *testing.T) {
	t.Parallel()
	b := start(t)
	first := b.hold("key").Token
	want(t, "update", b.Update(t.Context(), store.Update{Key: "key", Token: first, Seq: 7, Value: []byte("x")}), nil)
	want(t, "delete", b.Delete(t.Context(), "key", store.ByToken(first)), nil)
	second := b.hold("key").Token
	want(t, "update", b.Update(t.Context(), store.Update{Key: "key", Token: second, Seq: 1, Value: []byte("y")}), nil)
}

// A write of a term that has no record may not make one, and one of a term that
// another succeeded may not touch the other's.
func TestWritesOfALostTerm(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*bench){
		"deleted": func(b *bench) { b.do("DEL", "key") },
		"released": func(b *bench) {
			r, _ := b.Get(b.Context(), "key")
			want(b, "delete", b.Delete(b.Context(), "key", store.ByToken(r.Token)), nil)
		},
		"expired":   func(b *bench) { b.do("PEXPIRE", "key", 0) },
		"succeeded": func(b *bench) { b.do("DEL", "key"); b.hold("key") },
		"flushed":   func(b *bench) { b.do("FLUSHALL") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t)
			token := b.hold("key").Token
			lose(b)
			was, expiry := b.value("key"), b.plain.PExpireTime(t.Context(), "key").Val()

			w := store.Renewal{Key: "key", Token: token, Seq: 9, Value: []byte("late")}
			want(t, "update", b.Update(t.Context(), store.Update(w)), store.ErrLost)
			want(t, "renew", b.renew(w).Err, store.ErrLost)
			w.Value = nil
			want(t, "renew without a value", b.renew(w).Err, store.ErrLost)
			want(t, "delete", b.Delete(t.Context(), "key", store.ByToken(token)), nil)
			if got := b.value("key"); got != was {
				t.Errorf("value %q became %q", was, got)
			}
			if got := b.plain.PExpireTime(t.Context(), "key").Val(); got != expiry {
				t.Errorf("expiry %v became %v", expiry, got)
			}
		})
	}
}

func TestRenewBatchAnswersEachItem(t *testing.T) {
	t.Parallel()
	b := start(t)
	good, valued, lost, foreign := b.hold("good"), b.hold("valued"), b.hold("lost"), b.hold("foreign")
	b.do("DEL", "lost")
	b.do("SET", "foreign", "theirs")
	want(t, "update", b.Update(t.Context(), store.Update{Key: "valued", Token: valued.Token, Seq: 5, Value: []byte("five")}), nil)

	answers := b.Renew(t.Context(), []store.Renewal{
		{Key: "good", Token: good.Token},
		{Key: "", Token: 1},
		{Key: "lost", Token: lost.Token},
		{Key: "valued", Token: valued.Token, Seq: 4, Value: []byte("four")},
		{Key: "foreign", Token: foreign.Token},
		{Key: "valued", Token: valued.Token, Seq: 6, Value: []byte("six")},
		{Key: "good", Token: good.Token + 1},
	})
	for i, condition := range []error{nil, store.ErrInvalid, store.ErrLost, store.ErrStale, store.ErrForeign, nil, store.ErrLost} {
		want(t, "item", answers[i].Err, condition)
		if (answers[i].Err == nil) == answers[i].Until.IsZero() {
			t.Errorf("item %d: until %v with error %v", i, answers[i].Until, answers[i].Err)
		}
	}
	if len(answers) != 7 {
		t.Errorf("%d answers", len(answers))
	}
	if got := b.value("valued"); got != "six" {
		t.Errorf("value %q", got)
	}
	if answers := b.Renew(t.Context(), nil); len(answers) != 0 {
		t.Errorf("an empty batch has %d answers", len(answers))
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	b := start(t)
	c := claim("by nonce")
	b.create(c)
	for range 2 {
		want(t, "delete by nonce", b.Delete(t.Context(), c.Key, store.ByNonce(c.Nonce)), nil)
	}
	grant := b.hold("by token")
	for range 2 {
		want(t, "delete by token", b.Delete(t.Context(), "by token", store.ByToken(grant.Token)), nil)
	}
	eventually(t, "no record or entry is left", func() bool {
		return b.do("EXISTS", "by nonce", "by token", "leasehold:index") == int64(0)
	})
	other := b.hold("by token")
	want(t, "delete of the earlier term", b.Delete(t.Context(), "by token", store.ByToken(grant.Token)), nil)
	want(t, "delete by a stranger's nonce", b.Delete(t.Context(), "by token", store.ByNonce(store.NewNonce())), nil)
	if r, err := b.Get(t.Context(), "by token"); err != nil || r.Token != other.Token {
		t.Errorf("the other's record: %+v, %v", r, err)
	}
}

// It is ours to the end and then gone: never foreign in its last moment.
func TestRecordGoesByItself(t *testing.T) {
	t.Parallel()
	b := start(t)
	for range 5 {
		c := claim("key")
		c.TTL = 100*time.Millisecond + 1 // no whole milliseconds: rounded up
		grant := b.create(c)
		var r store.Record
		var err error
		for r, err = b.Get(t.Context(), "key"); err == nil; r, err = b.Get(t.Context(), "key") {
			if r.Foreign() {
				t.Fatalf("foreign with %v left, %v after until", r.Left, time.Since(grant.Until))
			}
		}
		want(t, "get", err, store.ErrNotFound)
		if late := time.Since(grant.Until); late < 0 || late > prompt {
			t.Errorf("gone %v after until", late)
		}
	}
}

// What comes behind it in the batch keeps the answer to the first waiting.
func TestUntilOfARenewIsNotAfterTheExpiry(t *testing.T) {
	t.Parallel()
	b := start(t)
	batch := []store.Renewal{{Key: "first", Token: b.hold("first").Token}}
	other := store.Renewal{Key: "other", Token: b.hold("other").Token}
	for range 2000 {
		batch = append(batch, other)
	}
	answer := b.Renew(t.Context(), batch)[0]
	expiry := time.UnixMilli(b.plain.PExpireTime(t.Context(), "first").Val().Milliseconds())
	if answer.Err != nil || answer.Until.After(expiry) {
		t.Errorf("until %v, %v, the key expires at %v", answer.Until, answer.Err, expiry)
	}
}

// A heartbeat of a status that has not changed wakes no watcher.
func TestRenewPublishesAValueThatIsNew(t *testing.T) {
	t.Parallel()
	b := start(t)
	r := store.Renewal{Key: "key", Token: b.hold("key").Token}
	heard := b.plain.PSubscribe(t.Context(), store.Reserved+"*:k:key")
	defer heard.Close()
	if _, err := heard.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, value := range []string{"first", "", "second", "second", "third"} {
		r.Seq, r.Value = uint64(i+1), []byte(value)
		want(t, "renew", b.renew(r).Err, nil)
		if got := b.value("key"); value != "" && got != value {
			t.Errorf("value %q, want %q", got, value)
		}
	}
	want(t, "renew with an older number", b.renew(store.Renewal{Key: "key", Token: r.Token, Seq: 4, Value: []byte("third")}).Err, store.ErrStale)
	b.do("PUBLISH", "leasehold:0:k:key", "the end")
	var got []string
	for len(got) == 0 || got[len(got)-1] != "the end" {
		m, err := heard.ReceiveMessage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m.Payload)
	}
	if diff := cmp.Diff([]string{"+", "+", "the end"}, got); diff != "" {
		t.Errorf("messages of the key, -want +got:\n%s", diff)
	}
}
