package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

// Log configures the activity log of an instance. Its zero fields are the defaults. The store
// drops an entry at the first limit that it reaches. A request that moves the machine makes two
// entries: of the transition and of the request.
type Log struct {
	// Entries is how many entries the store keeps under the key, the newest; 1,000 if zero, at
	// most [store.MaxLogLength].
	Entries int
	// Age is for how long; seven days if zero, [store.MinLogAge] to [store.MaxLogAge].
	Age time.Duration
	// Dropped, if set, is called with the number of entries that could not be stored since the
	// last call, and the reason of the last, on a goroutine of its own. Until it has returned, it
	// is not called again. [Instance.LogDropped] counts the entries that it has been told of.
	Dropped func(entries int, err error)
}

const (
	defaultLogEntries = 1000
	defaultLogAge     = 7 * 24 * time.Hour
	maxLoggedText     = 2 << 10 // bytes of one text in an entry
)

func (l Log) limits() store.LogLimits {
	return store.LogLimits{Entries: cmp.Or(l.Entries, defaultLogEntries), Age: cmp.Or(l.Age, defaultLogAge)}
}

// LogKind is the kind of an entry of the activity log.
type LogKind string

// The kinds of entries.
const (
	LogRegistered LogKind = "registered" // Identity is set
	LogTransition LogKind = "transition" // Transition is set
	LogRequest    LogKind = "request"    // Request is set: its outcome; once more if it expired before that reached the sender
	LogError      LogKind = "error"      // Text is set: the last error of the status
	LogLeft       LogKind = "left"       // the lease is about to be released; other last entries can follow
	// LogLost tells that a lease ended without LogLeft before the next instance registered. It
	// is not stored: readers derive it. Its time is that of the next entry, and its position is
	// after all entries of its lease. Until another instance registers there is none: to learn of
	// a death before, [Watch] the record, and look for LogLeft once it has gone.
	LogLost LogKind = "lost"
)

// LogEntry is one entry of an activity log.
type LogEntry struct {
	store.LogPosition `json:"-"`

	At         time.Time               `json:"at"` // by the clock of the instance
	Kind       LogKind                 `json:"kind"`
	Identity   *Identity               `json:"-"`
	Transition *fsm.Transition[string] `json:"transition,omitempty"`
	Request    *LoggedRequest          `json:"request,omitempty"`
	Text       string                  `json:"text,omitempty"`
}

// LoggedRequest is a request in the activity log.
type LoggedRequest struct {
	ID       string  `json:"id"`
	Sender   string  `json:"sender,omitempty"` // as it called itself
	What     string  `json:"what"`             // e.g. `state "active"`
	Outcome  Outcome `json:"outcome"`
	Error    string  `json:"error,omitempty"`
	Duration string  `json:"took,omitempty"`
}

// logged is the stored form of an entry.
type logged struct {
	LogEntry
	Identity *publishedIdentity `json:"identity,omitempty"`
	Leaving  bool               `json:"leaving,omitempty"` // the lease has an entry LogLeft, here or before
}

// encode returns the stored form of an entry, with long texts cut. It cannot fail: all fields
// marshal.
func (l logged) encode() []byte {
	if l.LogEntry.Identity != nil {
		l.Identity = new(publish(*l.LogEntry.Identity))
	}
	for limit := maxLoggedText; ; limit /= 2 {
		value, err := json.Marshal(l.cut(limit))
		if err != nil {
			panic(fmt.Sprintf("registry: log entry: %v", err))
		}
		if len(value) <= store.MaxLogValue || limit == 0 { // a byte can take six in JSON
			return value
		}
	}
}

// cut returns the entry with texts of at most limit bytes.
func (l logged) cut(limit int) logged {
	cut := func(texts ...*string) {
		for _, text := range texts {
			if len(*text) > limit {
				*text = strings.ToValidUTF8((*text)[:limit], "") + "…"
			}
		}
	}
	cut(&l.Text)
	if l.Identity != nil {
		l.Identity = new(*l.Identity)
		cut(&l.Identity.Instance, &l.Identity.Host)
	}
	if l.Transition != nil {
		l.Transition = new(*l.Transition)
		cut(&l.Transition.Cause, &l.Transition.Event, &l.Transition.From, &l.Transition.To)
	}
	if l.Request != nil {
		l.Request = new(*l.Request)
		cut(&l.Request.Sender, &l.Request.What, &l.Request.Error)
	}
	return l
}

