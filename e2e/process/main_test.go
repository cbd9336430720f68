package process_test

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/leasehold-go/leasehold/internal/redistest"
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
	dir, err := os.MkdirTemp("", "process")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	built.dir = dir
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// built are the two programs, as people build them.
var built struct {
	dir             string
	holder, example program
}

type program struct {
	once sync.Once
	err  error
}

// build returns the path of a program, which it builds once.
func (p *program) build(t *testing.T, name, pkg string) string {
	t.Helper()
	path := filepath.Join(built.dir, name)
	p.once.Do(func() {
		if output, err := exec.Command("go", "build", "-o", path, pkg).CombinedOutput(); err != nil {
			p.err = fmt.Errorf("%w: %s", err, output)
		}
	})
	if p.err != nil {
		t.Fatal(p.err)
	}
	return path
}

const module = "github.com/leasehold-go/leasehold/"

func holder(t *testing.T) string {
	t.Helper()
	return built.holder.build(t, "holder", module+"e2e/process/holder")
}

func example(t *testing.T) string {
	t.Helper()
	return built.example.build(t, "exchange", module+"examples/exchange")
}

// server is a Redis server, and a client of the test's own, which speaks plain Redis.
type server struct {
	*redistest.Server
	t      *testing.T
	client *redis.Client
}

func start(t *testing.T) server {
	t.Helper()
	t.Parallel()
	s := redistest.Start(t)
	return server{Server: s, t: t, client: s.Client()}
}

// raw is what any reader of the key gets; empty if there is nothing.
func (s server) raw(key string) string {
	s.t.Helper()
	value, err := s.client.Get(s.t.Context(), key).Result()
	if err != nil && err != redis.Nil {
		s.t.Fatal(err)
	}
	return value
}

func (s server) left(key string) time.Duration {
	s.t.Helper()
	left, err := s.client.PTTL(s.t.Context(), key).Result()
	if err != nil {
		s.t.Fatal(err)
	}
	return left
}

// fence is what the library keeps beside the key.
func (s server) fence(key string) map[string]string {
	s.t.Helper()
	names, err := s.client.Keys(s.t.Context(), store.Reserved+"*").Result()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, ":f:"+key) {
			fields, err := s.client.HGetAll(s.t.Context(), name).Result()
			if err != nil {
				s.t.Fatal(err)
			}
			return fields
		}
	}
	return nil
}

// state is everything that lies under a key and beside it.
type state struct {
	value string
	fence map[string]string
}

func (s server) state(key string) state { return state{s.raw(key), s.fence(key)} }

// unchanged checks that nobody has written since.
func (s server) unchanged(key string, before state) {
	s.t.Helper()
	if now := s.state(key); now.value != before.value || !maps.Equal(now.fence, before.fence) {
		s.t.Errorf("there was\n%+v and there is\n%+v", before, now)
	}
}

// child is a running program.
type child struct {
	t     *testing.T
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
func spawn(t *testing.T, attr *syscall.SysProcAttr, command ...string) *child {
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

// holds starts the small program.
func (s server) holds(args ...string) *child {
	s.t.Helper()
	return spawn(s.t, nil, append([]string{holder(s.t), "-addr", s.Addr()}, args...)...)
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
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	within(t, patience, what, is)
}

func within(t *testing.T, limit time.Duration, what string, is func() bool) {
	t.Helper()
	for late := time.Now().Add(limit); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// later checks the order of two terms of one key.
func later(t *testing.T, second, first store.Token) {
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
