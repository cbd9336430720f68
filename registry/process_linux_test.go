package registry

import (
	"fmt"
	"testing"
)

// A command name may contain any text, including text that looks like the fields after it.
func FuzzStat(f *testing.F) {
	for _, name := range []string{"sleep", "a b", ") Z 1 (", "((", "))", "", "\n", "1 (x) Z 0 0"} {
		f.Add(name, uint64(7), 1, true)
		f.Add(name, uint64(1<<64-1), 2, false)
	}
	f.Fuzz(func(t *testing.T, name string, start uint64, threads int, ended bool) {
		_, _ = parseStat(name) // must not panic
		state := map[bool]string{true: "Z", false: "S"}[ended]
		text := fmt.Sprintf("42 (%s) %s 1 42 42 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 %d 0 %d 0 0", name, state, threads, start)
		got, err := parseStat(text)
		if want := (stat{zombie: ended && threads == 1, start: start}); err != nil || got != want {
			t.Errorf("%q parses to %+v, %v; want %+v", text, got, err, want)
		}
	})
}
