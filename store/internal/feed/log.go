package feed

import (
	"iter"

	"github.com/leasehold-go/leasehold/store"
)

// ReadLog is the ReadLog of a backend that reads a log page by page, each of at most so many
// entries. read returns the first entries of a query that has a limit.
func ReadLog(query store.LogQuery, page int, read func(store.LogQuery) ([]store.LogEntry, error)) iter.Seq2[store.LogEntry, error] {
	return func(yield func(store.LogEntry, error) bool) {
		for next, left := query, query.Limit; ; {
			next.Limit = page
			if query.Limit > 0 {
				next.Limit = min(left, page)
			}
			entries, err := read(next)
			if err != nil {
				yield(store.LogEntry{}, err)
				return
			}
			for _, e := range entries {
				if !yield(e, nil) {
					return
				}
			}
			left -= len(entries)
			if len(entries) < next.Limit || query.Limit > 0 && left <= 0 {
				return
			}
			if last := entries[len(entries)-1].LogPosition; query.Backward {
				next.Before = last
			} else {
				next.After = last
			}
		}
	}
}
