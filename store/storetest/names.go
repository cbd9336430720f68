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
	text: "keys are any valid UTF-8 of 1 to 512 bytes, prefixes are literal, values are 1 byte to 1 MiB, all kept byte for byte; names that begin with \"leasehold:\" are reserved; an invalid argument is refused with an InvalidError that names it",
	cases: []lawcase{
		{name: "KeysOfAllKinds", run: func(c *trial) {
			leases := make(map[string]lease)
			for _, key := range oddKeys {
				leases[key] = c.hold(key)
			}
			if all := c.list(""); len(all) != len(oddKeys) {
				c.failf("of %d records List yielded %d", len(oddKeys), len(all))
			}
			for key, t := range leases {
				c.wantRecord("get by its key", key, "first", t.Token)
				c.heartbeat(&t)
				c.update(t.update(1, "second "+key))
				c.wantRecord("after a write", key, "second "+key, t.Token)
			}
			for key, t := range leases {
				c.delete(key, store.ByToken(t.Token))
				c.wantNone("after a delete", key)
			}
		}},
		{name: "PrefixesAreLiteral", run: func(c *trial) {
			for _, key := range oddKeys {
				c.hold(key)
			}
			prefixes := append([]string{"", "a", "unused", "\U0010ffff\U0010ffff"}, oddKeys...)
			for _, prefix := range prefixes {
				listed := c.list(prefix)
				for _, key := range oddKeys {
					if _, ok := listed[key]; ok != strings.HasPrefix(key, prefix) {
						c.failf("List of the prefix %q: whether it yields %q: %v", prefix, key, ok)
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
				if r := c.renew(t.renewalWith(3, string(value)+"")); r.Err != nil {
					c.failf("renew with a value of %d bytes: %v", len(value), r.Err)
				}
				if got := c.list("")[key].Value; !bytes.Equal(got, value) {
					c.failf("List yielded a value of %d bytes as %d different bytes", len(value), len(got))
				}
			}
		}},
		{name: "InvalidKeysAreRefused", run: func(c *trial) {
			for _, key := range []string{"", strings.Repeat("k", store.MaxKey+1), "\xff", "a\xc3", store.Reserved, store.Reserved + "x"} {
				t := lease{Claim: claim(key, long), Grant: store.Grant{Token: 1}}
				call := fmt.Sprintf(" of the key %.16q", key)
				_, err := c.Store.Create(c.Context(), t.Claim)
				c.wantInvalid("create"+call, err, "key")
				c.wantInvalid("renew"+call, c.renew(t.renewal()).Err, "key")
				c.wantInvalid("renew with a value"+call, c.renew(t.renewalWith(1, "value")).Err, "key")
				c.wantInvalid("update"+call, c.Store.Update(c.Context(), t.update(1, "value")), "key")
				c.wantInvalid("delete"+call, c.Store.Delete(c.Context(), key, store.ByToken(1)), "key")
				c.wantInvalid("get"+call, c.getErr(key), "key")
			}
			if all := c.list(""); len(all) > 0 {
				c.failf("refused creates left %d records, want 0", len(all))
			}
		}},
		{name: "InvalidPrefixesAreRefused", run: func(c *trial) {
			ctx, stop := context.WithTimeout(c.Context(), c.timeout())
			defer stop()
			for _, prefix := range []string{strings.Repeat("k", store.MaxKey+1), "\xff", "\xc3"} {
				_, err := collect(c.Store.List(ctx, prefix))
				c.wantInvalid(fmt.Sprintf("List of the prefix %.16q", prefix), err, "prefix")
				var last error
				for _, last = range c.Store.Watch(ctx, prefix) {
				}
				c.wantInvalid(fmt.Sprintf("watch of the prefix %.16q", prefix), last, "prefix")
			}
		}},
		{name: "InvalidValuesAreRefused", run: func(c *trial) {
			t := c.hold("key")
			for _, value := range []string{"", strings.Repeat("v", store.MaxValue+1)} {
				call := fmt.Sprintf(" with a value of %d bytes", len(value))
				_, err := c.Store.Create(c.Context(), store.Claim{Key: "other", Value: []byte(value), TTL: long, Nonce: store.NewNonce()})
				c.wantInvalid("create"+call, err, "value")
				c.changesNothing("update"+call, "key", func() {
					c.wantInvalid("update"+call, c.Store.Update(c.Context(), t.update(1, value)), "value")
				})
				if value != "" {
					c.wantInvalid("renew"+call, c.renew(t.renewalWith(1, value)).Err, "value")
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
			c.changesNothing("a call without a required argument", "key", func() {
				c.wantInvalid("renew without a token", c.renew(none.renewal()).Err, "token")
				c.wantInvalid("update without a token", c.Store.Update(c.Context(), none.update(1, "value")), "token")
				c.wantInvalid("renew with a value and without a sequence", c.renew(t.renewalWith(0, "value")).Err, "sequence")
				c.wantInvalid("update without a sequence", c.Store.Update(c.Context(), t.update(0, "value")), "sequence")
				c.wantInvalid("delete without a lease reference", c.Store.Delete(c.Context(), "key", store.LeaseRef{}), "lease reference")
				both := store.LeaseRef{Token: t.Token, Nonce: t.Nonce}
				c.wantInvalid("delete by both token and nonce", c.Store.Delete(c.Context(), "key", both), "lease reference")
			})
		}},
		{name: "ReservedNamesAreNotListed", run: func(c *trial) {
			t := c.hold("key")
			c.update(t.update(1, "second"))
			c.heartbeat(&t)
			deleteLease(c, c.hold("other"))
			for key := range c.list("") {
				if key != "key" {
					c.failf("List yielded %q, which was not created", key)
				}
			}
			listed, err := collect(c.Store.List(c.Context(), store.Reserved))
			if len(listed) > 0 {
				c.failf("List of the prefix %q yielded %d records (%v)", store.Reserved, len(listed), err)
			}
		}},
	},
}

// oddKeys contain characters that have a meaning in some backend.
var oddKeys = []string{
	"k", " ", "\n", "\x00", "\t tab", "with space", "a/b//c", "/", "//",
	"*", "?", "[a-z]", "a*b", "\\", "\\*", "^$.|+()",
	"{", "}", "{}", "{}x", "a{}b", "a}b", "{a}b", "a{b", "{a}{b}", "a}b{c}d", "}{",
	"'\"`", "%s%d", "$1", "KEYS[1]", "\r\nDEL x\r\n", "naïve", "日本語", "🔑", "\u202e", "\U0010ffff", "\x7f",
	"leasehold", "Leasehold:x", " leasehold:x", "x:leasehold:", "exchange:1:status",
	strings.Repeat("k", store.MaxKey), strings.Repeat("é", store.MaxKey/2), strings.Repeat("}", store.MaxKey),
}

// wantInvalid checks that err is an InvalidError that names the argument.
func (c *trial) wantInvalid(call string, err error, what string) {
	c.Helper()
	c.want(call, err, store.ErrInvalid)
	if invalid, _ := errors.AsType[*store.InvalidError](err); what != "" && invalid.What != what {
		c.failf("%s: the error %q names the %s, want the %s", call, err, invalid.What, what)
	}
}
