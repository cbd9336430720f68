package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/store"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

func request(id string, ttl time.Duration) store.Request {
	return store.Request{Key: "key", ID: id, Body: []byte("body"), TTL: ttl}
}

func answerTo(id string) store.Answer {
	return store.Answer{ID: id, Body: []byte("done"), TTL: ttl, Final: true}
}

// asked is the result of an Ask in a goroutine.
type asked struct {
	answer store.Answer
	err    error
}

func ask(ctx context.Context, st *redisstore.Store, q store.Request) <-chan asked {
	result := make(chan asked, 1)
	go func() {
		a, err := st.Ask(ctx, q)
		result <- asked{a, err}
	}()
	return result
}

func (b *bench) wantDone(what string, result <-chan asked) {
	b.Helper()
	select {
	case got := <-result:
		if got.err != nil || string(got.answer.Body) != "done" || !got.answer.Final {
			b.Errorf("%s: %+v, %v", what, got.answer, got.err)
		}
	case <-time.After(time.Minute):
		b.Fatalf("%s: no answer", what)
	}
}

// await reads the requests of a lease until it has so many, and returns their ids.
func (b *bench) await(token store.Token, n int) (ids []string) {
	b.Helper()
	return b.awaitOf("key", token, n)
}

func (b *bench) awaitOf(key string, token store.Token, n int) (ids []string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	for q, err := range b.Requests(ctx, key, token) {
		if err != nil {
			b.Fatalf("requests: %v after %d of %d", err, len(ids), n)
		}
		if ids = append(ids, q.ID); len(ids) == n {
			break
		}
	}
	return ids
}

// loseReply loses the reply to one command that do sends through the proxy.
func (p *proxy) loseReply(b *bench, do func()) {
	b.Helper()
	before := p.count.Load()
	p.lose.Store(true)
	do()
	eventually(b, "the reply is lost", func() bool { return p.count.Load() > before })
	p.lose.Store(false)
}

func TestARequestWhoseReplyIsLostIsQueuedOnce(t *testing.T) {
	t.Parallel()
	b := start(t)
	p := proxyTo(t, b.server.Addr(), "evalsha")
	sender := open(t, p.client(t))
	grant := b.hold("key")
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan string, 9)
	var reading sync.WaitGroup
	reading.Go(func() {
		for q, err := range b.Requests(ctx, "key", grant.Token) {
			if err == nil {
				got <- q.ID
			}
		}
	})
	defer reading.Wait()
	defer cancel()
	var result <-chan asked
	p.loseReply(b, func() { result = ask(t.Context(), sender, request("1", ttl)) })
	sent := p.count.Load()
	eventually(t, "the request is sent again", func() bool { return p.count.Load() > sent })
	second := ask(t.Context(), sender, request("2", ttl))
	for _, id := range []string{"1", "2"} {
		if read := <-got; read != id {
			t.Errorf("the holder got %q, want %q", read, id)
		}
		if err := b.Answer(t.Context(), "key", grant.Token, answerTo(id)); err != nil {
			t.Fatal(err)
		}
	}
	b.wantDone("after a lost reply", result)
	b.wantDone("the next request", second)
}

func TestAnAnswerWhoseReplyIsLostCanBeRepeated(t *testing.T) {
	t.Parallel()
	for name, send := range map[string]func(*redisstore.Store, store.Token) error{
		"answer": func(st *redisstore.Store, token store.Token) error {
			return st.Answer(t.Context(), "key", token, answerTo("1"))
		},
		"update": func(st *redisstore.Store, token store.Token) error {
			a := answerTo("1")
			return st.UpdateWith(t.Context(), store.Update{Key: "key", Token: token, Seq: 1, Value: []byte("second")}, store.Addition{Answer: &a})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t)
			p := proxyTo(t, b.server.Addr(), "evalsha")
			holder := open(t, p.client(t))
			grant := b.hold("key")
			result := ask(t.Context(), b.Store, request("1", ttl))
			b.await(grant.Token, 1)
			var err error
			p.loseReply(b, func() { err = send(holder, grant.Token) })
			want(t, "without a reply", err, store.ErrInDoubt)
			eventually(t, "the repeat succeeds", func() bool { return send(holder, grant.Token) == nil })
			b.wantDone("with a repeated "+name, result)
			if v := b.value("key"); name == "update" && v != "second" {
				t.Errorf("the value is %q", v)
			}
		})
	}
}

