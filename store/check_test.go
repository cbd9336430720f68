package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/store"
	"pgregory.net/rapid"
)

// rule is one case of a check: the error for an argument, and its expected message.
type rule struct {
	name string
	err  error
	want string // "" if the argument is allowed
}

func checkRules(t *testing.T, rules []rule) {
	t.Helper()
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			if r.want == "" {
				if r.err != nil {
					t.Errorf("refused: %v", r.err)
				}
				return
			}
			var invalid *store.InvalidError
			if !errors.As(r.err, &invalid) || !errors.Is(r.err, store.ErrInvalid) {
				t.Fatalf("%v is not an InvalidError", r.err)
			}
			if got := r.err.Error(); got != r.want {
				t.Errorf("got  %s\nwant %s", got, r.want)
			}
		})
	}
}

func TestCheckKeyRefusesInvalidKeys(t *testing.T) {
	long := strings.Repeat("k", store.MaxKey)
	checkRules(t, []rule{
		{"ordinary", store.CheckKey("exchange:1:status"), ""},
		{"one byte", store.CheckKey("k"), ""},
		{"longest", store.CheckKey(long), ""},
		{"longest in runes of several bytes", store.CheckKey(strings.Repeat("é", store.MaxKey/2)), ""},
		{"characters without a meaning", store.CheckKey(" a\n{b}/*?[c]\x00\t\"é世🦊"), ""},
		{"replacement character", store.CheckKey("\uFFFD"), ""},
		{"reserved name inside", store.CheckKey("x" + store.Reserved), ""},
		{"part of the reserved name", store.CheckKey("leasehold"), ""},
		{"other case of the reserved name", store.CheckKey("Leasehold:x"), ""},
		{"empty", store.CheckKey(""), `invalid key: must not be empty`},
		{
			"too long", store.CheckKey(long + "k"),
			`invalid key "` + long[:64] + `"…: is 513 bytes long, more than 512`,
		},
		{
			"too long in bytes", store.CheckKey(strings.Repeat("é", store.MaxKey/2) + "x"),
			`invalid key "` + strings.Repeat("é", 32) + `"…: is 513 bytes long, more than 512`,
		},
		{"not UTF-8", store.CheckKey("k\xff\n"), `invalid key "k\xff\n": is not valid UTF-8`},
		{"half a rune", store.CheckKey("é"[:1]), `invalid key "\xc3": is not valid UTF-8`},
		{"a surrogate", store.CheckKey("\xed\xa0\x80"), `invalid key "\xed\xa0\x80": is not valid UTF-8`},
		{"reserved", store.CheckKey("leasehold:x"), `invalid key "leasehold:x": names that begin with "leasehold:" are the library's own`},
		{"the reserved name itself", store.CheckKey("leasehold:"), `invalid key "leasehold:": names that begin with "leasehold:" are the library's own`},
	})
}

func TestCheckPrefixRefusesInvalidPrefixes(t *testing.T) {
	long := strings.Repeat("p", store.MaxKey)
	checkRules(t, []rule{
		{"empty", store.CheckPrefix(""), ""},
		{"ordinary", store.CheckPrefix("exchange:"), ""},
		{"longest", store.CheckPrefix(long), ""},
		{"a part of the reserved name", store.CheckPrefix("lease"), ""},
		{
			"too long", store.CheckPrefix(long + "p"),
			`invalid prefix "` + long[:64] + `"…: is 513 bytes long, more than 512`,
		},
		{"not UTF-8", store.CheckPrefix("\xff"), `invalid prefix "\xff": is not valid UTF-8`},
		{"reserved", store.CheckPrefix("leasehold:f"), `invalid prefix "leasehold:f": names that begin with "leasehold:" are the library's own`},
	})
}

