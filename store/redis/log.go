package redisstore

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/leasehold-go/leasehold/store"
	"github.com/leasehold-go/leasehold/store/internal/feed"
)

// logPage is how many entries are read at once: of the longest, less than two mebibytes.
const logPage = 100

// AppendLog implements [store.Logger].
func (s *Store) AppendLog(ctx context.Context, key string, token store.Token, entries store.LogEntries) error {
	if err := cmp.Or(store.Renewal{Key: key, Token: token}.Check(), entries.Check()); err != nil {
		return err
	}
	return s.appendLog(ctx, key, token, entries)
}

func (s *Store) appendLog(ctx context.Context, key string, token store.Token, entries store.LogEntries) error {
	c := s.newAppend(key, token, "", entries)
	s.transport.do(ctx, c)
	_, err := c.number("append log", key)
	return err
}

// newAppend makes the call that appends entries, behind the update with a seq if that is not
// empty.
func (s *Store) newAppend(key string, token store.Token, seq string, entries store.LogEntries) *call {
	return s.newLogCall(logScript, key, token, entries, seq)
}

// newLogCall makes a call of a script with entries.
func (s *Store) newLogCall(sc *script, key string, token store.Token, entries store.LogEntries, own ...any) *call {
	n := s.layout.of(key)
	args := append([]any{s.layout.ofLog(key), digits(token)}, own...)
	args = append(args, strconv.FormatUint(uint64(token), 10), entries.First, entries.Limits.Entries, entries.Limits.Age.Milliseconds())
	cost := maxRefusal
	for _, v := range entries.Values {
		args = append(args, v)
		cost += len(v)
	}
	c := newScriptCall(sc, cost, []any{n.key, n.fence, s.layout.log(n)}, args...)
	c.slot = n.slot // so that it stays behind its update
	return c
}

// ReadLog implements [store.Logger]. It reads page by page.
func (s *Store) ReadLog(ctx context.Context, key string, query store.LogQuery) iter.Seq2[store.LogEntry, error] {
	return func(yield func(store.LogEntry, error) bool) {
		if err := store.CheckKey(key); err != nil {
			yield(store.LogEntry{}, err)
			return
		}
		feed.ReadLog(query, logPage, func(page store.LogQuery) ([]store.LogEntry, error) {
			return s.readLog(ctx, key, page)
		})(yield)
	}
}

// readLog reads one page. It skips entries of other programs, and reads on behind them.
func (s *Store) readLog(ctx context.Context, key string, query store.LogQuery) (page []store.LogEntry, err error) {
	command := "xrange"
	if query.Backward {
		command = "xrevrange"
	}
	for left := query.Limit; ; left = query.Limit - len(page) {
		from, to := "-", "+"
		if query.After != (store.LogPosition{}) {
			from = "(" + streamID(query.After)
		}
		if query.Before != (store.LogPosition{}) {
			to = "(" + streamID(query.Before)
		}
		if query.Backward {
			from, to = to, from
		}
		c := newCommand(left*maxRefusal, command, s.layout.log(s.layout.of(key)), from, to, "count", left)
		s.transport.do(ctx, c)
		reply, err := c.reply()
		if err != nil {
			return nil, failed("read log", key, reads, err)
		}
		rows, ok := reply.([]any)
		if !ok {
			return nil, failed("read log", key, reads, odd(reply))
		}
		for _, row := range rows {
			e, ok := logEntryOf(row)
			if !ok {
				return nil, failed("read log", key, reads, odd(row))
			}
			if e.Value != nil {
				page = append(page, e)
			}
			if query.Backward {
				query.Before = e.LogPosition
			} else {
				query.After = e.LogPosition
			}
		}
		if len(rows) < left || len(page) == query.Limit {
			return page, nil
		}
	}
}

// logEntryOf reads an entry. The value is nil if the form is another program's; see stream.lua.
func logEntryOf(reply any) (e store.LogEntry, ok bool) {
	row, _ := reply.([]any)
	id, ok1 := at[string](row, 0)
	fields, ok2 := at[[]any](row, 1)
	token, number, ok3 := strings.Cut(id, "-")
	t, err1 := strconv.ParseUint(token, 10, 64)
	n, err2 := strconv.ParseUint(number, 10, 64)
	e.LogPosition = store.LogPosition{Token: store.Token(t), Number: n}
	if value, _ := at[string](fields, 3); len(fields) == 4 && fields[0] == "e" && fields[2] == "v" && value != "" {
		if expiry, _ := at[string](fields, 1); strings.Trim(expiry, "0123456789") == "" {
			e.Value = []byte(value)
		}
	}
	return e, ok1 && ok2 && ok3 && err1 == nil && err2 == nil
}

// streamID is the id of an entry in its stream.
func streamID(p store.LogPosition) string { return fmt.Sprintf("%d-%d", p.Token, p.Number) }

// FollowLog implements [store.Logger].
func (s *Store) FollowLog(ctx context.Context, key string, after store.LogPosition) iter.Seq2[store.LogEntry, error] {
	return func(yield func(store.LogEntry, error) bool) {
		if err := store.CheckKey(key); err != nil {
			yield(store.LogEntry{}, err)
			return
		}
		channel := s.layout.ofLog(key)
		h, err := s.listener.hearing(ctx, channel, s.listener.leave, topic{name: channel})
		if err != nil {
			if ctx.Err() != nil {
				yield(store.LogEntry{}, context.Cause(ctx))
			} else {
				yield(store.LogEntry{}, failed("follow log", key, reads, err))
			}
			return
		}
		defer h.leave()
		for tries := 0; ; {
			pause := rereadAfter
			for e, err := range s.ReadLog(ctx, key, store.LogQuery{After: after}) {
				switch {
				case ctx.Err() != nil:
					yield(store.LogEntry{}, context.Cause(ctx))
					return
				case err != nil && (!unanswered(err) || denied(err) || strings.Contains(err.Error(), "WRONGTYPE")):
					yield(store.LogEntry{}, err)
					return
				case err != nil:
					pause = min(firstRetry<<min(tries, 10), maxRetry)
					tries++
				case !yield(e, nil):
					return
				default:
					after, tries = e.LogPosition, 0
				}
			}
			if _, err := h.wait(ctx, pause); err != nil {
				if ctx.Err() != nil {
					err = context.Cause(ctx)
				} else {
					err = failed("follow log", key, reads, err)
				}
				yield(store.LogEntry{}, err)
				return
			}
		}
	}
}
