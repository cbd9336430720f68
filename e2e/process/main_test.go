package process_test

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/internal/built"
	"github.com/leasehold-go/leasehold/store"
)

// patience is how long a test waits for what has to come. Nothing is ever expected
// to take that long.
const patience = 60 * time.Second

// Exit codes of the example; the small program has the first two and the last.
const (
	exitOK       = 0
	exitConflict = 3
	exitLost     = 4
)

func TestMain(m *testing.M) {
	flag.Set("test.parallel", "4") // most of the time a test waits
	built.Main(m)
}

// holder and example are the two programs, as people build them.
func holder(t testing.TB) string  { t.Helper(); return built.Program(t, "e2e/process/holder") }
func example(t testing.TB) string { t.Helper(); return built.Program(t, "examples/exchange/servers") }

// child is a running program.
type child struct {
	t     testing.TB
	cmd   *exec.Cmd
	lines chan string   // of standard output; closed at its end
	done  chan struct{} // closed once the program has ended

	mu   sync.Mutex
	said strings.Builder // both streams
}

// Write takes what comes on standard error.
func (c *child) Write(text []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.said.Write(text)
}

func (c *child) everything() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.said.String()
}

// spawn starts a program, which ends with the test at the latest.
func spawn(t testing.TB, attr *syscall.SysProcAttr, command ...string) *child {
	t.Helper()
	if attr == nil {
		attr = &syscall.SysProcAttr{}
	}
	attr.Pdeathsig = syscall.SIGKILL // also a stopped one ends with this process
	cmd := spawnable(attr, command...)
	stdout, output := io.Pipe() // not cmd.StdoutPipe, which Wait closes with lines unread
	c := &child{t: t, cmd: cmd, lines: make(chan string, 1<<14), done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = output, c
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", command[0], err)
	}
	go func() {
		defer close(c.done)
		cmd.Wait() // its state says how
		output.Close()
	}()
	go c.read(stdout)
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-c.done
		for range c.lines { // until it is read to its end
		}
		if t.Failed() {
			t.Logf("%v said:\n%s", command, c.everything())
		}
	})
	return c
}

func (c *child) read(stdout io.Reader) {
	defer close(c.lines)
	for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
		fmt.Fprintln(c, scanner.Text())
		c.lines <- scanner.Text()
	}
}

// expect waits for a line of standard output that has the given part, and passes over
// others.
func (c *child) expect(part string) string {
	c.t.Helper()
	late := time.After(patience)
	for {
		select {
		case line, open := <-c.lines:
			if !open {
				c.t.Fatalf("output ended without %q", part)
			}
			if strings.Contains(line, part) {
				return line
			}
		case <-late:
			c.t.Fatalf("no line with %q", part)
		}
	}
}

// held waits until the small program holds the key, and returns its token.
func (c *child) held() (token store.Token) {
	c.t.Helper()
	line := c.expect("held ")
	if _, err := fmt.Sscanf(line, "held %d", &token); err != nil {
		c.t.Fatalf("%q: %v", line, err)
	}
	return token
}

// exits waits for the end of the program.
func (c *child) exits(code int) {
	c.t.Helper()
	select {
	case <-c.done:
		if got := c.cmd.ProcessState.ExitCode(); got != code {
			c.t.Errorf("exit %d, not %d", got, code)
		}
	case <-time.After(patience):
		c.t.Fatalf("does not end; exit %d expected", code)
	}
}

func (c *child) signal(sig os.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(sig); err != nil {
		c.t.Fatal(err)
	}
}

// kill ends the program without a chance to do anything, and waits for that.
func (c *child) kill() {
	c.t.Helper()
	c.signal(syscall.SIGKILL)
	<-c.done
}

// pause returns once the program stands still.
func (c *child) pause() {
	c.t.Helper()
	c.signal(syscall.SIGSTOP)
	stat := fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid)
	eventually(c.t, "the process is stopped", func() bool {
		text, err := os.ReadFile(stat)
		if err != nil {
			c.t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		return strings.HasPrefix(rest, "T")
	})
}

// eventually waits until something is true.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	within(t, patience, what, is)
}

func within(t testing.TB, limit time.Duration, what string, is func() bool) {
	t.Helper()
	late := time.Now().Add(limit)
	for pause := time.Millisecond; !is(); pause = min(2*pause, 50*time.Millisecond) { // to ask costs the process and its server work
		if time.Now().After(late) {
			t.Fatalf("not within %v: %s", limit, what)
		}
		time.Sleep(pause)
	}
}

// later checks the order of two terms of one key.
func later(t testing.TB, second, first store.Token) {
	t.Helper()
	if second <= first {
		t.Errorf("token %d after %d", second, first)
	}
}

// spawnable is a command with attributes.
func spawnable(attr *syscall.SysProcAttr, command ...string) *exec.Cmd {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.SysProcAttr = attr
	return cmd
}
