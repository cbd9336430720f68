package connector

import (
	"bufio"
	"slices"
	"strings"
	"testing"
)

// Every line of a feed is a trade or a bad line with its number, and after a reading of all
// trades every symbol is warm.
func FuzzFeed(f *testing.F) {
	for _, text := range []string{
		"", "\n", goodLine, goodLine + "\n{\n" + goodLine, "null", "{}", "[" + goodLine + "]", strings.Repeat("[", 20_000),
		`{"symbol":"a","price":1e400,"time":"2026-11-20T09:30:00Z"}`, `{"symbol":"a","price":-1,"time":"2026-11-20T09:30:00Z"}`,
		`{"symbol":"a","symbol":"","price":1,"time":"2026-11-20T09:30:00Z"}`, "{\"symbol\":\"\xff\",\"price\":1,\"time\":\"2026-11-20T09:30:00Z\"}",
		`{"symbol":"a","price":1,"time":"10000-11-20T09:30:00Z"}`, goodLine + goodLine, goodLine + "\r\n\u2028" + goodLine,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		feed := parseFeed(text)
		lines := slices.DeleteFunc(strings.Split(text, "\n"), func(l string) bool { return strings.TrimSpace(l) == "" })
		if len(feed.trades)+len(feed.bad) != len(lines) {
			t.Errorf("%d trades and %d bad lines of %d", len(feed.trades), len(feed.bad), len(lines))
		}
		for _, trade := range feed.trades {
			if trade.Symbol == "" || !(trade.Price > 0) || trade.Time.IsZero() {
				t.Errorf("%+v is not a trade", trade)
			}
		}
		for i, bad := range feed.bad {
			if bad.err == nil || bad.Number < 1 || i > 0 && bad.Number <= feed.bad[i-1].Number {
				t.Errorf("%+v after %+v", bad, feed.bad[:i])
			}
		}
		reading := feed.read(1)
		for range feed.trades {
			reading.step()
		}
		if !reading.warm() {
			t.Errorf("%v are missing after all trades", reading.missing)
		}
	})
}

// nextLine returns the same lines as bufio.Scanner.
func FuzzLines(f *testing.F) {
	for _, text := range []string{"", "\n", "a", "a\r\n\nb", "\r", "\r\r\n", "a\x00\n\xff", strings.Repeat("x", 10_000) + "\ny"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if text += "\n"; len(text) > maxCommand {
			return // long lines have a test of their own
		}
		lines := bufio.NewScanner(strings.NewReader(text))
		lines.Buffer(nil, 2*maxCommand)
		input := bufio.NewReader(strings.NewReader(text))
		for lines.Scan() {
			if got, err := nextLine(input); err != nil || got != lines.Text() {
				t.Fatalf("%q, %v; want %q", got, err, lines.Text())
			}
		}
		if got, err := nextLine(input); err == nil || got != "" {
			t.Errorf("%q, %v after the last line", got, err)
		}
	})
}
