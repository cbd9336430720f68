package redisstore_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/store"
)

// holder is a goroutine that reads the requests of "key".
type holder struct {
	*bench
	token store.Token
	ids   chan string
}

func (b *bench) serve(token store.Token) *holder {
	h := &holder{b, token, make(chan string, 100)}
	go func() {
		defer close(h.ids)
		for q, err := range b.Requests(b.Context(), "key", token) {
			if err == nil {
				h.ids <- q.ID
			}
		}
	}()
	h.asks("first") // it listens from now on, and has read the queue
	return h
}

// asks sends a request and checks that it is the next one of the holder.
func (h *holder) asks(id string) {
	h.Helper()
	result := ask(h.Context(), h.Store, request(id, ttl))
	h.want(id)
	if err := h.Answer(h.Context(), "key", h.token, answerTo(id)); err != nil {
		h.Fatal(err)
	}
	h.wantDone(id, result)
}

func (h *holder) want(id string) {
	h.Helper()
	if got := <-h.ids; got != id {
		h.Fatalf("the holder got %q, want %q", got, id)
	}
}

// channel is where the holder hears of requests.
const channel = "leasehold:0:q:key"

// now is the server's time in microseconds.
func (b *bench) now() int64 {
	b.Helper()
	at, err := b.plain.Time(b.Context()).Result()
	if err != nil {
		b.Fatal(err)
	}
	return at.UnixMicro()
}

// notice is a message of the form that mail.lua has.
func notice(lease store.Token, place, last, ttl int64, id string, meant store.Token, body string) string {
	return fmt.Sprintf("%016d%016d%016d%013d%02d%s%016d%s", lease, place, last, ttl, len(id), id, meant, body)
}

// A notice that is old, of another lease or in no form shows at most that there may be a request.
func TestANoticeThatProvesNothingYieldsNothing(t *testing.T) {
	t.Parallel()
	const second = 1_000_000
	b := start(t)
	token := b.hold("key").Token
	h := b.serve(token)
	for name, make := range map[string]func(now int64) string{
		"before the last": func(now int64) string { return notice(token, now-second, 0, 60_000, "x", 0, "body") },
		"late": func(now int64) string {
			time.Sleep(300 * time.Millisecond)
			return notice(token, now, 0, 60_000, "x", 0, "body")
		},
		"future":          func(now int64) string { return notice(token, now+30*60*second, 0, 60_000, "x", 0, "body") },
		"another lease":   func(now int64) string { return notice(token-1, now, 0, 60_000, "x", 0, "body") },
		"no lease":        func(now int64) string { return notice(0, now, 0, 60_000, "x", 0, "body") },
		"for another":     func(now int64) string { return notice(token, now, 0, 60_000, "x", token-1, "body") },
		"behind another":  func(now int64) string { return notice(token, now, now-1, 60_000, "x", 0, "body") },
		"no time":         func(now int64) string { return notice(token, now, 0, 0, "x", 0, "body") },
		"too much time":   func(now int64) string { return notice(token, now, 0, 1_000_000_000, "x", 0, "body") },
		"no body":         func(now int64) string { return notice(token, now, 0, 60_000, "x", 0, "") },
		"no id":           func(now int64) string { return notice(token, now, 0, 60_000, "", 0, "body") },
		"a long id":       func(now int64) string { return notice(token, now, 0, 60_000, strings.Repeat("x", 65), 0, "body") },
		"an id not UTF-8": func(now int64) string { return notice(token, now, 0, 60_000, "\xff", 0, "body") },
		"a long body": func(now int64) string {
			return notice(token, now, 0, 60_000, "x", 0, strings.Repeat("x", store.MaxRequest+1))
		},
		"an id alone": func(int64) string { return "x" },
		"nothing":     func(int64) string { return "" },
		"no digits": func(now int64) string {
			return strings.Replace(notice(token, now, 0, 60_000, "x", 0, "body"), "0", "-", 4)
		},
		"signs": func(now int64) string {
			return fmt.Sprintf("%016d%016d%016d%013d%+dx%016dbody", token, now, 0, 60_000, 1, 0)
		},
		"a negative length": func(now int64) string {
			return fmt.Sprintf("%016d%016d%016d%013d-1x%016dbody", token, now, 0, 60_000, 0)
		},
		"cut off": func(now int64) string { return notice(token, now, 0, 60_000, "x", 0, "body")[:70] },
	} {
		b.do("PUBLISH", channel, make(b.now()))
		h.asks("after a notice: " + name)
	}
}

