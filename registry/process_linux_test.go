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

// A /proc of an outer PID namespace lists more than one id; the first may be equal by chance.
func TestProcOfOuterNamespaceIsRecognised(t *testing.T) {
	const name = "Name:\tNSpid:\\n7\n"
	for status, want := range map[string]bool{
		name + "NSpid:\t7\nNSpgid:\t1\n":    true,
		name + "NSpid:\t7\t7\nNSpgid:\t1\n": false,
		name + "NSpid:\t9\t7\nNSpgid:\t1\n": false,
		name + "NSpid:\t9\nNSpgid:\t7\n":    false,
		name:                                false, // before Linux 4.1
	} {
		if got := inNamespaceOfProc(status, 7); got != want {
			t.Errorf("%q: %v, want %v", status, got, want)
		}
	}
}
