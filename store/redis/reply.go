package redisstore

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// found is the content of a row; see record.lua.
type found struct {
	names
	record store.Record
	live   bool
}

// number returns the answer to a write: a positive number, or the refusal as an error. err is
// of the call that carried it; a write that too few replicas acknowledged has both.
func number(op, key string, reply any, err error) (int64, error) {
	switch answer := reply.(type) {
	case int64:
		if answer > 0 && err == nil {
			return answer, nil
		}
	case []any:
		return 0, refusal(op, key, answer)
	}
	if err == nil {
		err = odd(reply)
	}
	return 0, failed(op, key, writes, err)
}

// number is [number] of the call's answer.
func (c *call) number(op, key string) (int64, error) {
	reply, err := c.reply()
	return number(op, key, reply, err)
}

// refusal turns the array of a script that refused into an error.
func refusal(op, key string, reply []any) error {
	switch reason(reply) {
	case "lost":
		return lost(op, key, reply)
	case "stale":
		return &store.Error{Op: op, Key: key, Condition: store.ErrStale}
	case "none":
		return &store.Error{Op: op, Key: key, Condition: store.ErrNotFound}
	case "full":
		return &store.Error{Op: op, Key: key, Condition: store.ErrFull}
	case "expired":
		return &store.Error{Op: op, Key: key, Condition: store.ErrExpired}
	case "unwritten":
		return &store.Error{Op: op, Key: key, Condition: store.ErrStale}
	case "ended":
		return &store.Error{Op: op, Key: key, Condition: store.ErrEnded}
	case "error":
		text, _ := at[string](reply, 1)
		return failed(op, key, writes, scriptError(text))
	}
	f, err := decodeRow(names{key: key}, reply)
	switch {
	case err != nil || !f.live:
		return failed(op, key, writes, odd(reply))
	case f.record.Foreign():
		return &store.ForeignError{Record: f.record}
	}
	return &store.HeldError{Record: f.record}
}

// decodeRow reads a row.
func decodeRow(n names, reply any) (found, error) {
	row, _ := reply.([]any)
	switch reason(row) {
	case "gone":
		return found{names: n}, nil
	case "held":
		return decodeHeld(n, row)
	case "foreign":
		return decodeForeign(n, row)
	}
	return found{}, odd(reply)
}

// decodeHeld reads a record of ours. Its value is nil if it did not come with the row.
func decodeHeld(n names, row []any) (found, error) {
	token, ok1 := at[int64](row, 1)
	left, ok2 := at[int64](row, 2)
	if !ok1 || !ok2 || token <= 0 || left <= 0 {
		return found{}, odd(row)
	}
	r := store.Record{Key: n.key, Token: store.Token(token), Left: timeLeft(left)}
	if value, ok := at[string](row, 3); ok {
		r.Value = []byte(value)
	}
	return found{names: n, record: r, live: true}, nil
}

func decodeForeign(n names, row []any) (found, error) {
	left, ok := at[int64](row, 1)
	if !ok || left == 0 {
		return found{}, odd(row)
	}
	r := store.Record{Key: n.key, Left: timeLeft(left)}
	if value, ok := at[string](row, 2); ok {
		r.Value = []byte(value)
	}
	return found{names: n, record: r, live: true}, nil
}

// timeLeft turns a PTTL into a duration. Redis has room for more than the 292 years
// of a duration.
func timeLeft(ms int64) time.Duration {
	if ms < 0 || ms > store.Forever.Milliseconds() {
		return store.Forever
	}
	return time.Duration(ms) * time.Millisecond
}

func reason(row []any) string {
	word, _ := at[string](row, 0)
	return word
}

// lost is the error of a write if the script did not find the record of its lease.
func lost(op, key string, reply []any) error {
	text, _ := at[string](reply, 1)
	now, _ := strconv.ParseUint(text, 10, 64) // zero if it is no number
	e := store.Lost(op, key, store.Token(now))
	switch state, _ := at[string](reply, 2); {
	case now == 0 && state == "":
		e.Err = errNoFence
	case now == 0 && state != "l":
		e.Err = store.ErrDeleted
	}
	return e
}

var errNoFence = errors.New("there is neither a record nor its fence: both expired, or were flushed, evicted or never saved")

// at returns the element at i, if there is one of that type.
func at[T any](row []any, i int) (T, bool) {
	if i >= len(row) {
		var none T
		return none, false
	}
	v, ok := row[i].(T)
	return v, ok
}

// odd is the error of a reply that no script of ours gives.
func odd(reply any) error {
	const most = 100
	return fmt.Errorf("the server gave an answer of an unknown form: %.*q", most, fmt.Sprint(reply))
}
