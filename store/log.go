package store

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"time"
)

// Logger is implemented by a [Store] that keeps a bounded log under each key: the activity log
// of its leases. It lies beside the record, outlives it, and is in no list or watch of records.
//
// Entries are ordered by the token of the lease that wrote them, then by number. A second
// entry with the same token and number is a repeat and changes nothing.
type Logger interface {
	// AppendLog appends entries to the log of a key. It fails with [ErrLost] unless the live
	// record carries the token, and appends nothing then.
	AppendLog(ctx context.Context, key string, token Token, entries LogEntries) error
	// ReadLog yields the entries of a key that a query asks for, oldest first unless it says
	// otherwise. A key without a log has none. An error is the last item. Entries that are
	// dropped by a limit while they are read may be missing, and are the oldest.
	ReadLog(ctx context.Context, key string, query LogQuery) iter.Seq2[LogEntry, error]
	// FollowLog yields the entries after a position, oldest first, and then each new one as it
	// comes, until the loop is left or the context ends. It misses none that a limit has not
	// dropped. Like a watch it never ends silently: its last item is an error, which is the
	// context's own if the context has ended; a failure of the store meanwhile only delays it.
	FollowLog(ctx context.Context, key string, after LogPosition) iter.Seq2[LogEntry, error]
	// UpdateWith is Update with an addition, which is stored in the same request. Entries that the
	// request cannot carry are stored after it, before later ones, which wait for them, as do reads
	// of the log through the same store.
	UpdateWith(ctx context.Context, update Update, with Addition) error
}

// Addition is stored in the same request as an [Update], and only if the value is written. The
// store must be a [Logger] for a log, and a [Requester] for an answer.
type Addition struct {
	// Log has entries to append, unless it has no values. A log that cannot be written neither
	// fails nor delays the update; see [LogEntries.Failed].
	Log LogEntries
	// Answer, if not nil, takes effect together with the value, or neither does: the update fails
	// with [ErrExpired] where [Requester.Answer] would, and with [ErrStale] if the request has its
	// final answer.
	Answer *Answer
}

// Check refuses an addition that breaks a rule.
func (a Addition) Check() error {
	if len(a.Log.Values) > 0 {
		if err := a.Log.Check(); err != nil {
			return err
		}
	}
	if a.Answer != nil {
		return a.Answer.Check()
	}
	return nil
}

// LogPosition is the place of an entry in the log of a key. The zero position is before all.
type LogPosition struct {
	Token  Token  // of the lease that wrote the entry
	Number uint64 // of the entry in its lease, from 1; a number that is missing was not stored
}

// Compare orders positions: negative if p comes before q, zero if they are equal.
func (p LogPosition) Compare(q LogPosition) int {
	return cmp.Or(cmp.Compare(p.Token, q.Token), cmp.Compare(p.Number, q.Number))
}

// LogEntry is one entry of a log.
type LogEntry struct {
	LogPosition
	Value []byte
}

// LogQuery selects entries of a log.
type LogQuery struct {
	After    LogPosition // only those after it, if not zero
	Before   LogPosition // only those before it, if not zero
	Backward bool        // newest first
	Limit    int         // at most so many; all if zero
}

// LogEntries are entries to append, with the limits of the log.
type LogEntries struct {
	First  uint64   // number of the first value; the others follow it
	Values [][]byte // 1 to MaxLogEntries, each of 1 byte to MaxLogValue
	Limits LogLimits
	// Failed, if not nil, is called with the error if UpdateWith wrote the value and not the
	// entries; with [ErrInDoubt] they may be stored. It must return soon. It may be called after
	// UpdateWith has returned, and not at all if the reply of UpdateWith is lost.
	Failed func(error)
}

// LogLimits bound the log of a key. They are the writer's: each append applies its own.
type LogLimits struct {
	Entries int           // the newest are kept, and up to a tenth more; 1 to MaxLogLength
	Age     time.Duration // an entry goes after it: by twice that at the latest; MinLogAge to MaxLogAge
}

// Limits of every log.
const (
	MaxLogEntries = 64       // in one write
	MaxLogValue   = 16 << 10 // bytes of one entry
	MaxLogLength  = 100_000  // entries
	MinLogAge     = time.Second
	MaxLogAge     = 400 * 24 * time.Hour
)

// Check refuses entries that break a rule.
func (e LogEntries) Check() error {
	switch n := len(e.Values); {
	case n == 0 || n > MaxLogEntries:
		return &InvalidError{What: "log entries", Got: fmt.Sprint(n), Rule: fmt.Sprintf("must be 1 to %d", MaxLogEntries)}
	case e.First == 0 || e.First+uint64(n) < e.First:
		return &InvalidError{What: "number of log entry", Got: fmt.Sprint(e.First), Rule: "must be from 1, without overflow"}
	case e.Limits.Entries < 1 || e.Limits.Entries > MaxLogLength:
		return &InvalidError{What: "length of log", Got: fmt.Sprint(e.Limits.Entries), Rule: fmt.Sprintf("must be 1 to %d entries", MaxLogLength)}
	case e.Limits.Age < MinLogAge || e.Limits.Age > MaxLogAge:
		return &InvalidError{What: "age of log", Got: e.Limits.Age.String(), Rule: fmt.Sprintf("must be %v to %v", MinLogAge, MaxLogAge)}
	}
	for _, v := range e.Values {
		if len(v) == 0 || len(v) > MaxLogValue {
			return &InvalidError{What: "log entry", Got: fmt.Sprintf("of %d bytes", len(v)), Rule: fmt.Sprintf("must have 1 to %d bytes", MaxLogValue)}
		}
	}
	return nil
}