// complete reports whether an entry has the part that its kind promises.
func (l logged) complete() bool {
	switch l.Kind {
	case LogRegistered:
		return l.Identity != nil
	case LogTransition:
		return l.Transition != nil
	case LogRequest:
		return l.Request != nil
	}
	return l.Kind == LogError || l.Kind == LogLeft
}

func newLogEntry(s store.LogEntry) logged {
	var l logged
	if err := json.Unmarshal(s.Value, &l); err != nil || !l.complete() {
		l = logged{LogEntry: LogEntry{At: l.At, Kind: LogError, Text: fmt.Sprintf("an entry that cannot be read: %.100q", s.Value)}}
	}
	l.LogPosition = s.LogPosition
	if l.Identity != nil {
		l.LogEntry.Identity = new(l.Identity.identity())
	}
	return l
}

// ReadLog yields entries of the activity log of a key, oldest first unless the query says
// otherwise; an entry [LogLost] is not counted in the limit of the query. It fails with
// *[store.InvalidError] if the store is no [store.Logger].
//
// The next page begins at the position of the last entry of this one: give it as After, or as
// Before if the query is backward. A query has no times: to read a day, read backward and compare
// [LogEntry.At].
func ReadLog(ctx context.Context, st store.Store, key string, query store.LogQuery) iter.Seq2[LogEntry, error] {
	return readLog(ctx, st, key, query, func(l store.Logger) iter.Seq2[store.LogEntry, error] { return l.ReadLog(ctx, key, query) })
}

// FollowLog yields the entries after a position, all if it is zero, and then each new one as it
// comes; see [store.Logger].
func FollowLog(ctx context.Context, st store.Store, key string, after store.LogPosition) iter.Seq2[LogEntry, error] {
	query := store.LogQuery{After: after}
	return readLog(ctx, st, key, query, func(l store.Logger) iter.Seq2[store.LogEntry, error] { return l.FollowLog(ctx, key, after) })
}

// readLog decodes the entries of a query, and puts LogLost between two leases.
func readLog(ctx context.Context, st store.Store, key string, query store.LogQuery, read func(store.Logger) iter.Seq2[store.LogEntry, error]) iter.Seq2[LogEntry, error] {
	return func(yield func(LogEntry, error) bool) {
		logger, ok := st.(store.Logger)
		if !ok {
			yield(LogEntry{}, &store.InvalidError{Key: key, What: "store", Rule: "must keep logs, as a store.Logger does"})
			return
		}
		older, newer, err := neighbours(ctx, logger, key, query)
		if err != nil {
			yield(LogEntry{}, err)
			return
		}
		last, beyond := older, newer // in the direction of the query
		if query.Backward {
			last, beyond = newer, older
		}
		n := 0
		for s, err := range read(logger) {
			if err != nil {
				yield(LogEntry{}, err)
				return
			}
			e := newLogEntry(s)
			if lost, is := lossBetween(last, e); is && within(lost.LogPosition, query) && !yield(lost, nil) {
				return
			}
			if !yield(e.LogEntry, nil) {
				return
			}
			last = e
			n++
		}
		if query.Limit > 0 && n >= query.Limit {
			return // the next page has what lies between
		}
		if lost, is := lossBetween(last, beyond); is && within(lost.LogPosition, query) {
			yield(lost, nil)
		}
	}
}

// neighbours returns the entries beside the result of a query, at its bounds or beyond; none
// where it has no bound.
func neighbours(ctx context.Context, l store.Logger, key string, query store.LogQuery) (older, newer logged, err error) {
	one := func(into *logged, q store.LogQuery) {
		for s, failed := range l.ReadLog(ctx, key, q) {
			if err = cmp.Or(err, failed); err == nil {
				*into = newLogEntry(s)
			}
		}
	}
	if query.After != (store.LogPosition{}) {
		one(&older, store.LogQuery{Before: next(query.After), Backward: true, Limit: 1})
	}
	if query.Before != (store.LogPosition{}) {
		one(&newer, store.LogQuery{After: previous(query.Before), Limit: 1})
	}
	return older, newer, err
}

