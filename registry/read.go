package registry

import (
	"context"
	"iter"

	"github.com/leasehold-go/leasehold/store"
)

// Get returns the record under a key; see [store.Store] for its errors.
func Get[P any](ctx context.Context, st store.Store, key string) (Record[P], error) {
	r, err := st.Get(ctx, key)
	if err != nil {
		return Record[P]{}, err
	}
	return newRecord[P](r), nil
}

// List yields the records under a prefix, in no particular order. A record whose
// payload cannot be decoded is yielded with its Err set. A non-nil second value ends
// the list.
func List[P any](ctx context.Context, st store.Store, prefix string) iter.Seq2[Record[P], error] {
	return func(yield func(Record[P], error) bool) {
		for r, err := range st.List(ctx, prefix) {
			if err != nil {
				yield(Record[P]{}, err)
				return
			}
			if !yield(newRecord[P](r), nil) {
				return
			}
		}
	}
}

// Event is a [store.Event] with its record decoded.
type Event[P any] struct {
	Kind   store.EventKind
	Record Record[P]   // of a put; of a gone it has key and token only
	Cause  store.Cause // of a gone
}

// Watch yields the records under a prefix as they are, a mark, and then changes,
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
		return Event[P]{Kind: e.Kind, Cause: e.Cause, Record: Record[P]{Key: e.Record.Key, Token: e.Record.Token}}
	}
	return Event[P]{Kind: e.Kind, Record: newRecord[P](e.Record)}
}
