package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

var namesLaw = law{
	name: "KeysAndValuesAreLiteral",
	text: "keys are any valid UTF-8 of 1 to 512 bytes, prefixes are literal, values are 1 byte to 1 MiB, all kept byte for byte; only names beginning with \"leasehold:\" are the library's own; what is outside is refused by name",
	cases: []lawcase{
		{name: "KeysOfAllKinds", run: func(c *trial) {
			terms := make(map[string]term)
			for _, key := range oddKeys {
				terms[key] = c.hold(key)
			}
			if all := c.list(""); len(all) != len(oddKeys) {
				c.broke("of %d records list yields %d", len(oddKeys), len(all))
			}
			for key, t := range terms {
				c.wantRecord("by its name", key, "first", t.Token)
				if _, ok := c.list(key)[key]; !ok {
					c.broke("list of the prefix %q does not yield that key", key)
				}
				c.keep(&t)
				c.update(t.update(1, "second "+key))
				c.wantRecord("after a write", key, "second "+key, t.Token)
			}
			for key, t := range terms {
				c.remove(key, store.ByToken(t.Token))
				c.wantNone("after a delete", key)
			}
		}},
		{name: "PrefixesAreLiteral", run: func(c *trial) {
			for _, key := range oddKeys {
				c.hold(key)
			}
			prefixes := append([]string{"", "a", "nobody has it", "\U0010ffff\U0010ffff"}, oddKeys...)
			for _, prefix := range prefixes {
				listed := c.list(prefix)
				for _, key := range oddKeys {
					if _, ok := listed[key]; ok != strings.HasPrefix(key, prefix) {
						c.broke("list of the prefix %q: %q is among the records: %v", prefix, key, ok)
					}
				}
			}
		}},
		{name: "ValuesOfAllKinds", run: func(c *trial) {
			every := make([]byte, 256)
			for i := range every {
				every[i] = byte(i)
			}
			values := [][]byte{{0}, {0xff}, []byte(" "), []byte("\r\n"), []byte("12"), []byte("-1.5e3"), every, bytes.Repeat(every, store.MaxValue/256)}
			for i, value := range values {
				key := fmt.Sprint("key ", i)
				t := c.create(store.Claim{Key: key, Value: value, TTL: long, Nonce: store.NewNonce()})
				c.wantRecord("after create", key, string(value), t.Token)
				c.update(t.update(1, "between"))
				c.update(t.update(2, string(value)))
				c.wantRecord("after update", key, string(value), t.Token)
				if r := c.renew(t.write(3, string(value)+"")); r.Err != nil {
					c.broke("renew with a value of %d bytes: %v", len(value), r.Err)
				}
				if got := c.list("")[key].Value; !bytes.Equal(got, value) {
					c.broke("of a value of %d bytes list yields %d others", len(value), len(got))
				}
			}
		}},
		{name: "BadKeysAreRefused", run: func(c *trial) {
			for _, key := range []string{"", strings.Repeat("k", store.MaxKey+1), "\xff", "a\xc3", store.Reserved, store.Reserved + "x"} {
				t := term{Claim: claim(key, long), Grant: store.Grant{Token: 1}}
				call := fmt.Sprintf(" of the key %.16q", key)
				_, err := c.Store.Create(c.Context(), t.Claim)
				c.wantInvalid("create"+call, err, "key")
				c.wantInvalid("renew"+call, c.renew(t.beat()).Err, "key")
				c.wantInvalid("renew with a value"+call, c.renew(t.write(1, "value")).Err, "key")
				c.wantInvalid("update"+call, c.Store.Update(c.Context(), t.update(1, "value")), "key")
				c.wantInvalid("delete"+call, c.Store.Delete(c.Context(), key, store.ByToken(1)), "key")
				c.wantInvalid("get"+call, c.getErr(key), "key")
			}
			if all := c.list(""); len(all) > 0 {
				c.broke("refused creates made %d records", len(all))
			}
		}},
		{name: "BadPrefixesAreRefused", run: func(c *trial) {
			ctx, stop := context.WithTimeout(c.Context(), c.patience())
			defer stop()
			for _, prefix := range []string{strings.Repeat("k", store.MaxKey+1), "\xff", "\xc3"} {
				_, err := collect(c.Store.List(ctx, prefix))
				c.wantInvalid(fmt.Sprintf("list of the prefix %.16q", prefix), err, "prefix")
				var last error
				for _, last = range c.Store.Watch(ctx, prefix) {
				}
				c.wantInvalid(fmt.Sprintf("watch of the prefix %.16q", prefix), last, "prefix")
			}
		}},
		{name: "BadValuesAreRefused", run: func(c *trial) {
			t := c.hold("key")
			for _, value := range []string{"", strings.Repeat("v", store.MaxValue+1)} {
				call := fmt.Sprintf(" with a value of %d bytes", len(value))
				_, err := c.Store.Create(c.Context(), store.Claim{Key: "other", Value: []byte(value), TTL: long, Nonce: store.NewNonce()})
				c.wantInvalid("create"+call, err, "value")
				c.changesNothing("update"+call, "key", func() {
					c.wantInvalid("update"+call, c.Store.Update(c.Context(), t.update(1, value)), "value")
				})
				if value != "" {
					c.wantInvalid("renew"+call, c.renew(t.write(1, value)).Err, "value")
				}
			}
			c.wantNone("after refused creates", "other")
		}},
		{name: "ShortTTLsAreRefused", run: func(c *trial) {
			least := max(c.caps.MinTTL, store.MinTTL)
			for _, ttl := range []time.Duration{least - 1, 1, 0, -time.Second} {
				_, err := c.Store.Create(c.Context(), claim("key", ttl))
				c.wantInvalid(fmt.Sprint("create with a ttl of ", ttl), err, "ttl")
			}
			c.create(claim("key", least))
		}},
		{name: "MissingArgumentsAreRefused", run: func(c *trial) {
			t := c.hold("key")
			none := t
			none.Token = 0
			_, err := c.Store.Create(c.Context(), store.Claim{Key: "other", Value: []byte("value"), TTL: long})
			c.wantInvalid("create without a nonce", err, "nonce")
			c.changesNothing("a call that lacks an argument", "key", func() {
				c.wantInvalid("renew without a token", c.renew(none.beat()).Err, "token")
				c.wantInvalid("update without a token", c.Store.Update(c.Context(), none.update(1, "value")), "token")
				c.wantInvalid("renew with a value and no number", c.renew(t.write(0, "value")).Err, "sequence")
				c.wantInvalid("update without a number", c.Store.Update(c.Context(), t.update(0, "value")), "sequence")
				c.wantInvalid("delete of no term", c.Store.Delete(c.Context(), "key", store.LeaseRef{}), "lease reference")
				both := store.LeaseRef{Token: t.Token, Nonce: t.Nonce}
				c.wantInvalid("delete of a term by both", c.Store.Delete(c.Context(), "key", both), "lease reference")
			})
		}},
		{name: "TheLibrarysOwnNamesAreNotListed", run: func(c *trial) {
			t := c.hold("key")
			c.update(t.update(1, "second"))
			c.keep(&t)
			removeTerm(c, c.hold("other"))
			for key := range c.list("") {
				if key != "key" {
					c.broke("list yields %q, which nobody created", key)
				}
			}
			listed, err := collect(c.Store.List(c.Context(), store.Reserved))
			if len(listed) > 0 {
				c.broke("list of the prefix %q yields %d records (%v)", store.Reserved, len(listed), err)
			}
		}},
	},
}

// oddKeys have in them what some backend gives a meaning to.
var oddKeys = []string{
	"k", " ", "\n", "\x00", "\t tab", "with space", "a/b//c", "/", "//",
	"*", "?", "[a-z]", "a*b", "\\", "\\*", "^$.|+()",
	"{", "}", "{}", "{}x", "a{}b", "a}b", "{a}b", "a{b", "{a}{b}", "a}b{c}d", "}{",
	"'\"`", "%s%d", "$1", "KEYS[1]", "\r\nDEL x\r\n", "naïve", "日本語", "🔑", "\u202e", "\U0010ffff", "\x7f",
	"leasehold", "Leasehold:x", " leasehold:x", "x:leasehold:", "exchange:1:status",
	strings.Repeat("k", store.MaxKey), strings.Repeat("é", store.MaxKey/2), strings.Repeat("}", store.MaxKey),
}

// wantInvalid checks that err names what is wrong.
func (c *trial) wantInvalid(call string, err error, what string) {
	c.Helper()
	c.want(call, err, store.ErrInvalid)
	if invalid, _ := errors.AsType[*store.InvalidError](err); what != "" && invalid.What != what {
		c.broke("%s: the error %q names the %s, want the %s", call, err, invalid.What, what)
	}
}
