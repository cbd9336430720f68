package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

//go:embed testdata/trades.ndjson
var sample string

// trade is one line of a feed.
type trade struct {
	Symbol string    `json:"symbol"`
	Price  float64   `json:"price"`
	Time   time.Time `json:"time"`
}

// feed is a recorded feed of at least one trade.
type feed struct {
	trades []trade
	bad    []badLine
}

// badLine is a line that is not a trade.
type badLine struct {
	Number int // from 1
	err    error
}

func (e badLine) Error() string { return fmt.Sprintf("feed line %d: %v", e.Number, e.err) }

// openFeed reads a file, or the sample if path is empty.
func openFeed(path string) (feed, error) {
	if path == "" {
		return parseFeed(sample), nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return feed{}, usageError{fmt.Errorf("-feed: %w", err)}
	}
	f := parseFeed(string(text))
	if len(f.trades) == 0 {
		return f, usageError{fmt.Errorf("-feed %s: %w", path, f.empty())}
	}
	return f, nil
}

// parseFeed reads what it can. Blank lines are nothing, neither good nor bad.
func parseFeed(text string) (f feed) {
	number := 0
	for line := range strings.Lines(text) {
		number++
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		t, err := parseTrade(line)
		if err != nil {
			f.bad = append(f.bad, badLine{number, err})
			continue
		}
		f.trades = append(f.trades, t)
	}
	return f
}

func parseTrade(line string) (t trade, err error) {
	err = json.Unmarshal([]byte(line), &t)
	switch {
	case err != nil:
		return t, err
	case t.Symbol == "":
		return t, errors.New("no symbol")
	case t.Price <= 0:
		return t, fmt.Errorf("price %v is not positive", t.Price)
	case t.Time.IsZero():
		return t, errors.New("no time")
	}
	return t, nil
}

// empty says why a feed has no trade.
func (f feed) empty() error {
	if len(f.bad) == 0 {
		return errors.New("no trade in it")
	}
	return fmt.Errorf("no trade in it; %w", f.bad[0])
}

// symbols returns the different symbols, each with the number of its trades.
func (f feed) symbols() map[string]int {
	trades := make(map[string]int)
	for _, t := range f.trades {
		trades[t.Symbol]++
	}
	return trades
}

// reading is one reader's progress in a feed, which begins again at its end.
type reading struct {
	trades []trade
	next   int
	lacks  map[string]int // by symbol, until it is warm
}

// read begins a reading in which each symbol needs that many trades to be warm.
func (f feed) read(warm int) *reading {
	lacks := make(map[string]int)
	for symbol := range f.symbols() {
		if warm > 0 {
			lacks[symbol] = warm
		}
	}
	return &reading{trades: f.trades, lacks: lacks}
}

// step reads one trade.
func (r *reading) step() {
	symbol := r.trades[r.next].Symbol
	r.next = (r.next + 1) % len(r.trades)
	if r.lacks[symbol]--; r.lacks[symbol] <= 0 {
		delete(r.lacks, symbol)
	}
}

// warm reports whether every symbol is.
func (r *reading) warm() bool { return len(r.lacks) == 0 }
