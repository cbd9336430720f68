package connector

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// isConflict reports whether a claim failed because the key has a record of another connector
// or a foreign value. A lease that was lost to a foreign value is not a conflict.
func isConflict(err error) bool {
	conflict := errors.Is(err, store.ErrHeld) || errors.Is(err, store.ErrForeign)
	return conflict && !errors.Is(err, store.ErrLost)
}

// holder is the holder of a key, as far as the value tells. A program without leasehold may
// write the same record, so a foreign value can name its holder too.
type holder struct {
	Record
	token   store.Token
	left    time.Duration
	foreign bool
}

// holderOf returns the holder in the error of a claim. Its Record is zero if the value is not
// a whole Record.
func holderOf(err error) holder {
	var r store.Record
	if held := new(store.HeldError); errors.As(err, &held) {
		r = held.Record
	}
	if foreign := new(store.ForeignError); errors.As(err, &foreign) {
		r = foreign.Record
	}
	h := holder{token: r.Token, left: r.Left, foreign: r.Foreign()}
	if err := json.Unmarshal(r.Value, &h.Record); err != nil {
		h.Record = Record{}
	}
	return h
}
