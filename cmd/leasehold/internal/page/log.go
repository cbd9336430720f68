package page

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

const (
	maxEntries = 200  // in an answer
	firstPage  = 50   // entries that are read at once, at first
	logPage    = 500  // and later
	maxScanned = 5000 // and in one call
)

// entry is an entry of an activity log.
type entry struct {
	Pos        string                  `json:"pos"`
	Token      string                  `json:"token"`
	Number     uint64                  `json:"number,omitempty"` // absent for lost
	At         moment                  `json:"at"`
	Kind       registry.LogKind        `json:"kind"`
	Instance   string                  `json:"instance,omitempty"`
	Host       string                  `json:"host,omitempty"`
	Transition *transition             `json:"transition,omitempty"`
	Request    *registry.LoggedRequest `json:"request,omitempty"`
	Text       string                  `json:"text,omitempty"`
}

func newEntry(e registry.LogEntry) entry {
	v := entry{Pos: position(e.LogPosition), Token: digits(e.Token), At: moment{e.At}, Kind: e.Kind, Request: e.Request, Text: e.Text}
	if e.Kind != registry.LogLost {
		v.Number = e.Number
	}
	if e.Identity != nil {
		v.Instance, v.Host = e.Identity.Instance, e.Identity.Host
	}
	if e.Transition != nil {
		v.Transition = new(newTransition(*e.Transition))
	}
	return v
}

// position is a position in a log as text.
func position(p store.LogPosition) string { return fmt.Sprintf("%d-%d", p.Token, p.Number) }

func parsePosition(text string) (p store.LogPosition, err error) {
	token, number, found := strings.Cut(text, "-")
	t, err1 := strconv.ParseUint(token, 10, 64)
	n, err2 := strconv.ParseUint(number, 10, 64)
	if !found || err1 != nil || err2 != nil {
		return p, badRequest("before must be the position of an entry, such as 7-12")
	}
	return store.LogPosition{Token: store.Token(t), Number: n}, nil
}

// getLog reads a part of a log, the newest entries first.
func (p *Page) getLog(ctx context.Context, r *http.Request) (any, error) {
	query := r.URL.Query()
	key := query.Get("key")
	if err := p.mayRead(key); err != nil {
		return nil, err
	}
	limit := 100
	if text := query.Get("limit"); text != "" {
		var err error
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > maxEntries {
			return nil, badRequest("limit must be 1 to %d", maxEntries)
		}
	}
	var kinds []string
	if text := query.Get("kind"); text != "" {
		kinds = strings.Split(text, ",")
	}
	var before store.LogPosition
	if text := query.Get("before"); text != "" {
		var err error
		if before, err = parsePosition(text); err != nil {
			return nil, err
		}
	}
	answer := struct {
		Entries []entry `json:"entries"`
		More    string  `json:"more,omitempty"`
	}{Entries: []entry{}}
	more, err := readBack(ctx, p.cfg.Store, key, before, maxScanned, func(e registry.LogEntry) bool {
		if len(kinds) == 0 || slices.Contains(kinds, string(e.Kind)) {
			answer.Entries = append(answer.Entries, newEntry(e))
		}
		return len(answer.Entries) < limit
	})
	if err != nil {
		return nil, err
	}
	if more != (store.LogPosition{}) {
		answer.More = position(more)
	}
	return answer, nil
}

// readBack calls use with the entries of a log from a position backwards, until it returns false or
// most entries have been read. It returns where to go on; the zero position at the end of the log.
func readBack(ctx context.Context, st store.Store, key string, before store.LogPosition, most int, use func(registry.LogEntry) bool) (more store.LogPosition, err error) {
	for read, page := 0, firstPage; ; page = min(4*page, logPage) {
		stored := 0
		size := min(page, most-read)
		for e, err := range registry.ReadLog(ctx, st, key, store.LogQuery{Before: before, Backward: true, Limit: size}) {
			if err != nil {
				return more, err
			}
			before = e.LogPosition
			if e.Kind != registry.LogLost {
				stored++
			}
			if !use(e) {
				return before, nil
			}
		}
		if stored < size {
			return more, nil
		}
		if read += stored; read >= most {
			return before, nil
		}
	}
}
