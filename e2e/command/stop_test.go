package command_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/internal/redistest"
)

// awaitStopped waits until a process is stopped, as by Ctrl-Z, or is not any more.
func awaitStopped(t *testing.T, pid int, stopped bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			t.Fatal(err)
		}
		if state := stat[bytes.LastIndexByte(stat, ')')+2]; (state == 'T') == stopped {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d: %s; stopped is to be %t", pid, stat, stopped)
		}
	}
}

func signal(t *testing.T, b *background, s os.Signal) {
	t.Helper()
	if err := b.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// Nobody renews the lease of a leasehold that is stopped, so its command does not go on, even one that
// ignores the signal. Both go on together.
func TestAStopStopsTheCommandToo(t *testing.T) {
	t.Parallel()
	url, end := redistest.Start(t).URL(), filepath.Join(t.TempDir(), "end")
	if err := syscall.Mkfifo(end, 0o600); err != nil {
		t.Fatal(err)
	}
	// No program is started: a shell that is about to start one can be stopped in a state of its own.
	run := inBackground(t, url, "run", "job", "--", "sh", "-c", `trap "" TSTP; echo pid $$.; read line <"$0"; exit 7`, end)
	if !run.says(".\n") {
		t.Fatal(run.said())
	}
	var pid int
	if _, err := fmt.Sscanf(run.said(), "pid %d.", &pid); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		signal(t, run, syscall.SIGTSTP)
		awaitStopped(t, run.cmd.Process.Pid, true)
		awaitStopped(t, pid, true)
		signal(t, run, syscall.SIGCONT)
		awaitStopped(t, pid, false)
	}
	if err := os.WriteFile(end, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code := run.end(t); code != 7 {
		t.Errorf("exit code %d: %s", code, run.said())
	}
}

// A command that is stopped for longer than its lease lasts does not go on without it.
func TestAStopBeyondTheLease(t *testing.T) {
	t.Parallel()
	url := redistest.Start(t).URL()
	run := inBackground(t, url, "run", "job", "--ttl", "4s", "--", "sh", "-c", "echo begun; sleep 60; echo done")
	if !run.says("begun\n") {
		t.Fatal(run.said())
	}
	signal(t, run, syscall.SIGTSTP)
	awaitStopped(t, run.cmd.Process.Pid, true)
	time.Sleep(4500 * time.Millisecond)
	signal(t, run, syscall.SIGCONT)
	if code := run.end(t); code != 79 || strings.Contains(run.said(), "done") {
		t.Errorf("exit code %d: %s", code, run.said())
	}
}
