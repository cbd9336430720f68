package redisstore_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/leasehold-go/leasehold/store"
)

func TestALossSaysWhatIsThere(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		happens func(b *bench, token store.Token)
		says    func(b *bench) string
	}{
		"deleted": {func(b *bench, token store.Token) {
			b.Delete(b.Context(), "key", store.ByToken(token))
		}, func(*bench) string { return "its record was deleted" }},
		"deleted by another program": {func(b *bench, _ store.Token) {
			b.plain.Del(b.Context(), "key")
		}, func(*bench) string { return "there is no record: it was deleted, or expired" }},
		"flushed": {func(b *bench, _ store.Token) {
			b.plain.FlushAll(b.Context())
		}, func(*bench) string { return "neither a record nor its fence" }},
		"taken": {func(b *bench, token store.Token) {
			b.Delete(b.Context(), "key", store.ByToken(token))
			b.hold("key")
		}, func(b *bench) string {
			r, err := b.Get(b.Context(), "key")
			if err != nil {
				b.Fatal(err)
			}
			return fmt.Sprintf("another lease has the key (token %d)", r.Token)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t)
			token := b.hold("key").Token
			c.happens(b, token)
			for verb, err := range map[string]error{
				"renew":  b.Renew(t.Context(), []store.Renewal{{Key: "key", Token: token}})[0].Err,
				"update": b.Update(t.Context(), store.Update{Key: "key", Token: token, Seq: 9, Value: []byte("v")}),
			} {
				want(t, verb, err, store.ErrLost)
				if says := c.says(b); !strings.Contains(err.Error(), says) {
					t.Errorf("%s: %v does not say %q", verb, err, says)
				}
			}
		})
	}
}
