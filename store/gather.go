package store

import (
	"context"
	"iter"
	"time"
)

// GatheringWatcher is implemented by a [Store] that reads records again for a watch after each change,
// and can read those of many changes together.
type GatheringWatcher interface {
	// WatchGathered is Watch with changes up to gather late. What changes meanwhile is read and yielded with
	// the first of them, so that frequent changes cost the store few reads.
	WatchGathered(ctx context.Context, prefix string, gather time.Duration) iter.Seq2[Event, error]
}
