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
	return Decode[P](r), nil
}

// List yields the record of every key that begins with prefix, in no particular order. The prefix
// is literal: "job:1" also yields job:10, and "" yields every key. Records of bare leases and
// foreign values are among them, the latter as far as the store knows of them: see
// [Record.Published] and [Record.Foreign]. List sets [Record.Err] if a payload cannot be decoded
// and goes on; an error of the store ends the list.
func List[P any](ctx context.Context, st store.Store, prefix string) iter.Seq2[Record[P], error] {
	return func(yield func(Record[P], error) bool) {
		for r, err := range st.List(ctx, prefix) {
			if err != nil {
				yield(Record[P]{}, err)
				return
			}
			if !yield(Decode[P](r), nil) {
				return
			}
		}
	}
}

// Event is a [store.Event] with its record decoded.
type Event[P any] struct {
	Kind   store.EventKind
	Record Record[P]   // with key and token alone unless Kind is EventPut
	Cause  store.Cause // of an EventGone
}

// Watch yields the current records under a prefix, as [List] does, then a [store.EventSynced], then
// changes; see the Watch of [store.Store].
func Watch[P any](ctx context.Context, st store.Store, prefix string) iter.Seq2[Event[P], error] {
	return func(yield func(Event[P], error) bool) {
		for e, err := range st.Watch(ctx, prefix) {
			if err != nil {
				yield(Event[P]{}, err)
				return
			}
			decoded := Event[P]{Kind: e.Kind, Cause: e.Cause, Record: Record[P]{Key: e.Record.Key, Token: e.Record.Token}}
			if e.Kind == store.EventPut {
				decoded.Record = Decode[P](e.Record)
			}
			if !yield(decoded, nil) {
				return
			}
		}
	}
}
