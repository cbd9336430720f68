package store_test

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

var conditions = []error{
	store.ErrHeld, store.ErrLost, store.ErrForeign, store.ErrUnavailable, store.ErrInDoubt,
	store.ErrNotFound, store.ErrEnded, store.ErrStale, store.ErrClosed, store.ErrInvalid,
}

func TestErrorNamesItsKeyAndCondition(t *testing.T) {
	record := store.Record{Key: "a b", Token: 7, Left: 31 * time.Second}
	for _, c := range []struct {
		err       error
		condition error
		want      string
	}{
		{&store.Error{Op: "create", Key: "a b", Condition: store.ErrLost}, store.ErrLost, `create "a b": lost`},
		{
			&store.Error{Op: "watch", Key: "a\n", Condition: store.ErrUnavailable, Err: io.EOF}, store.ErrUnavailable,
			`watch "a\n": store unavailable: EOF`,
		},
		{&store.HeldError{Record: record}, store.ErrHeld, `"a b" is held (token 7, 31s left)`},
		{&store.ForeignError{Record: record}, store.ErrForeign, `"a b" holds a value that another program put there (31s left)`},
		{&store.ForeignError{Record: store.Record{Key: "k", Left: store.Forever}}, store.ErrForeign, `"k" holds a value that another program put there (no expiry)`},
		{&store.InvalidError{What: "ttl", Rule: "must not be odd"}, store.ErrInvalid, `invalid ttl: must not be odd`},
		{&store.InvalidError{What: "ttl", Got: "3s", Rule: "must not be odd"}, store.ErrInvalid, `invalid ttl 3s: must not be odd`},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
		for _, other := range conditions {
			if errors.Is(c.err, other) != (other == c.condition) {
				t.Errorf("%v: errors.Is(%v) is %v", c.err, other, errors.Is(c.err, other))
			}
		}
	}
}

func TestErrorUnwrapsToItsCause(t *testing.T) {
	cause := &store.HeldError{Record: store.Record{Key: "k", Token: 7}}
	err := error(&store.Error{Op: "create", Key: "k", Condition: store.ErrInDoubt, Err: cause})
	var held *store.HeldError
	if !errors.As(err, &held) || held != cause || !errors.Is(err, store.ErrHeld) || !errors.Is(err, store.ErrInDoubt) {
		t.Errorf("%v does not unwrap to its cause", err)
	}
	if got := (&store.Error{Condition: store.ErrLost}).Unwrap(); len(got) != 1 || got[0] != store.ErrLost {
		t.Errorf("an error without a cause unwraps to %v", got)
	}
}

func TestConditionsAreDistinct(t *testing.T) {
	for i, a := range conditions {
		for j, b := range conditions {
			if errors.Is(a, b) != (i == j) || (a.Error() == b.Error()) != (i == j) {
				t.Errorf("%v and %v", a, b)
			}
		}
	}
}

func TestLeftRoundsTheTimeLeft(t *testing.T) {
	for d, want := range map[time.Duration]string{
		store.Forever:            "no expiry",
		31 * time.Second:         "31s left",
		31499 * time.Millisecond: "31s left",
		31500 * time.Millisecond: "32s left",
		90 * time.Minute:         "1h30m0s left",
		time.Second:              "1s left",
		time.Second - 1:          "1s left",
		800 * time.Millisecond:   "800ms left",
		1400 * time.Microsecond:  "1ms left",
		1:                        "0s left",
		0:                        "0s left",
	} {
		if got := store.Left(d); got != want {
			t.Errorf("Left(%d) = %q, want %q", d, got, want)
		}
	}
}