func TestPrefixOfAValidKeyIsValid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.String().Filter(func(s string) bool { return store.CheckKey(s) == nil }).Draw(t, "key")
		for i := range key { // at the beginning of each rune
			if err := store.CheckPrefix(key[:i]); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestCheckValueRefusesInvalidValues(t *testing.T) {
	checkRules(t, []rule{
		{"one byte", store.CheckValue([]byte{0}), ""},
		{"longest", store.CheckValue(make([]byte, store.MaxValue)), ""},
		{"nil", store.CheckValue(nil), `invalid value: must not be empty`},
		{"empty", store.CheckValue([]byte{}), `invalid value: must not be empty`},
		{"too long", store.CheckValue(make([]byte, store.MaxValue+1)), `invalid value: is 1048577 bytes long, more than 1048576`},
	})
}

func TestCheckTTLRefusesShortTTLs(t *testing.T) {
	checkRules(t, []rule{
		{"the shortest", store.CheckTTL(store.MinTTL, 0), ""},
		{"the backend's shortest", store.CheckTTL(5*time.Second, 5*time.Second), ""},
		{"zero", store.CheckTTL(0, 0), `invalid ttl 0s: must be at least 100ms`},
		{"negative", store.CheckTTL(-time.Second, 0), `invalid ttl -1s: must be at least 100ms`},
		{"tiny", store.CheckTTL(store.MinTTL-1, 0), `invalid ttl 99.999999ms: must be at least 100ms`},
		{"below the backend's", store.CheckTTL(time.Second, 5*time.Second), `invalid ttl 1s: must be at least 5s`},
		{"of a backend that declares less", store.CheckTTL(time.Millisecond, time.Microsecond), `invalid ttl 1ms: must be at least 100ms`},
	})
}

func TestClaimWithAnInvalidFieldIsRefused(t *testing.T) {
	good := store.Claim{Key: "k", Value: []byte("v"), TTL: time.Second, Nonce: store.NewNonce()}
	with := func(change func(*store.Claim)) error {
		c := good
		change(&c)
		return c.Check(0)
	}
	checkRules(t, []rule{
		{"good", good.Check(0), ""},
		{"key", with(func(c *store.Claim) { c.Key = "" }), `invalid key: must not be empty`},
		{"value", with(func(c *store.Claim) { c.Value = nil }), `invalid value for key "k": must not be empty`},
		{"nonce", with(func(c *store.Claim) { c.Nonce = store.Nonce{} }), `invalid nonce for key "k": must not be zero`},
		{"ttl", with(func(c *store.Claim) { c.TTL = 0 }), `invalid ttl 0s for key "k": must be at least 100ms`},
		{"the backend's ttl", good.Check(2 * time.Second), `invalid ttl 1s for key "k": must be at least 2s`},
	})
}

func TestWriteWithAnInvalidFieldIsRefused(t *testing.T) {
	good := store.Renewal{Key: "k", Token: 1, Seq: 1, Value: []byte("v")}
	with := func(check func(store.Renewal) error, change func(*store.Renewal)) error {
		w := good
		change(&w)
		return check(w)
	}
	update := func(w store.Renewal) error { return store.Update(w).Check() }
	bare := func(w *store.Renewal) { w.Seq, w.Value = 0, nil }
	both := []rule{
		{"an update without a value", with(update, bare), `invalid value for key "k": must not be empty`},
		{"a renew without a value", with(store.Renewal.Check, bare), ""},
		{"a renew without a value, numbered", with(store.Renewal.Check, func(w *store.Renewal) { w.Value = nil }), ""},
		{"a renew without a value and a token", store.Renewal{Key: "k"}.Check(), `invalid token for key "k": must not be zero`},
	}
	for name, check := range map[string]func(store.Renewal) error{"update": update, "renew": store.Renewal.Check} {
		both = append(both,
			rule{name, check(good), ""},
			rule{name + " key", with(check, func(w *store.Renewal) { w.Key = "leasehold:" }), `invalid key "leasehold:": names that begin with "leasehold:" are the library's own`},
			rule{name + " token", with(check, func(w *store.Renewal) { w.Token = 0 }), `invalid token for key "k": must not be zero`},
			rule{name + " sequence", with(check, func(w *store.Renewal) { w.Seq = 0 }), `invalid sequence for key "k": must not be zero`},
			rule{name + " value", with(check, func(w *store.Renewal) { w.Value = make([]byte, store.MaxValue+1) }), `invalid value for key "k": is 1048577 bytes long, more than 1048576`},
		)
	}
	checkRules(t, both)
}

func TestLeaseRefNeedsExactlyOneOfTokenAndNonce(t *testing.T) {
	const want = `invalid lease reference: must have either a token or a nonce`
	checkRules(t, []rule{
		{"by token", store.ByToken(1).Check(), ""},
		{"by nonce", store.ByNonce(store.NewNonce()).Check(), ""},
		{"neither", store.LeaseRef{}.Check(), want},
		{"both", store.LeaseRef{Token: 1, Nonce: store.NewNonce()}.Check(), want},
		{"by token zero", store.ByToken(0).Check(), want},
		{"by the zero nonce", store.ByNonce(store.Nonce{}).Check(), want},
	})
}

func TestDeletionNeedsAKeyAndALease(t *testing.T) {
	checkRules(t, []rule{
		{"sound", store.Deletion{Key: "key", Ref: store.ByToken(1)}.Check(), ""},
		{"key", store.Deletion{Key: "leasehold:", Ref: store.ByToken(1)}.Check(), `invalid key "leasehold:": names that begin with "leasehold:" are the library's own`},
		{"lease", store.Deletion{Key: "key"}.Check(), `invalid lease reference for key "key": must have either a token or a nonce`},
	})
}
