package main

import (
	"bufio"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/leasehold-go/leasehold/examples/internal/program"
	"github.com/leasehold-go/leasehold/internal/built"
)

func TestMain(m *testing.M) { built.Main(m) }

// The program on process memory becomes active and ends in order.
func TestOnMemory(t *testing.T) {
	cmd := exec.Command(built.Racing(t, "examples/exchange"))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	lines := bufio.NewScanner(stdout)
	for _, want := range []string{`"registered"`, `"to":"starting"`, `"to":"warming"`, `"to":"active"`, `"to":"stopping"`, `"to":"stopped"`, `"deregistered"`} {
		for lines.Scan() && strings.Contains(lines.Text(), `"heartbeat"`) {
		}
		if !strings.Contains(lines.Text(), want) {
			t.Fatalf("the line is %s; want %s", lines.Text(), want)
		}
		if want == `"to":"active"` {
			io.WriteString(stdin, "quit\n")
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// A server is refused with the way to the program that has it, and without the password.
func TestNoServers(t *testing.T) {
	text, err := exec.Command(built.Racing(t, "examples/exchange"), "-store", "redis://user:s3cret@localhost").CombinedOutput()
	if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != program.ExitUsage {
		t.Errorf("%v", err)
	}
	if !strings.Contains(string(text), "servers has redis: and all others") || strings.Contains(string(text), "s3cret") {
		t.Errorf("it says %s", text)
	}
}
