package page

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

const (
	maxStrips    = 50      // in a call
	maxOfStrip   = 2000    // entries of a log that are read for one
	maxOfStrips  = 100_000 // and that are kept for all
	stripsAtOnce = 8
	stripSteps   = 1000 // no part of a strip is much shorter than this share of it
	maxRange     = 400 * 24 * time.Hour
)

// strip is the states of an instance over a time.
type strip struct {
	Key   string `json:"key"`
	Parts []part `json:"parts"`
	Cut   moment `json:"cut,omitzero"` // the log reaches back no further
}

// part is a time in a state, or without a holder if State is empty. Between two parts the state is not
// known.
type part struct {
	State   string `json:"state,omitempty"`
	From    moment `json:"from"`
	To      moment `json:"to"`
	End     string `json:"end,omitempty"` // left or lost: the holder's end is the end of the part
	Changes int    `json:"n,omitempty"`   // within the part

	longest time.Duration // of the parts that it was made of
}

func (p part) length() time.Duration { return p.To.Sub(p.From.Time) }

// getTimeline makes the strips of the rows in view.
func (p *Page) getTimeline(ctx context.Context, r *http.Request) (any, error) {
	var asked struct {
		Keys []string  `json:"keys"`
		From time.Time `json:"from"`
		To   time.Time `json:"to"`
	}
	if err := body(r, &asked); err != nil {
		return nil, err
	}
	if err := p.keysOf(asked.Keys, 1, maxStrips); err != nil {
		return nil, err
	}
	if length := asked.To.Sub(asked.From); length <= 0 || length > maxRange {
		return nil, badRequest("from must be before to, by at most %v", maxRange)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	strips := make([]strip, len(asked.Keys))
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(stripsAtOnce, len(strips)) {
		workers.Go(func() {
			for i := range next {
				var err error
				if strips[i], err = p.strip(ctx, asked.Keys[i], asked.From, asked.To); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := range strips {
		next <- i
	}
	close(next)
	workers.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return struct {
		From   moment  `json:"from"`
		To     moment  `json:"to"`
		Strips []strip `json:"strips"`
	}{moment{asked.From}, moment{asked.To}, strips}, nil
}

// strip makes one strip from the log of a key, or from the history in its record if there is no log.
func (p *Page) strip(ctx context.Context, key string, from, to time.Time) (strip, error) {
	s := strip{Key: key, Parts: []part{}}
	entries, more, err := p.pasts.of(ctx, key, from)
	if err != nil && !errors.Is(err, store.ErrInvalid) { // a store without logs
		return s, err
	}
	last, _ := p.board.get(key)
	if len(entries) == 0 {
		record, err := p.cfg.Store.Get(ctx, key)
		if errors.Is(err, store.ErrNotFound) {
			return s, nil
		}
		if err != nil {
			return s, err
		}
		decoded := registry.Decode[fields](record)
		last, entries = newRow(decoded), entriesOf(decoded)
	}
	if len(entries) > 0 && entries[0].At.After(from) && (more != (store.LogPosition{}) || entries[0].Kind != registry.LogRegistered) {
		s.Cut = moment{entries[0].At}
	}
	s.Parts = merge(clip(parts(entries, last, now()), from, to), to.Sub(from)/stripSteps)
	return s, nil
}

// pasts keeps what was read of logs for strips, so that a log is read from the newest entry back to the
// newest that is kept.
type pasts struct {
	store store.Store

	mu      sync.Mutex
	known   map[string]past
	entries int // of all
}

// past is the end of a log, newest entry first, without errors and requests. It does not change.
type past struct {
	newest  store.LogPosition
	entries []registry.LogEntry
	more    store.LogPosition // what is older; zero if nothing is
	reached bool              // the time for which it is read
}

func newPasts(st store.Store) *pasts { return &pasts{store: st, known: make(map[string]past)} }

// of returns entries of a log, oldest first, from the last before a time on, and where the log goes on if
// that was not reached.
func (l *pasts) of(ctx context.Context, key string, from time.Time) ([]registry.LogEntry, store.LogPosition, error) {
	l.mu.Lock()
	before := l.known[key]
	l.mu.Unlock()
	var now past
	var err error
	met := false
	now.more, err = readBack(ctx, l.store, key, store.LogPosition{}, maxOfStrip, func(e registry.LogEntry) bool {
		if e.Kind != registry.LogLost && e.LogPosition == before.newest {
			met = true
			return false
		}
		return now.add(e, from)
	})
	if met {
		now.entries, now.more = append(now.entries, before.entries...), before.more
		if now.newest == (store.LogPosition{}) {
			now.newest = before.newest
		}
		if n := len(now.entries); n > maxOfStrip {
			now.entries, now.more = now.entries[:maxOfStrip], now.entries[maxOfStrip-1].LogPosition
		} else if room := maxOfStrip - n; err == nil && room > 0 && now.more != (store.LogPosition{}) && (n == 0 || !now.entries[n-1].At.Before(from)) {
			now.more, err = readBack(ctx, l.store, key, now.more, room, func(e registry.LogEntry) bool { return now.add(e, from) })
		}
	}
	if err != nil {
		return nil, now.more, err
	}
	l.keep(key, now)
	entries := slices.Clone(now.entries)
	slices.Reverse(entries)
	return entries, now.more, nil
}

// add takes the next older entry, and reports whether there must be others.
func (p *past) add(e registry.LogEntry, from time.Time) bool {
	if p.newest == (store.LogPosition{}) && e.Kind != registry.LogLost {
		p.newest = e.LogPosition
	}
	p.reached = p.reached || e.At.Before(from) && e.Kind != registry.LogLost
	if e.Kind == registry.LogError || e.Kind == registry.LogRequest {
		return true
	}
	kept := registry.LogEntry{LogPosition: e.LogPosition, At: e.At, Kind: e.Kind}
	if e.Transition != nil {
		kept.Transition = &fsm.Transition[string]{From: e.Transition.From, To: e.Transition.To}
	}
	p.entries = append(p.entries, kept)
	return !p.reached // one from before tells the state at the beginning
}

func (l *pasts) keep(key string, p past) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.entries+len(p.entries) > maxOfStrips {
		clear(l.known)
		l.entries = 0
	}
	l.entries += len(p.entries) - len(l.known[key].entries)
	l.known[key] = p
}

// entriesOf returns the transitions of a record as entries of a log.
func entriesOf(r registry.Record[fields]) []registry.LogEntry {
	if !r.Published {
		return nil
	}
	history := r.History
	if len(history) == 0 {
		history = []fsm.Transition[string]{{From: r.State, To: r.State, At: r.Changed}}
	}
	var all []registry.LogEntry
	if history[0].Number == 1 {
		all = append(all, registry.LogEntry{LogPosition: store.LogPosition{Token: r.Token}, At: r.Registered, Kind: registry.LogRegistered})
	}
	for _, t := range history {
		all = append(all, registry.LogEntry{LogPosition: store.LogPosition{Token: r.Token}, At: t.At, Kind: registry.LogTransition, Transition: &t})
	}
	return all
}

// parts makes parts of the entries of a log, oldest first, and of the row, which tells whether the
// last holder is alive.
func parts(entries []registry.LogEntry, last row, until moment) []part {
	all := []part{} // the last has no end yet
	left := false   // the holder has left
	begin := func(at time.Time, state string) {
		for len(all) > 0 && !all[len(all)-1].From.Before(at) { // by a clock that is ahead of this one
			all = all[:len(all)-1]
		}
		if len(all) > 0 {
			all[len(all)-1].To = moment{at}
		}
		all = append(all, part{State: state, From: moment{at}})
	}
	for i, e := range entries {
		switch e.Kind {
		case registry.LogRegistered:
			state := stateAfter(entries[i+1:], e.Token)
			if state == "" && digits(e.Token) == last.Token {
				state = last.State
			}
			begin(e.At, state)
		case registry.LogTransition:
			begin(e.At, e.Transition.To)
		case registry.LogLeft:
			left = true
		case registry.LogLost:
			if len(all) > 0 {
				all[len(all)-1].End = string(registry.LogLost)
			}
		}
		if next := i + 1; left && (next == len(entries) || entries[next].Token != e.Token) { // other entries can follow LogLeft
			if len(all) > 0 {
				all[len(all)-1].End = string(registry.LogLeft)
			}
			begin(e.At, "")
			left = false
		}
	}
	if len(all) == 0 {
		return all
	}
	end := &all[len(all)-1]
	switch newest := entries[len(entries)-1]; {
	case end.State == "": // not held since
		end.To = until
	case last.Token != digits(newest.Token): // no word of its end
		end.To = moment{newest.At}
	case last.Gone != nil:
		end.To = last.Gone.At
		end.End = string(registry.LogLost)
	default:
		end.To = until
	}
	return all
}

// stateAfter is the state of an instance before its first transition.
func stateAfter(entries []registry.LogEntry, token store.Token) string {
	for _, e := range entries {
		if e.Token != token {
			return ""
		}
		if e.Kind == registry.LogTransition {
			return e.Transition.From
		}
	}
	return ""
}

// clip cuts parts at the ends of a time.
func clip(all []part, from, to time.Time) []part {
	kept := all[:0]
	for _, p := range all {
		if p.From.Before(from) {
			p.From = moment{from}
		}
		if p.To.After(to) {
			p.To = moment{to}
			p.End = ""
		}
		if p.To.After(p.From.Time) {
			kept = append(kept, p)
		}
	}
	return kept
}

// merge puts parts that are too short to be seen together with those behind them.
func merge(all []part, shortest time.Duration) []part {
	merged := all[:0]
	for _, p := range all {
		p.longest = p.length()
		if n := len(merged); n > 0 && merged[n-1].length() < shortest && !p.From.After(merged[n-1].To.Time) {
			before := merged[n-1]
			p.Changes += before.Changes + 1
			p.From = before.From
			if before.longest > p.longest {
				p.State, p.longest = before.State, before.longest
			}
			merged[n-1] = p
			continue
		}
		merged = append(merged, p)
	}
	return merged
}
