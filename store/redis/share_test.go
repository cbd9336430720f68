package redisstore_test

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/store"
)

// A server refuses a whole command if the user lacks a right to one of its keys. The calls
// that shared it are then sent one by one, and only that one is refused.
func TestOneCallOfARequestIsRefused(t *testing.T) {
	t.Parallel()
	b := start(t)
	args := []any{"ACL", "SETUSER", "some", "reset", "on", ">secret", "~app:*", "~leasehold:*", "&leasehold:*", "+@all"}
	b.do(args...)
	client := redis.NewClient(&redis.Options{Addr: b.server.Addr(), Username: "some", Password: "secret"})
	t.Cleanup(func() { client.Close() })
	all, some := b.Store, open(t, client)
	var renewals []store.Renewal
	var deletions []store.Deletion
	const denied = 5
	for i := range 40 {
		key := fmt.Sprintf("app:%d", i)
		if i == denied {
			key = "other"
		}
		grant, err := all.Create(t.Context(), claim(key))
		if err != nil {
			t.Fatal(err)
		}
		renewals = append(renewals, store.Renewal{Key: key, Token: grant.Token})
		deletions = append(deletions, store.Deletion{Key: key, Ref: store.ByToken(grant.Token)})
	}
	check := func(what string, i int, err error) {
		t.Helper()
		if i == denied {
			if want(t, what, err, store.ErrUnavailable); errors.Is(err, store.ErrInDoubt) {
				t.Errorf("%s: %v", what, err)
			}
		} else {
			want(t, what, err, nil)
		}
	}
	for i, answer := range some.Renew(t.Context(), renewals) {
		check("renew", i, answer.Err)
	}
	for i, err := range some.DeleteBatch(t.Context(), deletions) {
		check("delete", i, err)
	}
	for i, d := range deletions {
		if _, err := all.Get(t.Context(), d.Key); (err == nil) != (i == denied) {
			t.Errorf("get %q after the deletes: %v", d.Key, err)
		}
	}
}

// Calls of many callers share commands, and each caller has the answer to its own: those
// whose key is held, foreign, or of another lease too.
func TestCallersThatShareRequests(t *testing.T) {
	t.Parallel()
	b := start(t)
	held := b.hold("held").Token
	b.do("SET", "foreign", "theirs")
	var callers sync.WaitGroup
	for i := range 64 {
		callers.Go(func() {
			key := "key:" + strconv.Itoa(i)
			var last store.Token
			for n := range 20 {
				grant, err := b.Create(t.Context(), claim(key))
				if err != nil || grant.Token <= last {
					t.Errorf("create %q: token %d after %d, %v", key, grant.Token, last, err)
				}
				last = grant.Token
				value := []byte(key + strconv.Itoa(n))
				want(t, "update", b.Update(t.Context(), store.Update{Key: key, Token: grant.Token, Seq: 1, Value: value}), nil)
				want(t, "renew", b.renew(store.Renewal{Key: key, Token: grant.Token, Seq: 2, Value: append(value, '+')}).Err, nil)
				want(t, "update of another lease", b.Update(t.Context(), store.Update{Key: "held", Token: held - 1, Seq: 1, Value: value}), store.ErrLost)
				_, err = b.Create(t.Context(), claim("held"))
				want(t, "create of a held key", err, store.ErrHeld)
				_, err = b.Create(t.Context(), claim("foreign"))
				want(t, "create of a foreign key", err, store.ErrForeign)
				if r, err := b.Get(t.Context(), key); err != nil || string(r.Value) != string(value)+"+" || r.Token != grant.Token {
					t.Errorf("get %q: %+v, %v", key, r, err)
				}
				want(t, "delete", b.Delete(t.Context(), key, store.ByToken(grant.Token)), nil)
			}
		})
	}
	callers.Wait()
	if r, err := b.Get(t.Context(), "held"); err != nil || r.Token != held || string(r.Value) != "first" {
		t.Errorf("the held record: %+v, %v", r, err)
	}
	if got := b.value("foreign"); got != "theirs" {
		t.Errorf("their value is %q", got)
	}
}

// Renewals that share a command each have the expiry of their own key judged: without one the value
// is another program's, and any other is set to the ttl again.
func TestExpiriesOfOneRequestAreJudgedOneByOne(t *testing.T) {
	t.Parallel()
	b := start(t)
	change := map[string]func(key string){
		"none":    func(key string) { b.do("PERSIST", key) },
		"later":   func(key string) { b.do("PEXPIRE", key, 10*ttl.Milliseconds()) },
		"earlier": func(key string) { b.do("PEXPIRE", key, ttl.Milliseconds()/2) },
		"gone":    func(key string) { b.do("DEL", key) },
		"ours":    func(string) {},
	}
	var batch []store.Renewal
	for name, change := range change {
		key := "key:" + name
		batch = append(batch, store.Renewal{Key: key, Token: b.create(claim(key)).Token})
		change(key)
	}
	for i, answer := range b.Renew(t.Context(), batch) {
		key := batch[i].Key
		left := b.plain.PTTL(t.Context(), key).Val()
		switch key {
		case "key:none":
			want(t, key, answer.Err, store.ErrForeign)
			if left != -1 {
				t.Errorf("%s: it was given an expiry in %v", key, left)
			}
		case "key:gone":
			want(t, key, answer.Err, store.ErrLost)
		default:
			want(t, key, answer.Err, nil)
			if left > ttl+10*time.Millisecond || left < ttl-10*time.Second {
				t.Errorf("%s: it expires in %v, want %v", key, left, ttl)
			}
		}
	}
}
