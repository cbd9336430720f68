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

// Log configures the activity log of an instance. Its zero fields are the defaults.
type Log struct {
	// Entries is how many entries the store keeps under the key, the newest; 1,000 if zero.
	Entries int
	// Age is for how long; seven days if zero.
	Age time.Duration
	// Dropped, if set, is called with the number of entries that could not be stored, and the
	// reason. It must return soon. [Instance.LogDropped] counts them.
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
	LogRequest    LogKind = "request"    // Request is set: it has been answered
	LogError      LogKind = "error"      // Text is set: the last error of the status
	LogLeft       LogKind = "left"       // the lease was about to be released
	// LogLost tells that a lease ended without LogLeft before the next instance registered. It
	// is not stored: readers derive it. Its time is that of the next entry.
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
}

// encode returns the stored form, with long texts cut. It cannot fail: all fields marshal.
func (e LogEntry) encode() []byte {
	cut(&e.Text)
	if e.Transition != nil {
		t := *e.Transition
		cut(&t.Cause, &t.Event, &t.From, &t.To)
		e.Transition = &t
	}
	if e.Request != nil {
		r := *e.Request
		cut(&r.Sender, &r.What, &r.Error)
		e.Request = &r
	}
	l := logged{LogEntry: e}
	if e.Identity != nil {
		l.Identity = new(publish(*e.Identity))
	}
	value, err := json.Marshal(l)
	if err != nil {
		panic(fmt.Sprintf("registry: log entry: %v", err))
	}
	return value
}

// cut cuts texts that are too long for an entry.
func cut(texts ...*string) {
	for _, text := range texts {
		if len(*text) > maxLoggedText {
			*text = strings.ToValidUTF8((*text)[:maxLoggedText], "") + "…"
		}
	}
}

func newLogEntry(s store.LogEntry) LogEntry {
	var l logged
	if err := json.Unmarshal(s.Value, &l); err != nil || l.Kind == "" {
		l.Kind, l.Text = LogError, fmt.Sprintf("an entry that cannot be read: %.100q", s.Value)
	}
	e := l.LogEntry
	e.LogPosition = s.LogPosition
	if l.Identity != nil {
		e.Identity = new(l.Identity.identity())
	}
	return e
}

// ReadLog yields entries of the activity log of a key, oldest first unless the query says
// otherwise; an entry [LogLost] is not counted in the limit of the query. It fails with
// *[store.InvalidError] if the store is no [store.Logger].
func ReadLog(ctx context.Context, st store.Store, key string, query store.LogQuery) iter.Seq2[LogEntry, error] {
	return readLog(st, key, query.Backward, func(l store.Logger) iter.Seq2[store.LogEntry, error] { return l.ReadLog(ctx, key, query) })
}

// FollowLog yields the entries after a position, and then each new one as it comes; see
// [store.Logger].
func FollowLog(ctx context.Context, st store.Store, key string, after store.LogPosition) iter.Seq2[LogEntry, error] {
	return readLog(st, key, false, func(l store.Logger) iter.Seq2[store.LogEntry, error] { return l.FollowLog(ctx, key, after) })
}

// readLog decodes entries, and puts LogLost between those of two leases.
func readLog(st store.Store, key string, backward bool, read func(store.Logger) iter.Seq2[store.LogEntry, error]) iter.Seq2[LogEntry, error] {
	return func(yield func(LogEntry, error) bool) {
		logger, ok := st.(store.Logger)
		if !ok {
			yield(LogEntry{}, &store.InvalidError{Key: key, What: "store", Rule: "must keep logs, as a store.Logger does"})
			return
		}
		var last LogEntry
		for s, err := range read(logger) {
			if err != nil {
				yield(LogEntry{}, err)
				return
			}
			e := newLogEntry(s)
			older, newer := last, e
			if backward {
				older, newer = e, last
			}
			if last.Token != 0 && last.Token != e.Token && older.Kind != LogLeft {
				lost := LogEntry{LogPosition: store.LogPosition{Token: older.Token, Number: math.MaxUint64}, At: newer.At, Kind: LogLost}
				if !yield(lost, nil) {
					return
				}
			}
			if !yield(e, nil) {
				return
			}
			last = e
		}
	}
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
	if i.cfg.Log.Dropped != nil {
		i.cfg.Log.Dropped(n, err)
	}
}

// log queues an entry for the activity log, if there is one.
func (i *Instance[S, P]) log(e LogEntry) {
	if i.cfg.Log == nil {
		return
	}
	if err := i.lease.AppendLog(e.encode()); errors.Is(err, store.ErrInvalid) { // else the lease has ended
		i.dropped(1, err)
	}
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
