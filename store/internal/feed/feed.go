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
	maxDirty = 10_000 // keys marked before a feed reads everything instead

	firstBackoff = 100 * time.Millisecond // after the source failed, doubling
	maxBackoff   = 5 * time.Second

	minInterval = time.Second // between full reads of a lossy feed
	maxInterval = time.Minute
)

// errStop means that the reader left the loop.
var errStop = errors.New("the reader left the loop")

// feed is one watch. Only the goroutine that runs the loop touches it.
type feed struct {
	src    Source
	prefix string
	lossy  bool
	marks  *marks
	yield  func(store.Event, error) bool

	known   map[string]entry // what the reader was told
	at      time.Time        // when what is being told was read, which a slow reader hears later
	expiry  time.Time        // no known record's time left has passed before it; zero for none
	full    time.Time        // when to read everything though nothing was marked; if lossy
	backoff time.Duration    // before trying a source again that failed; zero while it answers
}

// entry is a record that was told, and when its time left will have passed.
type entry struct {
	store.Record
	deadline time.Time
}

// due is what a feed has to read.
type due struct {
	keys   map[string]store.Cause
	all    bool
	missed bool // and it is certain that changes were missed
}

func (f *feed) run(ctx context.Context) error {
	if err := f.readAll(ctx, false); err != nil {
		return err
	}
	for {
		d, err := f.next(ctx)
		if err != nil {
			return err
		}
		if err := f.read(ctx, d); err != nil && !f.outlives(ctx, err) {
			return err
		}
	}
}

// next blocks until there is something to read.
func (f *feed) next(ctx context.Context) (due, error) {
	timer := time.NewTimer(f.idle())
	defer timer.Stop()
	signal := f.marks.signal
	if f.backoff > 0 {
		signal = nil // let marks gather until the backoff is over
	}
	select {
	case <-ctx.Done():
		return due{}, context.Cause(ctx)
	case <-f.marks.closed:
		return due{}, store.ErrClosed
	case <-signal:
	case <-timer.C:
	}
	now := time.Now()
	keys, missed := f.marks.take()
	f.addExpired(keys, now)
	missed = missed || f.backoff > 0
	return due{keys: keys, all: missed || f.lossy && !now.Before(f.full), missed: missed}, nil
}

// idle is how long the feed may sleep if nobody marks anything.
func (f *feed) idle() time.Duration {
	switch {
	case f.backoff > 0:
		return f.backoff
	case f.lossy && (f.expiry.IsZero() || f.full.Before(f.expiry)):
		return time.Until(f.full)
	case !f.expiry.IsZero():
		return time.Until(f.expiry)
	}
	return time.Hour // nothing known and nothing to miss: any long time will do
}

// addExpired adds the keys whose time left has passed. Each is only read again:
// its holder may have renewed it without anyone being told.
func (f *feed) addExpired(keys map[string]store.Cause, now time.Time) {
	if f.expiry.IsZero() || now.Before(f.expiry) {
		return
	}
	f.expiry = time.Time{}
	for key, e := range f.known {
		if now.Before(e.deadline) {
			f.wakeBy(e.deadline)
		} else if _, marked := keys[key]; !marked {
			keys[key] = store.CauseUnknown
		}
	}
}

// outlives reports whether the watch goes on after err, and backs off if so.
func (f *feed) outlives(ctx context.Context, err error) bool {
	if ctx.Err() != nil || err == errStop || errors.Is(err, store.ErrClosed) {
		return false
	}
	f.backoff = min(max(2*f.backoff, firstBackoff), maxBackoff)
	return true
}

func (f *feed) read(ctx context.Context, d due) error {
	if d.all {
		return f.readAll(ctx, d.missed)
	}
	if len(d.keys) == 0 {
		return nil
	}
	live, err := f.src.Read(ctx, slices.Collect(maps.Keys(d.keys)))
	if err != nil {
		return err
	}
	f.at = time.Now()
	return f.tell(f.changes(d.keys, live))
}

// readAll tells how everything under the prefix differs from what was told,
// between EventResync and EventSynced. When nothing does it says nothing, unless changes
// are known to have been missed. The first time there is no EventResync.
func (f *feed) readAll(ctx context.Context, missed bool) error {
	live := make(map[string]store.Record)
	for r, err := range f.src.List(ctx, f.prefix) {
		if err != nil {
			return err
		}
		live[r.Key] = r
	}
	first := f.known == nil
	if first {
		f.known = make(map[string]entry, len(live))
	}
	f.backoff = 0
	f.at = time.Now()
	f.full = f.at.Add(interval(live))

	events := f.changes(f.all(live), live)
	switch {
	case first:
	case missed || len(events) > 0:
		events = append([]store.Event{{Kind: store.EventResync}}, events...)
	default:
		return nil
	}
	return f.tell(append(events, store.Event{Kind: store.EventSynced}))
}

// all marks every key that is live or was told.
func (f *feed) all(live map[string]store.Record) map[string]store.Cause {
	keys := make(map[string]store.Cause, len(live))
	for key := range live {
		keys[key] = store.CauseUnknown
	}
	for key := range f.known {
		keys[key] = store.CauseUnknown
	}
	return keys
}

// interval is the time until the next full read of a lossy feed: what a holder
// that died unseen could take to vanish.
func interval(live map[string]store.Record) time.Duration {
	var most time.Duration
	for _, r := range live {
		most = max(most, r.Left)
	}
	if most == 0 {
		return maxInterval
	}
	return min(max(most, minInterval), maxInterval)
}

// changes returns what takes the reader from what it was told of the keys to
// what is live. A record that is alike only has its deadline moved.
func (f *feed) changes(keys map[string]store.Cause, live map[string]store.Record) []store.Event {
	var events []store.Event
	for key, cause := range keys {
		was, told := f.known[key]
		now, is := live[key]
		switch {
		case is && told && was.Token == now.Token && bytes.Equal(was.Value, now.Value):
			f.remember(now)
		case is:
			events = append(events, store.Event{Kind: store.EventPut, Record: now})
		case told:
			events = append(events, gone(was, cause))
		}
	}
	return events
}

// gone is the end of a record, from expiry if no cause is known and its time
// left has passed.
func gone(e entry, cause store.Cause) store.Event {
	if cause == store.CauseUnknown && !time.Now().Before(e.deadline) {
		cause = store.CauseExpired
	}
	return store.Event{Kind: store.EventGone, Record: store.Record{Key: e.Key, Token: e.Token}, Cause: cause}
}

// tell yields events and keeps account of them.
func (f *feed) tell(events []store.Event) error {
	for _, e := range events {
		switch e.Kind {
		case store.EventPut:
			f.remember(e.Record)
		case store.EventGone:
			delete(f.known, e.Record.Key)
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
		left = maxInterval // no expiry to wait for: look now and then
	}
	e := entry{Record: r, deadline: f.at.Add(left)}
	f.known[r.Key] = e
	f.wakeBy(e.deadline)
}

func (f *feed) wakeBy(at time.Time) {
	if f.expiry.IsZero() || at.Before(f.expiry) {
		f.expiry = at
	}
}
