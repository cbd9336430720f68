package registry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// heldStore is a store in which a given record holds every key.
type heldStore struct{ fixedStore }

func (h heldStore) Create(context.Context, store.Claim) (store.Grant, error) {
	return store.Grant{}, &store.HeldError{Record: h.records[0]}
}

// Delete fails, because no record of the test has a process of this boot to reclaim.
func (h heldStore) Delete(context.Context, string, store.LeaseRef) error {
	return errors.New("the record was deleted")
}

// Any value can be read, and makes Register return a conflict.
func FuzzRecord(f *testing.F) {
	for _, value := range []string{
		"", "hello", "{}", "null", `{"count":1,"leasehold":null}`, `{"leasehold":"x"}`, `{"Leasehold":{},"leasehold":{}}`,
		`{"leasehold":{"instance":"x","host":"h","ip":"10.0.0.7","since":"2026-11-21T10:00:00Z","ttl":1000}}`,
		`{"leasehold":{"ip":"x","since":"y"}}`, `{"leasehold":{"ttl":9223372036854775807}}`, `{"leasehold":{"ttl":-1}}`,
		`{"leasehold":{"since":"9999-12-31T23:59:59+23:59","history":[{"number":1,"from":"a","to":"b"},null]}}`,
		`{"leasehold":{"process":{"pid":-1,"start":18446744073709551615,"boot":"b","namespace":"n"}}}`,
		`{"leasehold":{"instance":"a","instance":"b"},"leasehold":{"host":"c"}}`, `{"leasehold":{"instance":1e400,"ttl":1e400}}`,
		`{"leasehold":{"ttl":1e3}}`, `{"count":99999999999999999999999999}`, `{"count":1}{"leasehold":{}}`,
		"{\"leasehold\":{\"host\":\"\xff\xfe\",\"instance\":\"\\ud800\",\"state\":\"\\u0000\"}}", "{\"lea\u017fehold\":{\"instance\":\"x\"}}",
		strings.Repeat("[", 20_000), `{"leasehold":` + strings.Repeat(`{"history":`, 20_000), strings.Repeat(`{"a":`, 9_000) + "1" + strings.Repeat("}", 9_000),
		`{"leasehold":{"history":` + strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000) + `}}`,
	} {
		f.Add([]byte(value), uint64(1), int64(time.Second))
	}
	f.Fuzz(func(t *testing.T, value []byte, token uint64, left int64) {
		r := store.Record{Key: key, Value: value, Token: store.Token(token), Left: time.Duration(max(left, 1))}
		st := heldStore{fixedStore{records: []store.Record{r}}}
		e, err := registry.Get[payload](t.Context(), st, key)
		if err != nil || e.Token != r.Token || e.Left != r.Left {
			t.Fatalf("got %+v, %v", e, err)
		}
		if !json.Valid(value) && (e.Err == nil || e.Published) {
			t.Errorf("%+v was decoded from a value that is not JSON", e)
		}
		if e.Published && countFields(value) == 0 {
			t.Errorf("%+v was decoded from a value without the registry's part", e)
		}
		if e.Heartbeat.After(time.Now()) {
			t.Errorf("a heartbeat in the future: %v", e.Heartbeat)
		}
		wantSameFromListAndWatch(t, st, e)
		cfg := configure(func(c *config) { c.Reclaim = registry.ReclaimDead })
		_, err = registry.Register(t.Context(), newKeeper(t, st), lifecycle, cfg)
		if conflict, ok := errors.AsType[*registry.ConflictError](err); !ok || conflict.Error() == "" {
			t.Errorf("got %v, want a conflict", err)
		}
	})
}

// wantSameFromListAndWatch fails unless List and Watch read a record as Get did.
func wantSameFromListAndWatch(t *testing.T, st store.Store, want record) {
	shown := func(e record) string {
		e.Heartbeat = time.Time{} // counted from when it was read
		return fmt.Sprintf("%+v", e)
	}
	for got, err := range registry.List[payload](t.Context(), st, "") {
		if err != nil || shown(got) != shown(want) {
			t.Errorf("list reads %s, %v; get reads %s", shown(got), err, shown(want))
		}
	}
	for got := range registry.Watch[payload](t.Context(), st, "") {
		if shown(got.Record) != shown(want) {
			t.Errorf("watch reads %s; get reads %s", shown(got.Record), shown(want))
		}
		break
	}
}

// countFields counts the registry's fields in an object, in any letter case.
func countFields(object []byte) (count int) {
	d := json.NewDecoder(bytes.NewReader(object))
	d.UseNumber() // of any size
	for depth, name := 0, false; ; {
		token, err := d.Token()
		if err != nil {
			return count
		}
		switch delim, nested := token.(json.Delim); {
		case nested && (delim == '{' || delim == '['):
			depth++
			name = delim == '{'
			continue
		case nested:
			depth--
			name = true
			continue
		}
		if word, _ := token.(string); depth == 1 && name && strings.EqualFold(word, "leasehold") {
			count++
		}
		name = !name
	}
}

// Any payload is refused or published with exactly one field appended.
func FuzzPayload(f *testing.F) {
	for _, object := range []string{
		"", "{}", " { } ", "[]", "null", `"{}"`, `{"a":1}`, `{"a":1,"a":2}`, `{"leasehold":1}`, `{"LEASEHOLD":{}}`, "{\"lea\u017fehold\":1}",
		`{"\u006ceasehold":1}`, `{"a":{"leasehold":1}}`, `{"a":"}"}`, `{"a":"\\"}`, "{\"\xff\":1}", `{"":1}`, `{"a":1e400}`, "{\"a\":1}\n", `{"a":1}}`,
		`{"a":` + strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000) + `}`,
	} {
		f.Add([]byte(object))
	}
	f.Fuzz(func(t *testing.T, object []byte) {
		st := teststore.New()
		inst, err := publish(t, st, json.RawMessage(object), nil)
		var fields, all map[string]json.RawMessage
		if json.Unmarshal(object, &fields) != nil || fields == nil || countFields(object) > 0 {
			if !errors.Is(err, registry.ErrBadPayload) {
				t.Errorf("got %v, want %v", err, registry.ErrBadPayload)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		r, _ := st.Get(t.Context(), key)
		if err := json.Unmarshal(r.Value, &all); err != nil || countFields(r.Value) != 1 {
			t.Errorf("published %q: %v", r.Value, err)
		}
		delete(all, "leasehold")
		if len(all) != len(fields) {
			t.Errorf("published %q for %q", r.Value, object)
		}
		if e := published(t, st); !e.Published || e.Instance != inst.Status().Instance {
			t.Errorf("published %+v", e)
		}
	})
}
