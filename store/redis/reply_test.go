package redisstore

import (
	"errors"
	"testing"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/store"
)

// odds generates what a server could answer: the right words in wrong places.
func odds() *rapid.Generator[any] {
	leaf := rapid.OneOf(
		rapid.Just[any](nil), rapid.Just[any](true), rapid.Just[any](1.5), rapid.Just[any](errors.New("ERR")),
		rapid.Map(rapid.Int64(), func(n int64) any { return n }),
		rapid.Map(rapid.SampledFrom([]string{"held", "foreign", "gone", "lost", "stale", "ended", "", "x"}),
			func(s string) any { return s }),
	)
	row := rapid.Map(rapid.SliceOfN(leaf, 0, 5), func(row []any) any { return row })
	return rapid.OneOf(leaf, row, rapid.Map(rapid.SliceOfN(row, 0, 3), func(rows []any) any { return rows }))
}

// Each answer is a result or an error of one of the conditions, and never a panic.
func TestOddReplies(t *testing.T) {
	conditions := []error{store.ErrHeld, store.ErrForeign, store.ErrLost, store.ErrStale, store.ErrEnded, store.ErrInDoubt}
	rapid.Check(t, func(t *rapid.T) {
		c := &call{answer: odds().Draw(t, "reply")}
		reply, err := c.reply()
		_, err = number("create", "key", reply, err)
		matches := 0
		for _, condition := range conditions {
			if errors.Is(err, condition) {
				matches++
			}
		}
		if _, ok := c.answer.(int64); !ok && matches != 1 {
			t.Errorf("%#v: %v", c.answer, err)
		}
		if all, err := decodeRows(make([]names, 2), c); err == nil && (len(all) == 0 || len(all) > 2) {
			t.Errorf("%#v: %d rows", c.answer, len(all))
		}
	})
}

// No script of ours answers nil, so nothing is known of what happened.
func TestNilIsNoRefusal(t *testing.T) {
	r := &request{Cmd: redis.NewCmd(t.Context(), "get", "key")}
	r.SetErr(redis.Nil)
	if _, err := number("create", "key", nil, r.err()); !errors.Is(err, store.ErrInDoubt) {
		t.Errorf("got %v, want %v", err, store.ErrInDoubt)
	}
}

func FuzzMessage(f *testing.F) {
	l := listener{layout: newLayout(store.Reserved, 0, false), instance: "0123456789abcdef"}
	for _, channel := range []string{"", "leasehold:0:", "leasehold:0:k:", "leasehold:0:k:key", "leasehold:0:s:0123456789abcdef", "leasehold:1:k:key"} {
		for _, payload := range []string{"", "+", "-", "-0", "-12", "-x", "-99999999999999999", "key", "\xff\xff"} {
			f.Add(channel, payload)
		}
	}
	f.Fuzz(func(t *testing.T, channel, payload string) {
		l.heard(channel, payload)
		if token := tokenOf(payload); token >= 1e16 || token != 0 && payload[0] != '-' {
			t.Errorf("token %d", token)
		}
	})
}
