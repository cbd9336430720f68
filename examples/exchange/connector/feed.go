package connector

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/leasehold-go/leasehold/examples/internal/program"
)

//go:embed testdata/trades.ndjson
var sample string

// trade is one line of a feed.
type trade struct {
	Symbol string    `json:"symbol"`
	Price  float64   `json:"price"`
	Time   time.Time `json:"time"`
}

// feed is a recorded feed.
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

// openFeed reads a file, or the sample if path is empty. It refuses a file without a trade.
func openFeed(path string) (feed, error) {
	if path == "" {
		return parseFeed(sample), nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return feed{}, program.UsageErrorf("-feed: %w", err)
	}
	f := parseFeed(string(text))
	switch {
	case len(f.trades) > 0:
		return f, nil
	case len(f.bad) > 0:
		return f, program.UsageErrorf("-feed %s: no trade in it; %w", path, f.bad[0])
	}
	return f, program.UsageErrorf("-feed %s: no trade in it", path)
}

// parseFeed reads the trades of a text, and collects its bad lines. It skips blank lines.
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

// symbols returns the number of trades of each symbol.
func (f feed) symbols() map[string]int {
	trades := make(map[string]int)
	for _, t := range f.trades {
		trades[t.Symbol]++
	}
	return trades
}

// reading is the progress of a reader in a feed, which repeats at its end.
type reading struct {
	trades  []trade
	next    int
	missing map[string]int // trades until a symbol is warm; without the warm symbols
}

// read starts a reading. Each symbol needs warm trades to be warm.
func (f feed) read(warm int) *reading {
	missing := make(map[string]int)
	for symbol := range f.symbols() {
		if warm > 0 {
			missing[symbol] = warm
		}
	}
	return &reading{trades: f.trades, missing: missing}
}

// step reads one trade.
func (r *reading) step() {
	symbol := r.trades[r.next].Symbol
	r.next = (r.next + 1) % len(r.trades)
	if r.missing[symbol]--; r.missing[symbol] <= 0 {
		delete(r.missing, symbol)
	}
}

// warm reports whether every symbol is warm.
func (r *reading) warm() bool { return len(r.missing) == 0 }
