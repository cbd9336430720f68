package main

import (
	"bufio"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/leasehold-go/leasehold/internal/built"
	"github.com/leasehold-go/leasehold/internal/redistest"
)

func TestMain(m *testing.M) { built.Main(m) }

// One of two works. Told to end, it leaves in order, and the other works under a larger token.
func TestOneWorksAndTheOtherFollows(t *testing.T) {
	server := redistest.Start(t)
	start := func() (*exec.Cmd, *bufio.Scanner) {
		cmd := exec.Command(built.Racing(t, "examples/worker"))
		cmd.Env = append(cmd.Environ(), "REDIS_URL="+server.URL())
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill() })
		return cmd, bufio.NewScanner(out)
	}
	first, saysFirst := start()
	token := tokenOf(t, saysFirst)
	second, saysSecond := start()
	first.Process.Signal(syscall.SIGTERM)
	if next := tokenOf(t, saysSecond); next <= token {
		t.Errorf("token %s after %s", next, token)
	}
	for saysFirst.Scan() {
	}
	if err := first.Wait(); err != nil {
		t.Errorf("the first ended with %v", err)
	}
	second.Process.Signal(syscall.SIGTERM)
	for saysSecond.Scan() {
	}
	if err := second.Wait(); err != nil {
		t.Errorf("the second ended with %v", err)
	}
}

// tokenOf reads the next line of a worker. Tokens are times, so they are as long as each other.
func tokenOf(t *testing.T, lines *bufio.Scanner) string {
	t.Helper()
	if !lines.Scan() {
		t.Fatal("it said nothing")
	}
	token, ok := strings.CutPrefix(lines.Text(), "working under token ")
	if !ok {
		t.Fatalf("it said %q", lines.Text())
	}
	return token
}
