package redisstore_test

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/leasehold-go/leasehold/store"
)

// A read is judged by the client, a create by a script, and a renew of a short value by a shorter way
// of its own. All see the same record, the same foreign value or nothing, whatever lies under a key and
// in its fence.
func TestReadsAndScriptsAgreeOnAKey(t *testing.T) {
	t.Parallel()
	const day, minute = 24 * 60 * 60 * 1000, 60 * 1000 // ms; claims have a TTL of a minute
	tampered := map[string]func(b *bench, value string){
		"nothing":               func(*bench, string) {},
		"another value":         func(b *bench, value string) { b.do("SET", "key", "x"+value[1:], "PX", minute) },
		"a longer value":        func(b *bench, value string) { b.do("APPEND", "key", "x") },
		"a shorter value":       func(b *bench, value string) { b.do("SET", "key", value[1:], "PX", minute) },
		"the fence's sum of it": func(b *bench, value string) { b.do("SET", "key", b.field("key", "check"), "PX", minute) },
		"a value of the fence's sum": func(b *bench, _ string) {
			b.setField("key", "check", fmt.Sprintf("%x", sha1.Sum([]byte("theirs"))))
			b.do("SET", "key", "theirs", "PX", minute)
		},
		"an empty value":           func(b *bench, _ string) { b.do("SET", "key", "") },
		"no expiry":                func(b *bench, _ string) { b.do("PERSIST", "key") },
		"a later expiry":           func(b *bench, _ string) { b.do("PEXPIRE", "key", 10*minute) },
		"a list":                   func(b *bench, _ string) { b.do("DEL", "key"); b.do("RPUSH", "key", "x") },
		"no record":                func(b *bench, _ string) { b.do("DEL", "key") },
		"no fence":                 func(b *bench, _ string) { b.do("DEL", b.fence("key")) },
		"a fence whose lease ends": func(b *bench, _ string) { b.do("PEXPIRE", b.fence("key"), day+2*minute+10_000) },
		"a fence whose lease has ended": func(b *bench, _ string) {
			b.do("PEXPIRE", b.fence("key"), day+2*minute)
		},
		"a fence without an expiry": func(b *bench, _ string) { b.do("PERSIST", b.fence("key")) },
		"a fence of a deleted":      func(b *bench, _ string) { b.setField("key", "state", "d") },
		"a fence of another value":  func(b *bench, _ string) { b.setField("key", "check", strings.Repeat("0", 40)) },
		"a fence of another length": func(b *bench, value string) { b.setField("key", "length", "0000007") },
		"a fence of a longer value": func(b *bench, value string) { b.setField("key", "length", "0005000") },
		"a fence that is a list":    func(b *bench, _ string) { name := b.fence("key"); b.do("DEL", name); b.do("RPUSH", name, "x") },
		"a fence of another layout": func(b *bench, _ string) { b.setField("key", "layout", "2") },
		"a fence that is damaged":   func(b *bench, _ string) { b.setField("key", "ttl", "x000000060000") },
	}
	b := start(t)
	for name, tamper := range tampered {
		for _, size := range []int{4, 40, 41, 8 << 10} {
			value := strings.Repeat("v", size)
			t.Run(name+", "+strconv.Itoa(size)+" bytes", func(t *testing.T) {
				b := &bench{TB: t, server: b.server, plain: b.plain, Store: b.Store}
				b.do("FLUSHALL")
				mine := claim("key")
				mine.Value = []byte(value)
				token := b.create(mine).Token
				tamper(b, value)

				got, read := b.Get(t.Context(), "key")
				_, err := b.Create(t.Context(), claim("key"))
				renewed := b.renew(store.Renewal{Key: "key", Token: token}).Err
				held, foreign := new(store.HeldError), new(store.ForeignError)
				var want store.Record
				switch {
				case errors.As(err, &held):
					want = held.Record
					if renewed != nil {
						t.Errorf("a create has %v, and a renew %v", err, renewed)
					}
				case errors.As(err, &foreign):
					want = foreign.Record
					if unread := renewed == nil && size > 4<<10; !unread && !errors.Is(renewed, store.ErrForeign) {
						t.Errorf("a create has %v, and a renew %v", err, renewed)
					}
				case err == nil:
					if !errors.Is(renewed, store.ErrLost) {
						t.Errorf("the key was free, and a renew has %v", renewed)
					}
					if !errors.Is(read, store.ErrNotFound) {
						t.Fatalf("the key was free, and a read has %+v, %v", got, read)
					}
					return
				default:
					if !errors.Is(read, store.ErrUnavailable) || !strings.Contains(read.Error(), "the fence ") || !errors.Is(renewed, store.ErrUnavailable) {
						t.Fatalf("a create has %v, a read %+v, %v, and a renew %v", err, got, read, renewed)
					}
					return
				}
				if read != nil || got.Token != want.Token || got.Left < want.Left || got.Token != 0 && got.Left > ttl || (got.Left == store.Forever) != (want.Left == store.Forever) ||
					want.Value != nil && string(got.Value) != string(want.Value) {
					t.Errorf("a read has %+.100v, %v, and a create is refused for %+.100v", got, read, want)
				}
			})
		}
	}
}
