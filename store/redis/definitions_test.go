package redisstore_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// What another program put in the place of a definition is not taken for it, not overwritten and not
// extended, and costs no more than a definition, however long it is.
func TestForeignValueInThePlaceOfADefinition(t *testing.T) {
	t.Parallel()
	definition := []byte("a definition")
	id := store.DefinitionID(definition)
	name := "leasehold:d:" + id
	for what, put := range map[string][]any{
		"another text":  {"SET", name, "another text", "PX", 3_600_000},
		"the same size": {"SET", name, strings.Repeat("x", len(definition))},
		"longer":        {"SET", name, string(definition) + "x"},
		"very long":     {"SET", name, strings.Repeat("x", 8<<20)},
		"empty":         {"SET", name, ""},
		"a list":        {"RPUSH", name, string(definition)},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			b := start(t)
			b.do(put...)
			before := b.do("PTTL", name)
			foreign := new(store.ForeignError)
			if err := b.PutDefinition(t.Context(), definition, 48*time.Hour); !errors.As(err, &foreign) || foreign.Record.Key != name {
				t.Errorf("put: %v", err)
			}
			want := store.ErrForeign
			if what == "empty" {
				want = store.ErrNotFound
			}
			if d, err := b.GetDefinition(t.Context(), id); !errors.Is(err, want) || d != nil {
				t.Errorf("get: %.40q, %v", d, err)
			}
			if after := b.do("PTTL", name).(int64); after > before.(int64) {
				t.Errorf("the time left was %v ms and is %v", before, after)
			}
			b.do("DEL", name)
			if err := b.PutDefinition(t.Context(), definition, time.Hour); err != nil {
				t.Errorf("put once the place is free: %v", err)
			}
		})
	}
}

// A definition whose expiry an operator has taken away gets one again.
func TestADefinitionIsNeverWithoutAnExpiryForLong(t *testing.T) {
	t.Parallel()
	b := start(t)
	definition := []byte("a definition")
	name := "leasehold:d:" + store.DefinitionID(definition)
	for range 2 {
		if err := b.PutDefinition(t.Context(), definition, time.Hour); err != nil {
			t.Fatal(err)
		}
		if left := b.do("PTTL", name).(int64); left <= 0 || left > time.Hour.Milliseconds() {
			t.Fatalf("%d ms are left", left)
		}
		b.do("PERSIST", name)
	}
}
