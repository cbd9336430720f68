package redisstore

import (
	"strings"
	"testing"

	"github.com/leasehold-go/leasehold/store"
)

// within is what ZRANGEBYLEX makes of bounds, which it compares as bytes.
func within(t *testing.T, first, end, key string) bool {
	if first == "-" && end == "+" {
		return true
	}
	if first[0] != '[' || end[0] != '(' {
		t.Fatalf("bounds are %q and %q, want one with its value and one without", first, end)
	}
	return key >= first[1:] && key < end[1:]
}

// The names within the bounds of a prefix are those that begin with it.
func FuzzBounds(f *testing.F) {
	for _, c := range [][2]string{
		{"", "key"}, {"a", "a"}, {"a", "b"}, {"a", "ab"}, {"ab", "a"}, {"a\x7f", "a\u0080"}, {"[", "[a"}, {"(", "(("},
		{"-", "-"}, {"+", "+"}, {"*", "**"}, {"a*", "ab"}, {"?", "x"}, {"\x00", "\x00\x00"}, {"é", "ê"}, {"\U0010ffff", "\U0010ffffx"},
		{"{", "{a}"}, {"}{", "}{"}, {`\`, `\\`},
	} {
		f.Add(c[0], c[1])
	}
	f.Fuzz(func(t *testing.T, prefix, key string) {
		if store.CheckPrefix(prefix) != nil || store.CheckKey(key) != nil {
			return
		}
		first, end := bounds(prefix)
		for _, name := range []string{key, prefix + key, prefix} {
			if got, want := within(t, first, end, name), strings.HasPrefix(name, prefix); got != want {
				t.Errorf("%q is within %q and %q: %v, and begins with %q: %v", name, first, end, got, prefix, want)
			}
		}
	})
}
