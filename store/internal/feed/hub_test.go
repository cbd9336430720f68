package feed

import (
	"context"
	"iter"
	"testing"

	"github.com/leasehold-go/leasehold/store"
)

// nothing is an empty source.
type nothing struct{}

func (nothing) Read(context.Context, []string) (map[string]store.Record, error) { return nil, nil }

func (nothing) List(context.Context, string) iter.Seq2[store.Record, error] {
	return func(func(store.Record, error) bool) {}
}

func TestHubForgetsReadersThatLeft(t *testing.T) {
	var h Hub
	for range 10 {
		for range h.Watch(t.Context(), nothing{}, "") {
			break
		}
	}
	if len(h.feeds) != 0 {
		t.Errorf("%d feeds are still marked", len(h.feeds))
	}
}
