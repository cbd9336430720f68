package connector

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const goodLine = `{"symbol":"BTC-USD","price":91250.5,"time":"2026-11-20T09:30:00.174Z"}`

func writeFeed(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "feed.ndjson")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestParseTradeRefusesBadLines(t *testing.T) {
	for line, reason := range map[string]string{
		`{`:              "unexpected end",
		`[]`:             "cannot unmarshal",
		`null`:           "no symbol",
		`{}`:             "no symbol",
		goodLine + " {}": "after top-level value",
		`{"symbol":7,"price":1,"time":"2026-11-20T09:30:00Z"}`:           "cannot unmarshal",
		`{"symbol":"","price":1,"time":"2026-11-20T09:30:00Z"}`:          "no symbol",
		`{"symbol":"A","price":0,"time":"2026-11-20T09:30:00Z"}`:         "price 0 is not positive",
		`{"symbol":"A","price":-2.5,"time":"2026-11-20T09:30:00Z"}`:      "price -2.5 is not positive",
		`{"symbol":"A","time":"2026-11-20T09:30:00Z"}`:                   "price 0 is not positive",
		`{"symbol":"A","price":"1","time":"2026-11-20T09:30:00Z"}`:       "cannot unmarshal",
		`{"symbol":"A","price":1e999,"time":"2026-11-20T09:30:00Z"}`:     "cannot unmarshal",
		`{"symbol":"A","price":1}`:                                       "no time",
		`{"symbol":"A","price":1,"time":null}`:                           "no time",
		`{"symbol":"A","price":1,"time":"yesterday"}`:                    "parsing time",
		`{"symbol":"A","price":1,"time":"2026-11-20T09:30:00Z","x":1}} `: "after top-level value",
	} {
		if _, err := parseTrade(line); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: error is %v, want one with %q", line, err, reason)
		}
	}
	if _, err := parseTrade(goodLine); err != nil {
		t.Errorf("%s: %v", goodLine, err)
	}
}

func TestParseFeedNumbersEveryLineAndSkipsBlankOnes(t *testing.T) {
	f := parseFeed("\n" + goodLine + "\r\n  \nbad\n" + goodLine)
	if len(f.trades) != 2 || len(f.bad) != 1 || f.bad[0].Number != 4 {
		t.Errorf("%d trades, bad lines %v", len(f.trades), f.bad)
	}
}

func TestParseFeedReadsLinesOfAnyLength(t *testing.T) {
	long := `{"note":"` + strings.Repeat("x", 1<<20) + `",` + goodLine[1:]
	if f := parseFeed(long); len(f.trades) != 1 {
		t.Errorf("bad lines %v", f.bad)
	}
}

func TestSampleHasNoBadLines(t *testing.T) {
	f, err := openFeed("")
	if err != nil || len(f.bad) > 0 || len(f.symbols()) != 5 {
		t.Errorf("%d symbols, bad lines %v, error %v", len(f.symbols()), f.bad, err)
	}
}

func TestReadingIsWarmOnceEverySymbolHasItsTrades(t *testing.T) {
	f := feed{trades: []trade{{Symbol: "A"}, {Symbol: "A"}, {Symbol: "B"}}}
	for warm, want := range map[int]int{-1: 0, 0: 0, 1: 3, 2: 6, 3: 9} {
		r := f.read(warm)
		steps := 0
		for ; !r.warm() && steps < 100; steps++ {
			r.step()
		}
		if steps != want {
			t.Errorf("warm after %d trades each: %d steps, want %d", warm, steps, want)
		}
		if r.step(); !r.warm() {
			t.Errorf("%d: cold again after one more trade", warm)
		}
	}
}