// lossBetween returns the entry LogLost between two entries that follow each other in either
// direction, if there is one. An entry without a token is none.
func lossBetween(a, b logged) (lost LogEntry, is bool) {
	if a.Compare(b.LogPosition) > 0 {
		a, b = b, a
	}
	if a.Token == 0 || a.Token == b.Token || a.Leaving {
		return lost, false
	}
	return LogEntry{LogPosition: lostPosition(a.Token), At: b.At, Kind: LogLost}, true
}

// within reports whether a query asks for a position.
func within(p store.LogPosition, query store.LogQuery) bool {
	return p.Compare(query.After) > 0 && (query.Before == store.LogPosition{} || p.Compare(query.Before) < 0)
}

// lostPosition is the position of the entry LogLost of a lease: behind all others.
func lostPosition(t store.Token) store.LogPosition {
	return store.LogPosition{Token: t, Number: math.MaxUint64}
}

// next returns the position behind p.
func next(p store.LogPosition) store.LogPosition {
	if p == lostPosition(p.Token) {
		return store.LogPosition{Token: p.Token + 1}
	}
	return store.LogPosition{Token: p.Token, Number: p.Number + 1}
}

// previous returns the position before p.
func previous(p store.LogPosition) store.LogPosition {
	if p.Number == 0 {
		return lostPosition(p.Token - 1)
	}
	return store.LogPosition{Token: p.Token, Number: p.Number - 1}
}

// LogDropped is how many entries of the instance's activity log could not be stored.
func (i *Instance[S, P]) LogDropped() int64 { return i.logDropped.Load() }

// logOptions returns the options of the lease for [Config.Log].
func (i *Instance[S, P]) logOptions() []lease.Option {
	if i.cfg.Log == nil {
		return nil
	}
	return []lease.Option{lease.WithLog(i.cfg.Log.limits(), i.dropped)}
}

// dropped counts entries that were not stored.
func (i *Instance[S, P]) dropped(n int, err error) {
	i.logDropped.Add(int64(n))
	i.tell(context.Background(), Notice{Kind: NoticeLogDropped, Count: n, Err: err})
	if i.cfg.Log.Dropped != nil {
		i.cfg.Log.Dropped(n, err)
	}
}

// log queues an entry for the activity log, if there is one. Of entries LogLeft it queues the first.
func (i *Instance[S, P]) log(e LogEntry) {
	if i.cfg.Log == nil {
		return
	}
	i.logging.Lock()
	defer i.logging.Unlock()
	if e.Kind == LogLeft && i.leaving.Swap(true) {
		return
	}
	_ = i.lease.AppendLog(logged{LogEntry: e, Leaving: i.leaving.Load()}.encode()) // it fails once the lease has ended
}

// logLeft queues the entry LogLeft, once. It takes the turn of a write, so that the entry of each
// later write tells of it: see logged.Leaving.
func (i *Instance[S, P]) logLeft(ctx context.Context) {
	if i.cfg.Log == nil {
		return
	}
	log := func() { i.log(LogEntry{At: time.Now().UTC(), Kind: LogLeft}) }
	_ = i.lease.WriteContent(ctx, func() (lease.Content, error) {
		log()
		return lease.Content{}, errors.New("there is nothing to write")
	}, nil)
	log() // without a turn in time
}

// transitionEntry is the entry for a transition that is being written.
func transitionEntry[S comparable](m fsm.Snapshot[S], from S) *LogEntry {
	t := fsm.Transition[S]{Number: m.Number, From: from, To: m.State, At: m.Since} // with fsm.WithHistory(0)
	if n := len(m.History); n > 0 {
		t = m.History[n-1]
	}
	published := publishedTransition(t)
	return &LogEntry{At: t.At, Kind: LogTransition, Transition: &published}
}