// A holder takes a request from a new notice, and does not read it.
func TestANewNoticeYieldsItsRequest(t *testing.T) {
	t.Parallel()
	b := start(t)
	token := b.hold("key").Token
	h := b.serve(token)
	eventually(t, "a notice comes soon enough", func() bool {
		b.do("PUBLISH", channel, notice(token, b.now(), 0, 60_000, "in no queue", 0, "body"))
		select {
		case id := <-h.ids:
			if id != "in no queue" {
				t.Fatalf("the holder got %q", id)
			}
			return true
		case <-time.After(100 * time.Millisecond):
			return false
		}
	})
}

// A notice that comes twice is of one request, before its answer and after it.
func TestANoticeThatComesAgainYieldsNothing(t *testing.T) {
	t.Parallel()
	b := start(t)
	h := b.serve(b.hold("key").Token)
	heard := b.plain.Subscribe(t.Context(), channel)
	defer heard.Close()
	if _, err := heard.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		result := ask(t.Context(), b.Store, request(fmt.Sprint(i), ttl))
		m, err := heard.ReceiveMessage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b.do("PUBLISH", channel, m.Payload)
		h.want(fmt.Sprint(i))
		b.do("PUBLISH", channel, m.Payload)
		if err := b.Answer(t.Context(), "key", h.token, answerTo(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
		b.do("PUBLISH", channel, m.Payload)
		b.wantDone("answered once", result)
		for range 3 {
			if _, err := heard.ReceiveMessage(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	h.asks("last")
}

// A request whose notice was lost is not overtaken by the next one.
func TestARequestWithoutANoticeKeepsItsPlace(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.do("ACL", "SETUSER", "mute", "on", ">secret", "~*", "&*", "+@all")
	client := redis.NewClient(&redis.Options{Addr: b.server.Addr(), Username: "mute", Password: "secret"})
	t.Cleanup(func() { client.Close() })
	mute := open(t, client)
	h := b.serve(b.hold("key").Token)
	b.do("ACL", "SETUSER", "mute", "-publish")
	for i := range 10 {
		first, second := fmt.Sprint(i, " without a notice"), fmt.Sprint(i, " with one")
		var results []<-chan asked
		results = append(results, ask(t.Context(), mute, request(first, ttl)))
		eventually(t, "it is in the queue", func() bool { return b.do("ZCARD", b.mailName("key", "q:key")) == int64(1) })
		results = append(results, ask(t.Context(), b.Store, request(second, ttl)))
		for n, id := range []string{first, second} {
			h.want(id)
			if err := b.Answer(t.Context(), "key", h.token, answerTo(id)); err != nil {
				t.Fatal(err)
			}
			b.wantDone(id, results[n])
		}
	}
}

// Requests that come while the holder is busy are all yielded before their deadlines, although it
// gets one of their notices.
func TestABusyHolderReadsAllThatCame(t *testing.T) {
	t.Parallel()
	b := start(t)
	token := b.hold("key").Token
	b.serve(token) // so that the store hears messages already
	heard := b.plain.Subscribe(t.Context(), channel)
	defer heard.Close()
	if _, err := heard.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	results := []<-chan asked{ask(t.Context(), b.Store, request("0", ttl))}
	var got []string
	for q, err := range b.Requests(t.Context(), "key", token) {
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Answer(t.Context(), "key", token, answerTo(q.ID)); err != nil {
			t.Fatal(err)
		}
		switch got = append(got, q.ID); len(got) {
		case 1, 2, 3:
			results = append(results, ask(t.Context(), b.Store, request(fmt.Sprint(len(got)), ttl)))
		case 4:
			for i := range 5 {
				results = append(results, ask(t.Context(), b.Store, request(fmt.Sprint(4+i), ttl/2)))
			}
			for range 9 {
				if _, err := heard.ReceiveMessage(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		if len(got) == 9 {
			break
		}
	}
	for _, r := range results {
		b.wantDone("of a busy holder", r)
	}
}
