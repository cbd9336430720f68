package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// held is a store whose every key is held by what a test says.
type held struct{ shelf }

func (h held) Create(context.Context, store.Claim) (store.Grant, error) {
	return store.Grant{}, &store.HeldError{Record: h.records[0]}
}

func (h held) Delete(context.Context, string, store.Term) error { return nil }

// Whatever lies under a key: reading it and meeting it end well.
func FuzzRecord(f *testing.F) {
	for _, value := range []string{
		"", "hello", "{}", "null", `{"count":1,"leasehold":null}`, `{"leasehold":"x"}`, `{"Leasehold":{},"leasehold":{}}`,
		`{"leasehold":{"instance":"x","host":"h","ip":"10.0.0.7","since":"2026-11-21T10:00:00Z","ttl":1000}}`,
		`{"leasehold":{"ip":"x","since":"y"}}`, `{"leasehold":{"ttl":9223372036854775807}}`,
		`{"leasehold":{"since":"9999-12-31T23:59:59+23:59","history":[{"number":1,"from":"a","to":"b"},null]}}`,
		`{"leasehold":{"process":{"pid":-1,"start":18446744073709551615,"boot":"b","namespace":"n"}}}`,
	} {
		f.Add([]byte(value), uint64(1), int64(time.Second))
	}
	f.Fuzz(func(t *testing.T, value []byte, token uint64, left int64) {
		r := store.Record{Key: key, Value: value, Token: store.Token(token), Left: time.Duration(max(left, 1))}
		st := held{shelf{records: []store.Record{r}}}
		e, err := registry.Get[payload](t.Context(), st, key)
		if err != nil || e.Token != r.Token || e.Left != r.Left {
			t.Fatalf("got %+v, %v", e, err)
		}
		if !json.Valid(value) && (e.Err == nil || e.Published) {
			t.Errorf("%+v was read from what is not JSON", e)
		}
		if e.Heartbeat.After(time.Now()) {
			t.Errorf("a heartbeat in the future: %v", e.Heartbeat)
		}
		cfg := configure(func(c *config) { c.Reclaim = registry.ReclaimDead })
		_, err = registry.Register(t.Context(), keep(t, st), lifecycle, cfg)
		if conflict, ok := errors.AsType[*registry.ConflictError](err); !ok || conflict.Error() == "" {
			t.Errorf("got %v, want a conflict", err)
		}
	})
}
