package command_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/leasehold-go/leasehold/e2e/backends"
	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/internal/built"
	"github.com/leasehold-go/leasehold/internal/child"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
	"github.com/leasehold-go/leasehold/store/storeurl"
)

func TestMain(m *testing.M) {
	flag.Set("test.parallel", "4") // a test waits most of the time
	built.Main(m)
}

// patience is how long a test waits for what has to come.
const patience = time.Minute

// bin returns a directory with the program under its name.
func bin(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(built.Program(t, "cmd/leasehold"), filepath.Join(dir, "leasehold")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// servers are the URLs of a Redis and an etcd.
func servers(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{"redis": redistest.Start(t).URL(), "etcd": etcdtest.Start(t, etcdtest.Settings{}).URL()}
}

// world is a store with instances of the test's own.
type world struct {
	t      testing.TB
	store  store.Store
	keeper *lease.Keeper
}

func newWorld(t testing.TB, url string) *world {
	t.Helper()
	st, closeStore, err := storeurl.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	keeper, err := lease.NewKeeper(st, lease.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(keeper.Close(context.Background()), closeStore()); err != nil {
			t.Error(err)
		}
	})
	return &world{t, st, keeper}
}

type payload struct {
	Feed string `json:"feed"`
}

type disk struct {
	Path string `json:"path"`
}

var (
	boot = fsm.NewEvent[disk]("boot")
	halt = fsm.NewSignal("halt")
)

var lifecycle = fsm.MustDefine("idle", fsm.Table[string]{"idle": {"active"}, "active": {"stopping"}, "stopping": {"idle"}},
	fsm.On(boot, fsm.From("idle"), "active"),
	fsm.On(halt, fsm.From("active"), "stopping"),
	fsm.GuardEdge("stopping", "idle", "flushed", func(context.Context, fsm.Transition[string]) error { return errors.New("2 orders are open") }))

// moves moves an instance on a store that has just come back: a request from before may be in doubt still.
func (w *world) moves(i *registry.Instance[string, payload], to string) {
	w.t.Helper()
	for late := time.Now().Add(patience); i.State() != to; time.Sleep(10 * time.Millisecond) {
		if err := i.Transition(w.t.Context(), to); err != nil && time.Now().After(late) {
			w.t.Fatal(err)
		}
	}
}

// instance registers an instance under a key, in state active, with an error. It publishes no definition
// under a key that ends with -bare.
func (w *world) instance(key string) *registry.Instance[string, payload] {
	w.t.Helper()
	i, err := registry.Register(context.Background(), w.keeper, lifecycle, registry.Config[string, payload]{
		Key: key, Payload: payload{Feed: "trades"}, Instance: "one", Host: "host-a", NoDefinition: strings.HasSuffix(key, "-bare"), Log: &registry.Log{},
		Requests: &registry.Requests[string]{States: []string{"active", "stopping", "idle"}, Events: []registry.RequestableEvent[string]{registry.Requestable[string](boot), registry.Requestable[string](halt)}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := errors.Join(i.TransitionWithCause(context.Background(), "active", "the feed is up"), i.RecordError(context.Background(), errors.New("feed is slow"))); err != nil {
		w.t.Fatal(err)
	}
	return i
}

// TestScripts runs testdata/*.txt. Each script has a key of its own in $KEY. Its commands beside those of
// testscript are instance KEY, which registers an instance, and release KEY, which ends it in order.
// [redis] and [etcd] are conditions.
func TestScripts(t *testing.T) {
	t.Parallel()
	path := bin(t)
	for name, url := range servers(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, url)
			var mu sync.Mutex
			instances := make(map[string]*registry.Instance[string, payload])
			testscript.Run(t, testscript.Params{
				Dir:       "testdata",
				Condition: func(store string) (bool, error) { return store == name, nil }, // [redis], [etcd]
				Setup: func(e *testscript.Env) error {
					e.Setenv("LEASEHOLD_STORE", url)
					e.Setenv("KEY", strings.TrimPrefix(filepath.Base(e.WorkDir), "script-"))
					e.Setenv("PATH", path+":"+e.Getenv("PATH"))
					return nil
				},
				Cmds: map[string]func(*testscript.TestScript, bool, []string){
					"instance": func(_ *testscript.TestScript, _ bool, args []string) {
						i := w.instance(args[0])
						mu.Lock()
						defer mu.Unlock()
						instances[args[0]] = i
					},
					"deregister": func(ts *testscript.TestScript, _ bool, args []string) {
						mu.Lock()
						defer mu.Unlock()
						ts.Check(instances[args[0]].Deregister(context.Background()))
					},
					// completes WORD…: the words are completed. On a store that has not answered within a second
					// nothing is offered, so it is asked for again.
					"completes": func(ts *testscript.TestScript, _ bool, args []string) {
						for late := time.Now().Add(patience); ; {
							ts.Check(ts.Exec("leasehold", append([]string{"__complete"}, args...)...))
							if !strings.HasPrefix(ts.ReadFile("stdout"), ":") || time.Now().After(late) {
								return
							}
						}
					},
					// exits N COMMAND…: the exit code has to be N
					"exits": func(ts *testscript.TestScript, _ bool, args []string) {
						err := ts.Exec(args[1], args[2:]...)
						code := 0
						if exit := new(exec.ExitError); errors.As(err, &exit) {
							code = exit.ExitCode()
						} else if err != nil {
							ts.Fatalf("%v", err)
						}
						if fmt.Sprint(code) != args[0] {
							ts.Fatalf("exit code %d, want %s", code, args[0])
						}
					},
				},
			})
		})
	}
}

// screen is the program on a pseudo-terminal.
type screen struct {
	t    *testing.T
	file *os.File
	cmd  *exec.Cmd

	mu   sync.Mutex
	text strings.Builder
	done chan struct{}
}

func onScreen(t *testing.T, url string, columns uint16, args ...string) *screen {
	t.Helper()
	s := &screen{t: t, cmd: exec.Command(filepath.Join(bin(t), "leasehold"), args...), done: make(chan struct{})}
	s.cmd.Env = append(os.Environ(), "LEASEHOLD_STORE="+url, "TERM=xterm")
	var err error
	if s.file, err = pty.StartWithSize(s.cmd, &pty.Winsize{Rows: 20, Cols: columns}); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.done)
		buffer := make([]byte, 4096)
		for {
			n, err := s.file.Read(buffer)
			s.mu.Lock()
			s.text.Write(buffer[:n])
			s.mu.Unlock()
			if err != nil { // an input/output error at the end of the program
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		<-s.done
		_ = s.file.Close()
	})
	return s
}

