package redisstore_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// mailName returns a name beside the record of a key, as "q:key" for its queue.
func (b *bench) mailName(key, rest string) string {
	b.Helper()
	return strings.Replace(b.fence(key), "}:f:"+key, "}:"+rest, 1)
}

// A request that another program, or another version, wrote is neither yielded nor in the way
// of others, and leaves the queue.
func TestAForeignRequestInAQueueIsSkippedAndDropped(t *testing.T) {
	t.Parallel()
	digits := strings.Repeat("0", 16)
	for name, put := range map[string][]any{
		"no digits":     {"SET", "", "0123456789abcdef body", "PX", 3_600_000},
		"signed digits": {"SET", "", "-000000000000001 body", "PX", 3_600_000},
		"too short":     {"SET", "", digits, "PX", 3_600_000},
		"empty":         {"SET", "", "", "PX", 3_600_000},
		"too long":      {"SET", "", digits + strings.Repeat("x", store.MaxRequest+1), "PX", 3_600_000},
		"no expiry":     {"SET", "", digits + "body"},
		"a list":        {"RPUSH", "", "body"},
		"a mortal list": {"RPUSH", "", "body"},
		"nothing":       nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t)
			grant := b.hold("key")
			queue := b.mailName("key", "q:key")
			for i := range store.MaxRequests {
				id := fmt.Sprint("foreign ", i)
				b.do("ZADD", queue, i, id)
				if put == nil {
					continue
				}
				one := append([]any(nil), put...)
				one[1] = b.mailName("key", fmt.Sprintf("r:%d:%s:key", len(id), id))
				b.do(one...)
				if name == "a mortal list" {
					b.do("PEXPIRE", one[1], 3_600_000)
				}
			}
			result := ask(t.Context(), b.Store, request("ours", ttl))
			if ids := b.await(grant.Token, 1); ids[0] != "ours" {
				t.Fatalf("the holder got %q, want only ours", ids)
			}
			if err := b.Answer(t.Context(), "key", grant.Token, answerTo("ours")); err != nil {
				t.Fatal(err)
			}
			b.wantDone("behind foreign requests", result)
			if n := b.do("ZCARD", queue); n != int64(0) {
				t.Errorf("%v requests are still in the queue", n)
			}
		})
	}
}

// A holder skips foreign requests also if nobody asks, and hears of the next request at once.
func TestAHolderReadsOnBehindAForeignRequest(t *testing.T) {
	t.Parallel()
	b := start(t)
	grant := b.hold("key")
	first := ask(t.Context(), b.Store, request("first", ttl))
	b.await(grant.Token, 1)
	b.do("ZADD", b.mailName("key", "q:key"), 0, "foreign")
	b.do("SET", b.mailName("key", "r:7:foreign:key"), "of another program", "PX", 3_600_000)
	if ids := b.await(grant.Token, 1); ids[0] != "first" {
		t.Errorf("the holder got %q", ids)
	}
	second := ask(t.Context(), b.Store, request("second", ttl))
	if ids := b.await(grant.Token, 2); ids[1] != "second" {
		t.Errorf("the holder got %q", ids)
	}
	for id, result := range map[string]<-chan asked{"first": first, "second": second} {
		if err := b.Answer(t.Context(), "key", grant.Token, answerTo(id)); err != nil {
			t.Fatal(err)
		}
		b.wantDone(id, result)
	}
	if v := b.value(b.mailName("key", "r:7:foreign:key")); v != "of another program" {
		t.Errorf("the value of the other program is %q", v)
	}
}

// The name of a queue can have a value of another program. That is told to the sender.
func TestAQueueOfAnotherTypeIsToldToTheSender(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.hold("key")
	b.do("SET", b.mailName("key", "q:key"), "of another program")
	_, err := b.Ask(t.Context(), request("1", time.Hour))
	want(t, "Ask", err, store.ErrUnavailable)
	if err == nil || !strings.Contains(err.Error(), "WRONGTYPE") {
		t.Errorf("Ask: %v, want an error that tells of WRONGTYPE", err)
	}
}
