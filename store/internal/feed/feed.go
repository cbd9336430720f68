package feed

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

const (
	maxDirty = 10_000 // marked keys beyond which a feed reads its whole scope instead

	dueSoonShare = 4 // a record is due soon in the last quarter of its time left

	firstBackoff = 100 * time.Millisecond // after a failed read; doubles
	maxBackoff   = 5 * time.Second

	minInterval = time.Second // between lists of a lossy feed
	maxInterval = time.Minute
)

// errStop means that the reader left the loop.
var errStop = errors.New("the reader left the loop")

// feed is the state of one watch. Only the goroutine that runs the loop touches it.
type feed struct {
	src    Source
	scope  scope
	lossy  bool
	gather func() time.Duration // from the first mark to the read; nil for none
	marks  *marks
	yield  func(store.Event, error) bool

	known    map[string]entry // the records that were yielded
	ended    store.Token      // of the record whose end was yielded last
	askedAt  time.Time        // when the events that are being yielded were asked for
	readAt   time.Time        // when they were read; a slow reader gets them later
	expiry   time.Time        // not after the deadline of any known record; zero if there is none
	nextList time.Time        // when a lossy feed reads its whole scope although nothing was marked
	backoff  time.Duration    // pause after a failed read; zero while reads succeed
}

// entry is a record that was yielded, and the end of its time left.
type entry struct {
	store.Record
	deadline time.Time
	earliest time.Time // at which it can have expired: the store counts from before its answer
	dueSoon  time.Time // from then on it is read if another record is due
}

// work is the next read of a feed: some keys, or all of its scope.
type work struct {
	keys   map[string]change
	list   bool
	missed bool // changes were certainly missed, so the list is a resync
}

func (f *feed) run(ctx context.Context) error {
	if err := f.list(ctx, false); err != nil {
		return err
	}
	for {
		w, err := f.next(ctx)
		if err != nil {
			return err
		}
		if w.list {
			err = f.list(ctx, w.missed)
		} else if err = f.send(f.deleted(w.keys)); err == nil && len(w.keys) > 0 {
			var live map[string]store.Record
			f.askedAt = time.Now()
			if live, err = f.src.Read(ctx, slices.Collect(maps.Keys(w.keys))); err == nil {
				f.readAt = time.Now()
				err = f.send(f.changes(w.keys, live))
			}
		}
		if err == nil {
			continue
		}
		if ctx.Err() != nil || err == errStop || errors.Is(err, store.ErrClosed) {
			return err
		}
		f.backoff = min(max(2*f.backoff, firstBackoff), maxBackoff)
	}
}