// What is not declared in KEYS, or lives without an expiry, would be left.
func TestRequestsAndAnswersLeaveNothing(t *testing.T) {
	t.Parallel()
	b := start(t)
	grant := b.hold("key")
	before := len(b.do("KEYS", "*").([]any))
	ctx, cancel := context.WithCancel(t.Context())
	left := ask(ctx, b.Store, request("of a sender that leaves", 3*time.Second))
	expires := ask(t.Context(), b.Store, request("expires", 3*time.Second))
	answered := ask(t.Context(), b.Store, request("answered", ttl))
	b.await(grant.Token, 3)
	cancel()
	want(t, "a sender that leaves", (<-left).err, store.ErrInDoubt)
	a := answerTo("answered")
	a.TTL = time.Second
	if err := b.Answer(t.Context(), "key", grant.Token, a); err != nil {
		t.Fatal(err)
	}
	b.wantDone("before all is gone", answered)
	want(t, "without an answer", (<-expires).err, store.ErrExpired)
	for _, name := range b.do("KEYS", "leasehold:*").([]any) {
		if b.do("PTTL", name).(int64) < 0 && name != "leasehold:index" {
			t.Errorf("%q has no expiry", name)
		}
	}
	// An answer stays until the deadline of its request, a minute here.
	for _, name := range b.do("KEYS", "leasehold:*}:a:*").([]any) {
		b.do("PEXPIRE", name, 1)
	}
	for _, name := range b.do("KEYS", "leasehold:*}:q:*").([]any) {
		b.do("PEXPIRE", name, b.do("PTTL", name).(int64)-ttl.Milliseconds()+2000)
	}
	eventually(t, "nothing is left", func() bool { return len(b.do("KEYS", "*").([]any)) == before })
}

func TestAPausedHolderCannotAnswerBeyondTheDeadline(t *testing.T) {
	t.Parallel()
	b := start(t)
	grant := b.hold("key")
	result := ask(t.Context(), b.Store, request("1", 3*time.Second))
	b.await(grant.Token, 1)
	want(t, "without an answer", (<-result).err, store.ErrExpired)
	a := answerTo("1")
	err := b.UpdateWith(t.Context(), store.Update{Key: "key", Token: grant.Token, Seq: 1, Value: []byte("late")}, store.Addition{Answer: &a})
	want(t, "an update with an answer beyond the deadline", err, store.ErrExpired)
	if v := b.value("key"); v != "first" {
		t.Errorf("the value is %q, want the one before", v)
	}
}

// Without a right to the channels nothing is heard, and both sides read again every second.
func TestRequestsAndAnswersAreFoundWithoutMessages(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.do("ACL", "SETUSER", "deaf", "on", ">secret", "~*", "+@all", "resetchannels")
	client := func() redis.UniversalClient {
		c := redis.NewClient(&redis.Options{Addr: b.server.Addr(), Username: "deaf", Password: "secret"})
		t.Cleanup(func() { c.Close() })
		return c
	}
	// New tries to publish, so the rights go afterwards.
	b.do("ACL", "SETUSER", "deaf", "allchannels")
	holder, sender := open(t, client()), open(t, client())
	b.do("ACL", "SETUSER", "deaf", "resetchannels")
	grant := b.hold("key")
	var results []<-chan asked
	for i := range 3 {
		results = append(results, ask(t.Context(), sender, request(fmt.Sprint(i), ttl)))
	}
	n := 0
	for q, err := range holder.Requests(t.Context(), "key", grant.Token) {
		if err != nil {
			t.Fatal(err)
		}
		if err := holder.Answer(t.Context(), "key", grant.Token, answerTo(q.ID)); err != nil {
			t.Fatal(err)
		}
		if n++; n == len(results) {
			break
		}
	}
	for _, r := range results {
		b.wantDone("without messages", r)
	}
}

func TestAMissingRightIsToldToTheSenderAndTheHolder(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.do("ACL", "SETUSER", "weak", "on", ">secret", "~*", "&*", "+@all")
	client := redis.NewClient(&redis.Options{Addr: b.server.Addr(), Username: "weak", Password: "secret"})
	t.Cleanup(func() { client.Close() })
	st := open(t, client)
	grant := b.hold("key")
	b.do("ACL", "SETUSER", "weak", "resetkeys", "%R~key", "%R~leasehold:*")
	_, err := st.Ask(t.Context(), request("1", ttl))
	want(t, "Ask without a right to the queue", err, store.ErrUnavailable)
	want(t, "Answer without a right", st.Answer(t.Context(), "key", grant.Token, answerTo("1")), store.ErrUnavailable)
	b.do("ACL", "SETUSER", "weak", "resetkeys")
	for _, err = range st.Requests(t.Context(), "key", grant.Token) {
	}
	want(t, "Requests without a right to the key", err, store.ErrUnavailable)
	b.do("ACL", "SETUSER", "weak", "~*", "-zadd")
	_, err = st.Ask(t.Context(), request("1", ttl))
	want(t, "Ask without a command", err, store.ErrUnavailable)
	if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrInDoubt) {
		t.Errorf("%v", err)
	}
}