func (s *screen) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *screen) await(text string) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(s.said(), text); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("no %q on the screen:\n%s", text, s.said())
		}
	}
}

// end waits for the end of the program, and returns what it has said.
func (s *screen) end() string {
	s.t.Helper()
	select {
	case <-s.done:
	case <-time.After(patience):
		s.t.Fatalf("the program does not end:\n%s", s.said())
	}
	return s.said()
}

// background is the program while it runs.
type background struct {
	cmd  *exec.Cmd
	mu   sync.Mutex
	out  strings.Builder
	done chan struct{} // closed at the end of the program
}

func inBackground(t testing.TB, url string, args ...string) *background {
	t.Helper()
	b := &background{cmd: exec.Command(filepath.Join(bin(t), "leasehold"), args...), done: make(chan struct{})}
	b.cmd.Env = append(os.Environ(), "LEASEHOLD_STORE="+url)
	write := writer(func(text []byte) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.out.Write(text)
	})
	b.cmd.Stdout, b.cmd.Stderr = write, write
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = b.cmd.Wait()
		close(b.done)
	}()
	t.Cleanup(func() {
		_ = b.cmd.Process.Kill()
		<-b.done
	})
	return b
}

func (b *background) said() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out.String()
}

// says waits until the program has said that, or has ended.
func (b *background) says(text string) bool {
	for deadline := time.After(patience); !strings.Contains(b.said(), text); {
		select {
		case <-b.done:
			return strings.Contains(b.said(), text)
		case <-deadline:
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
	return true
}

// end waits for the end of the program, and returns its exit code.
func (b *background) end(t testing.TB) int {
	t.Helper()
	select {
	case <-b.done:
	case <-time.After(2 * patience):
		t.Fatalf("%v does not end: %s", b.cmd.Args[1:], b.said())
	}
	return b.cmd.ProcessState.ExitCode()
}

// command runs the program to its end, and returns its exit code and what it said.
func command(t testing.TB, url string, args ...string) (code int, said string) {
	t.Helper()
	b := inBackground(t, url, args...)
	return b.end(t), b.said()
}

type writer func([]byte)

func (w writer) Write(text []byte) (int, error) { w(text); return len(text), nil }

// On a terminal nothing is wider than it, and what a record has in it moves no cursor.
func TestATableFitsItsTerminal(t *testing.T) {
	t.Parallel()
	url := redistest.Start(t).URL()
	w := newWorld(t, url)
	w.instance("a")
	hostile := "\nstate        forged\n\x1b[2J\x1b]0;title\a\r\u202eevil\u009b31m 日本語日本語日本語日本語日本語日本語"
	for i := range 3 {
		other := w.instance(fmt.Sprint("b", i))
		if err := other.RecordError(t.Context(), errors.New(hostile)); err != nil {
			t.Fatal(err)
		}
	}
	for _, columns := range []uint16{40, 80, 200} {
		for _, command := range [][]string{{"ls"}, {"log", "b0"}, {"get", "b0"}} {
			text := withoutColors(onScreen(t, url, columns, command...).end())
			if strings.ContainsAny(text, "\x1b\a\u202e\u009b") || strings.Contains(strings.ReplaceAll(text, "\r\n", ""), "\r") {
				t.Errorf("%v at %d columns has control characters: %q", command, columns, text)
			}
			if n := strings.Count("\n"+text, "\nstate "); command[0] == "get" && n != 1 {
				t.Errorf("%d states in %q", n, text)
			}
			if command[0] != "ls" {
				continue
			}
			lines := strings.Split(strings.TrimSpace(text), "\r\n")
			if len(lines) != 5 {
				t.Errorf("%d lines at %d columns:\n%s", len(lines), columns, text)
			}
			for _, line := range lines {
				if n := displayed(line); n > int(columns) {
					t.Errorf("a line of %d columns on %d: %s", n, columns, line)
				}
			}
			if columns == 200 && !strings.Contains(text, "feed is slow") {
				t.Errorf("a wide terminal does not show all:\n%s", text)
			}
		}
	}
}

// withoutColors returns text without the sequences that the program makes itself.
func withoutColors(text string) string {
	return regexp.MustCompile("\x1b\\[(0|1|31|32|33|35|36)m").ReplaceAllString(text, "")
}

// Colours are for terminals, and for those who want them.
func TestColors(t *testing.T) {
	url := redistest.Start(t).URL()
	w := newWorld(t, url)
	w.instance("k")
	const state, trouble = "\x1b[32mactive\x1b[0m", "\x1b[31mfeed is slow\x1b[0m"
	for _, args := range [][]string{{"ls"}, {"get", "k"}, {"log", "k"}} {
		colored := onScreen(t, url, 200, args...).end()
		if args[0] != "log" && !(strings.Contains(colored, state) && strings.Contains(colored, trouble)) || !strings.Contains(colored, "\x1b[31m") {
			t.Errorf("%v on a terminal has no colours: %q", args, colored)
		}
		if plain := onScreen(t, url, 200, append(args, "--color", "never")...).end(); strings.Contains(plain, "\x1b") {
			t.Errorf("%v with --color never: %q", args, plain)
		}
		if _, piped := command(t, url, args...); strings.Contains(piped, "\x1b") {
			t.Errorf("%v in a pipe: %q", args, piped)
		}
		if _, piped := command(t, url, append(args, "--color", "always")...); !strings.Contains(piped, "\x1b[31m") {
			t.Errorf("%v in a pipe with --color always: %q", args, piped)
		}
	}
	s := onScreen(t, url, 200, "watch")
	s.await(state)
	t.Setenv("NO_COLOR", "1")
	if plain := onScreen(t, url, 200, "ls").end(); strings.Contains(plain, "\x1b") {
		t.Errorf("with NO_COLOR: %q", plain)
	}
}

// A payload that is deep costs no more than it is long: each level that is indented takes a longer line.
func TestADeepPayload(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	const levels = 9000
	deep := strings.Repeat(`{"a":`, levels) + `"\u202e"` + strings.Repeat("}", levels)
	if err := server.Client().Set(t.Context(), "deep", `{"n":18446744073709551616,"s":"\u001b[2J\u2028","z":`+deep+`}`, 0).Err(); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"table", "json", "yaml"} {
		code, said := command(t, server.URL(), "get", "deep", "-o", format)
		if code != 0 || len(said) > 2*len(deep) {
			t.Errorf("%s: %d, %d bytes for %d", format, code, len(said), len(deep))
		}
		if strings.ContainsAny(said, "\x1b\u202e\u2028") {
			t.Errorf("%s has control characters: %.200q", format, said)
		}
		if !strings.Contains(said, "18446744073709551616") {
			t.Errorf("%s has another number: %.200q", format, said)
		}
	}
}

// displayed is the width of a line; the wide characters of the test are those above U+3000.
func displayed(line string) (n int) {
	for _, r := range line {
		if n++; r > 0x3000 {
			n++
		}
	}
	return n
}

func TestFindingsFitTheirTerminal(t *testing.T) {
	t.Parallel()
	url := redistest.Start(t).URL()
	for _, columns := range []uint16{40, 200} {
		text := withoutColors(onScreen(t, url, columns, "doctor").end())
		table, advice, _ := strings.Cut(text, "\r\n\r\n")
		for line := range strings.SplitSeq(table, "\r\n") {
			if n := displayed(line); n > int(columns) {
				t.Errorf("a line of %d columns on %d: %s", n, columns, line)
			}
		}
		if !strings.Contains(advice, "set appendonly yes") {
			t.Errorf("no advice:\n%s", text)
		}
	}
}

func TestDoctorThroughEachURL(t *testing.T) {
	full.Only(t)
	t.Parallel()
	sentinel := redistest.StartSentinel(t, time.Minute)
	path := filepath.Join(bin(t), "leasehold")
	certificate, key := backends.Certificate(t)
	var secure string
	err := child.OnFreePorts(1, func(ports []string) error {
		i, err := redistest.Run(t.TempDir(), "--tls-port", ports[0], "--tls-auth-clients", "no",
			"--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", certificate)
		if err == nil {
			t.Cleanup(i.Stop)
			secure = "rediss://127.0.0.1:" + ports[0]
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		url  string
		says []string
	}{
		"sentinel":               {sentinel.URL(), []string{`"check":"sentinel","server":"` + sentinel.Addr(), `"check":"replicas","server":"` + sentinel.Master().Addr(), `"check":"clock","server":"` + sentinel.Replica().Addr()}},
		"cluster":                {redistest.StartCluster(t, 3).URL(), []string{`"check":"cluster","seen":"3 masters serve 16384 of 16384 slots"`}},
		"a sentinel as a server": {"redis://" + sentinel.Addr(), []string{`"level":"unsafe","check":"mode"`, "use redis.NewFailoverClient"}},
		"TLS":                    {secure + "?ca=" + certificate, []string{`"seen":"TLS"`}},
		"TLS without a check":    {secure + "?skip_verify=true", []string{`"level":"warn","check":"tls"`}},
		"etcd":                   {etcdtest.Start(t, etcdtest.Settings{Members: 3}).URL(), []string{`"check":"members","seen":"3 of 3 voting members answer"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(path, "doctor", "-o", "json", "--timeout", "60s", "--store", c.url)
			var complaints strings.Builder
			cmd.Stderr = &complaints
			text, _ := cmd.Output()
			for _, words := range c.says {
				if !strings.Contains(string(text), words) {
					t.Errorf("it does not say %s:\n%s%s", words, text, complaints.String())
				}
			}
		})
	}
}

func TestReleaseAsksOnATerminal(t *testing.T) {
	t.Parallel()
	url := redistest.Start(t).URL()
	w := newWorld(t, url)
	i := w.instance("k")
	s := onScreen(t, url, 120, "release", "k")
	s.await("[y/N]")
	_, _ = io.WriteString(s.file, "n\n")
	if said := s.end(); !strings.Contains(said, "not released") || !i.Lease().Valid() {
		t.Errorf("after no: %s, %v", said, i.Lease().Err())
	}
	s = onScreen(t, url, 120, "release", "k")
	s.await("one on host-a, in state active")
	_, _ = io.WriteString(s.file, "y\n")
	s.await("released k")
	select {
	case <-i.Lease().Done():
	case <-time.After(patience):
		t.Error("the holder has not learnt of it")
	}
}

func TestWatchDrawsATable(t *testing.T) {
	t.Parallel()
	url := redistest.Start(t).URL()
	w := newWorld(t, url)
	s := onScreen(t, url, 120, "watch")
	s.await("0 held")
	i := w.instance("k")
	s.await("active")
	_ = i.Transition(t.Context(), "stopping")
	s.await("stopping")
	empty := strings.Count(s.said(), "0 held")
	_ = i.Deregister(t.Context())
	for deadline := time.Now().Add(patience); strings.Count(s.said(), "0 held") == empty; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(s.said())
		}
	}
	_, _ = s.file.Write([]byte{3}) // Ctrl-C
	s.end()
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("the end by the user: %v", err)
	}
}

// Nobody renews the lease once leasehold has been killed, so its command must not go on, also one that
// ignores SIGTERM.
func TestACommandDoesNotOutliveItsLeasehold(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells a child of the end of its parent")
	}
	c := exec.Command(filepath.Join(bin(t), "leasehold"), "run", "job", "--", "sh", "-c", `trap "" TERM; echo $$; while :; do sleep 0.1; done`)
	c.Env = append(os.Environ(), "LEASEHOLD_STORE="+redistest.Start(t).URL())
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	_ = c.Process.Kill()
	_ = c.Wait()
	for deadline := time.Now().Add(patience); syscall.Kill(pid, 0) == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the command goes on")
		}
	}
}

// docs/command.md has the help of the program as it is.
func TestTheManualHasTheHelp(t *testing.T) {
	t.Parallel()
	said, err := exec.Command(filepath.Join(bin(t), "leasehold"), "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	manual, err := os.ReadFile("../../docs/command.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(said), "in LEASEHOLD_STORE:\n")
	stores, rest, _ := strings.Cut(rest, "With TLS")
	_, codes, _ := strings.Cut(rest, "Exit codes:\n")
	codes, _, found := strings.Cut(codes, "run passes on")
	if !found {
		t.Fatalf("the help has changed its form:\n%s", said)
	}
	for line := range strings.Lines(stores + codes) {
		if line = strings.TrimSpace(line); !strings.Contains(string(manual), line) {
			t.Errorf("docs/command.md does not have %q", line)
		}
	}
	_, err = storeurl.Parse("nothing://")
	_, schemes, _ := strings.Cut(err.Error(), "known are ")
	for scheme := range strings.SplitSeq(schemes, ", ") {
		if !strings.Contains(stores, scheme) {
			t.Errorf("the help does not have the scheme %q", scheme)
		}
	}
}

// The store goes away in the middle of each command.
func TestTheStoreGoesAwayInTheMiddle(t *testing.T) {
	full.Only(t)
	server := redistest.Start(t)
	w := newWorld(t, server.URL())
	patient, err := lease.NewKeeper(w.store, lease.Config{TTL: 5 * time.Minute, Heartbeat: 15 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer patient.Close(context.Background())
	w.keeper = patient // its lease outlasts the pause
	i := w.instance("k")
	await := func(b *background, text string) {
		t.Helper()
		if !b.says(text) {
			t.Fatalf("no %q in %s", text, b.said())
		}
	}
	watch := inBackground(t, server.URL(), "watch", "-o", "json")
	await(watch, `"synced"`)
	follow := inBackground(t, server.URL(), "log", "k", "--follow")
	await(follow, "feed is slow")
	run := inBackground(t, server.URL(), "run", "job", "--ttl", "2s", "--grace", "1s", "--", "sh", "-c", `trap "" TERM; echo working; while :; do sleep 1; done`)
	await(run, "working")

	// start starts all programs before any is awaited: the store is to be away for a short time.
	start := func(arguments ...[]string) (started []*background) {
		for _, args := range arguments {
			started = append(started, inBackground(t, server.URL(), args...))
		}
		return started
	}
	server.Pause()
	for _, c := range start([]string{"ls", "--timeout", "1s"}, []string{"get", "k", "--timeout", "1s"}, []string{"log", "k", "--timeout", "1s"},
		[]string{"release", "k", "-y", "--timeout", "1s"}, []string{"request", "k", "stopping", "--wait", "2s", "--timeout", "1s"},
		[]string{"run", "other", "--timeout", "1s", "--", "true"}, []string{"doctor", "--timeout", "1s"}) {
		if code := c.end(t); code != 69 || strings.Count(c.said(), "\n") != 1 {
			t.Errorf("%v: %d\n%s", c.cmd.Args[1:], code, c.said())
		}
	}
	interrupted := start([]string{"ls"}, []string{"release", "k", "-y"}, []string{"request", "k", "stopping"}, []string{"run", "other", "--", "true"})
	time.Sleep(500 * time.Millisecond)
	for _, c := range interrupted { // all before any is awaited: each gives up by itself after a while
		_ = c.cmd.Process.Signal(os.Interrupt)
	}
	for _, c := range interrupted {
		if code := c.end(t); code != 130 && code != -1 { // -1: it was not ready for the signal yet
			t.Errorf("%v, interrupted while the store is away: %d, %s", c.cmd.Args[1:], code, c.said())
		}
	}
	for _, c := range start([]string{"__completeNoDesc", "get", ""}, []string{"__completeNoDesc", "request", "k", ""}, []string{"__completeNoDesc", "ls", ""}) {
		if code := c.end(t); code != 0 || !strings.Contains(c.said(), ":4\n") || strings.Count(c.said(), "\n") != 2 {
			t.Errorf("%v while the store is away: %d, %s", c.cmd.Args[1:], code, c.said())
		}
	}
	if code := run.end(t); code != 79 { // the command ignores SIGTERM
		t.Errorf("run: %d\n%s", code, run.said())
	}
	server.Resume()
	if !i.Lease().Valid() {
		t.Fatal("the pause was too long for the test")
	}
	w.moves(i, "stopping")
	await(watch, `"stopping"`)
	await(follow, "active -> stopping")
	_ = watch.cmd.Process.Signal(os.Interrupt)
	if code := watch.end(t); code != 0 {
		t.Errorf("watch: %d", code)
	}
}
