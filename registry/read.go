package registry

import (
	"context"
	"iter"

	"github.com/leasehold-go/leasehold/store"
)

// Get returns the entry under a key; see [store.Store] for its errors.
func Get[P any](ctx context.Context, st store.Store, key string) (Entry[P], error) {
	r, err := st.Get(ctx, key)
	if err != nil {
		return Entry[P]{}, err
	}
	return newEntry[P](r), nil
}

// List yields the entries under a prefix, in no particular order. An entry whose
// payload cannot be read is yielded with its Err; an error beside an entry ends the
// list.
func List[P any](ctx context.Context, st store.Store, prefix string) iter.Seq2[Entry[P], error] {
	return func(yield func(Entry[P], error) bool) {
		for r, err := range st.List(ctx, prefix) {
			if err != nil {
				yield(Entry[P]{}, err)
				return
			}
			if !yield(newEntry[P](r), nil) {
				return
			}
		}
	}
}

// Event is a [store.Event] with the record read.
type Event[P any] struct {
	Kind  store.EventKind
	Entry Entry[P]    // of a put; of a gone it has key and token only
	Cause store.Cause // of a gone
}

// Watch yields the entries under a prefix as they are, a mark, and then changes,
// as [store.Store] says of its Watch.
func Watch[P any](ctx context.Context, st store.Store, prefix string) iter.Seq2[Event[P], error] {
	return func(yield func(Event[P], error) bool) {
		for e, err := range st.Watch(ctx, prefix) {
			if err != nil {
				yield(Event[P]{}, err)
				return
			}
			if !yield(newEvent[P](e), nil) {
				return
			}
		}
	}
}

func newEvent[P any](e store.Event) Event[P] {
	if e.Kind != store.EventPut {
		return Event[P]{Kind: e.Kind, Cause: e.Cause, Entry: Entry[P]{Key: e.Record.Key, Token: e.Record.Token}}
	}
	return Event[P]{Kind: e.Kind, Entry: newEntry[P](e.Record)}
}
