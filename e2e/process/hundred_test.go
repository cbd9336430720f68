package process_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
)

const (
	hundred = 100
	crashes = 3 // of them, which hold the key and are never heard of again
)

// A hundred processes want one key, which another has until all of them wait for it, and each has it
// once. What they append to one file comes into one order there, so that it shows whether two trusted
// their terms at the same time.
func TestAHundredProcessesForOneKey(t *testing.T) {
	full.Only(t)
	onEach(t, func(s server) {
		turns := filepath.Join(s.TempDir(), "turns")
		if err := os.WriteFile(turns, nil, 0o600); err != nil {
			s.Fatal(err)
		}
		const atOnce, limit = 4, 4 * time.Minute
		before := s.holds("-limit", limit.String())
		before.held()
		var all []*child
		for i := range hundred + atOnce {
			if i >= atOnce { // all at once would leave no processor to the tests beside
				all[i-atOnce].expect("waiting")
			}
			if i >= hundred {
				continue
			}
			args := []string{"-wait", "-hold", "20ms", "-limit", limit.String(), "-turns", turns}
			if i < crashes {
				args = append(args, "-crash", "-ttl", "4s")
			}
			all = append(all, s.holds(args...))
		}
		before.signal(syscall.SIGTERM)
		before.exits(exitOK)
		for i, c := range all {
			select {
			case <-c.done:
			case <-time.After(limit):
				s.Fatal("a process never ends")
			}
			if code := c.cmd.ProcessState.ExitCode(); i >= crashes && code != exitOK {
				s.Errorf("exit %d", code)
			}
		}
		checkTurns(s, turns)
		eventually(s, "the key is gone", func() bool { return s.raw("job") == "" })
	})
}

// checkTurns reads the order of begins and ends. After a crash there is no end; the
// next begin stands for it.
func checkTurns(t testing.TB, path string) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var last store.Token
	var open, begun, ended int // open is the process that trusts its term, or zero
	had := make(map[int]bool)
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var what string
		var token store.Token
		var pid int
		if _, err := fmt.Sscan(lines.Text(), &what, &token, &pid); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		switch what {
		case "begin":
			later(t, token, last)
			if had[pid] {
				t.Errorf("process %d has the key twice", pid)
			}
			last, open, had[pid] = token, pid, true
			begun++
		case "end":
			if open != pid || token != last {
				t.Errorf("process %d with token %d trusts its term while process %d has token %d", pid, token, open, last)
			}
			open = 0
			ended++
		default:
			t.Errorf("a process was held up for longer than its window: %s", lines.Text())
		}
	}
	if begun != hundred || ended != hundred-crashes {
		t.Errorf("%d turns began and %d ended", begun, ended)
	}
}