// next blocks until there is something to read: marks, a record due to expire, the next
// list of a lossy feed, or the end of a backoff.
func (f *feed) next(ctx context.Context) (work, error) {
	wait := time.Hour // without known records any long time will do
	switch {
	case f.backoff > 0:
		wait = f.backoff
	case f.lossy && (f.expiry.IsZero() || f.nextList.Before(f.expiry)):
		wait = time.Until(f.nextList)
	case !f.expiry.IsZero():
		wait = time.Until(f.expiry)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	signal := f.marks.signal
	if f.backoff > 0 {
		signal = nil // collect marks until the backoff is over
	}
	select {
	case <-ctx.Done():
		return work{}, context.Cause(ctx)
	case <-f.marks.closed:
		return work{}, store.ErrClosed
	case <-signal:
		pause, again := time.Duration(0), (<-chan struct{})(nil)
		if f.gather != nil {
			pause = f.gather()
		}
		if f.scope.exact && f.lossy && !f.marks.urgent() {
			// Who waits for a key hears of its own create too, and has ended the watch before a read.
			pause, again = moment, signal
		}
		if pause > 0 {
			timer.Reset(pause)
			select {
			case <-ctx.Done():
				return work{}, context.Cause(ctx)
			case <-f.marks.closed:
				return work{}, store.ErrClosed
			case <-again:
			case <-timer.C:
			}
		}
	case <-timer.C:
	}
	now := time.Now()
	keys, missed := f.marks.take(nil)

	// A record due to expire is only read again: its holder may have renewed it, and a
	// renew is not marked. Those that are due soon are read with it, so that many records need
	// few reads.
	if !f.expiry.IsZero() && !now.Before(f.expiry) {
		f.expiry = time.Time{}
		for key, e := range f.known {
			if now.Before(e.dueSoon) {
				f.wakeBy(e.deadline)
			} else if _, marked := keys[key]; !marked {
				keys[key] = change{}
			}
		}
	}
	missed = missed || f.backoff > 0
	return work{keys: keys, list: missed || f.lossy && !now.Before(f.nextList), missed: missed}, nil
}

// deleted removes the keys with a known record marked as deleted, and returns their ends.
// A token never comes back, so there is nothing to read; a successor is marked by itself.
func (f *feed) deleted(keys map[string]change) []store.Event {
	var events []store.Event
	for key, c := range keys {
		if r, known := f.known[key]; known && c.token != 0 && c.token == r.Token {
			events = append(events, endOf(r.Record, store.CauseDeleted))
			delete(keys, key)
		}
	}
	return events
}

func endOf(r store.Record, cause store.Cause) store.Event {
	return store.Event{Kind: store.EventGone, Record: store.Record{Key: r.Key, Token: r.Token}, Cause: cause}
}

// read returns every record of the scope.
func (f *feed) read(ctx context.Context) (map[string]store.Record, error) {
	if f.scope.exact {
		return f.src.Read(ctx, []string{f.scope.name})
	}
	live := make(map[string]store.Record)
	for r, err := range f.src.List(ctx, f.scope.name) {
		if err != nil {
			return nil, err
		}
		live[r.Key] = r
	}
	return live, nil
}

// list reads every record of the scope and yields the changes between EventResync
// and EventSynced; the first list has no EventResync. A later list without changes
// yields nothing, unless changes were certainly missed.
func (f *feed) list(ctx context.Context, missed bool) error {
	f.askedAt = time.Now()
	live, err := f.read(ctx)
	if err != nil {
		return err
	}
	keys := make(map[string]change)
	var longest time.Duration
	for key, r := range live {
		keys[key] = change{}
		longest = max(longest, r.Left)
	}
	first := f.known == nil
	if first {
		f.known = make(map[string]entry, len(live))
	}
	f.backoff = 0
	f.readAt = time.Now()

	// A lossy feed lists again when the longest time left has passed: until then the
	// record of a holder that died may have existed anyway.
	interval := maxInterval
	if longest > 0 {
		interval = min(max(longest, minInterval), maxInterval)
	}
	f.nextList = f.readAt.Add(interval)

	for key := range f.known {
		keys[key] = change{}
	}
	events := f.changes(keys, live)
	switch {
	case first:
	case missed || len(events) > 0:
		events = append([]store.Event{{Kind: store.EventResync}}, events...)
	default:
		return nil
	}
	return f.send(append(events, store.Event{Kind: store.EventSynced}))
}

// changes returns the events that lead from the known records of the keys to the live
// ones. For an unchanged record it only moves the deadline. The feed of one key also tells
// of a change that left nothing and began with nothing.
func (f *feed) changes(keys map[string]change, live map[string]store.Record) []store.Event {
	var events []store.Event
	for key, c := range keys {
		before, known := f.known[key]
		now, exists := live[key]
		switch {
		case exists && known && before.Token == now.Token && bytes.Equal(before.Value, now.Value):
			f.remember(now)
		case exists:
			events = append(events, store.Event{Kind: store.EventPut, Record: now})
		case known:
			cause := c.cause
			if cause == store.CauseUnknown && !time.Now().Before(before.earliest) {
				cause = store.CauseExpired
			}
			events = append(events, endOf(before.Record, cause))
		case f.scope.exact && (c.token == 0 || c.token != f.ended):
			// A record came and went unread. A caller may wait for its end.
			events = append(events, store.Event{Kind: store.EventResync}, store.Event{Kind: store.EventSynced})
		}
	}
	return events
}

// send yields events and applies them to the known records.
func (f *feed) send(events []store.Event) error {
	for _, e := range events {
		switch e.Kind {
		case store.EventPut:
			f.remember(e.Record)
		case store.EventGone:
			delete(f.known, e.Record.Key)
			f.ended = e.Record.Token
		}
		if !f.yield(e, nil) {
			return errStop
		}
	}
	return nil
}

func (f *feed) remember(r store.Record) {
	left := r.Left
	if left == store.Forever {
		left = maxInterval // there is no expiry to wait for; read it from time to time
	}
	e := entry{Record: r, deadline: f.readAt.Add(left), earliest: f.askedAt.Add(left), dueSoon: f.readAt.Add(left - left/dueSoonShare)}
	f.known[r.Key] = e
	f.wakeBy(e.deadline)
}

// wakeBy makes next return at the given time at the latest.
func (f *feed) wakeBy(at time.Time) {
	if f.expiry.IsZero() || at.Before(f.expiry) {
		f.expiry = at
	}
}
