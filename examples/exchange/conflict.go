package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// isConflict reports whether a claim failed because of what is under the key: the
// record of another connector, or what another program put there. A lease that was
// lost because another program overwrote the key is no conflict.
func isConflict(err error) bool {
	inTheWay := errors.Is(err, store.ErrHeld) || errors.Is(err, store.ErrForeign)
	return inTheWay && !errors.Is(err, store.ErrLost)
}

// holder is whoever stands in the way of a claim, as far as the value under the key
// tells. A program that writes the same record without leasehold is foreign, and
// can be read all the same.
type holder struct {
	Record
	token   store.Token
	left    time.Duration
	foreign bool
}

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
		h.Record = Record{} // not even half of it is to be believed
	}
	return h
}

// explain adds to the error of a foreign value what that value says of itself. The
// error of a connector's record, a [registry.ConflictError], says it already.
func (h holder) explain(err error) error {
	if !h.foreign || h.Hostname == "" {
		return err
	}
	return fmt.Errorf("%w; it names %s (%s) since %s", err, h.Hostname, h.IPAddress, h.RegisteredAt)
}

// inTheWay says who holds a key at present, or nothing if nobody does.
func inTheWay(e registry.Record[Record], err error) string {
	if err != nil || e.Foreign() {
		return ""
	}
	return (&registry.ConflictError{Identity: e.Identity, Key: e.Key, Token: e.Token, Left: e.Left}).Error()
}

// seconds is a time left for people to read; nil, which is null, for one without end.
func seconds(left time.Duration) any {
	if left == store.Forever {
		return nil
	}
	return left.Round(time.Millisecond).Seconds()
}
