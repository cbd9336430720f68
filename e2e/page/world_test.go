package page_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/internal/built"
	"github.com/leasehold-go/leasehold/internal/child"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
)

var (
	steps  = flag.String("steps", ".", "`pattern` of the tests in JavaScript to run")
	memory = flag.Duration("memory", time.Minute, "how long BenchmarkSpeed measures memory")
)

func TestMain(m *testing.M) { built.Main(m) }

const patience = time.Minute

// server is a Redis or an etcd.
type server interface {
	URL() string
	Pause()
	Resume()
}

func servers(t *testing.T) map[string]func(*testing.T) server {
	t.Helper()
	return map[string]func(*testing.T) server{
		"redis": func(t *testing.T) server { return redistest.Start(t) },
		"etcd":  func(t *testing.T) server { return etcdtest.Start(t, etcdtest.Settings{}) },
	}
}

func TestPage(t *testing.T) {
	full.Only(t)
	t.Parallel()
	for name, start := range servers(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newWorld(t, start(t)).run("page.test.mjs")
		})
	}
}

func TestBrowser(t *testing.T) {
	full.Only(t)
	t.Parallel()
	newWorld(t, redistest.Start(t)).run("browser.test.mjs")
}

// BenchmarkPictures makes the pictures of docs, where tests are not to.
func BenchmarkPictures(b *testing.B) {
	dir, err := filepath.Abs(filepath.Join("..", "..", "docs", "page"))
	if err != nil {
		b.Fatal(err)
	}
	newWorld(b, redistest.Start(b)).run("pictures.test.mjs", "PICTURES="+dir)
}

// BenchmarkSpeed measures the page beside its goals. Its lines come on standard output as they are
// measured:
//
//	go test ./e2e/page -run '^$' -bench Speed -benchtime 1x -memory 10m -timeout 30m
func BenchmarkSpeed(b *testing.B) {
	newWorld(b, redistest.Start(b)).run("speed.test.mjs", fmt.Sprint("MEMORY_SECONDS=", memory.Seconds()))
}

// TestDist builds the front end anew and compares it with the embedded one.
func TestDist(t *testing.T) {
	full.Only(t)
	t.Parallel()
	check := exec.CommandContext(t.Context(), "npm", "run", "--silent", "check")
	check.Dir = filepath.Join("..", "..", "cmd", "leasehold", "internal", "page", "web")
	if _, err := os.Stat(filepath.Join(check.Dir, "node_modules")); err != nil {
		t.Fatalf("the build of the page is not installed: run npm ci in %s, or ./test.sh: %v", check.Dir, err)
	}
	if text, err := check.CombinedOutput(); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
}

// world is a store with its page and instances, all of them processes. A test in JavaScript changes it
// by requests, each of which is answered when it is done.
type world struct {
	t          testing.TB
	server     server
	dir        string
	port       string // of the page, also while it is stopped
	mu         sync.Mutex
	page       *child.Process
	refusing   *http.Server
	connectors map[string]*connector // by key
}

// connector is a running process with instances.
type connector struct {
	cmd   *exec.Cmd
	in    io.Writer
	lines chan string
	ended chan struct{}
}

func newWorld(t testing.TB, s server) *world {
	t.Helper()
	w := &world{t: t, server: s, dir: t.TempDir(), connectors: make(map[string]*connector)}
	if err := child.OnFreePorts(1, func(ports []string) error { w.port = ports[0]; return nil }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.unserve()
		for _, c := range w.connectors {
			c.kill()
		}
	})
	return w
}

// run runs a test in JavaScript.
func (w *world) run(script string, env ...string) {
	w.t.Helper()
	if _, err := os.Stat("node_modules/playwright-core"); err != nil {
		w.t.Fatalf("playwright-core is not installed: run npm ci in e2e/page, or ./test.sh: %v", err)
	}
	mux := http.NewServeMux()
	for path, do := range map[string]func(order) (any, error){
		"start": w.start, "order": w.order, "kill": w.kill,
		"serve": w.serve, "unserve": func(order) (any, error) { w.unserve(); return nil, nil },
		"pause":  func(order) (any, error) { w.server.Pause(); return nil, nil },
		"resume": func(order) (any, error) { w.server.Resume(); return nil, nil },
		"freeze": func(order) (any, error) { return nil, w.page.Pause() },
		"thaw":   func(order) (any, error) { return nil, w.page.Resume() },
		"refuse": w.refuse, "memory": w.memory,
	} {
		mux.HandleFunc("POST /"+path, func(rw http.ResponseWriter, r *http.Request) {
			var o order
			err := json.NewDecoder(r.Body).Decode(&o)
			var answer any
			if err == nil {
				w.mu.Lock()
				answer, err = do(o)
				w.mu.Unlock()
			}
			if err != nil {
				http.Error(rw, fmt.Sprintf("%s: %v", path, err), http.StatusInternalServerError)
				return
			}
			_ = json.NewEncoder(rw).Encode(answer)
		})
	}
	control := httptest.NewServer(mux)
	defer control.Close()
	ctx, cancel := context.WithTimeout(w.t.Context(), 40*time.Minute)
	defer cancel()
	node := exec.CommandContext(ctx, "node", "--test", "--test-reporter=spec", "--test-name-pattern="+*steps, script)
	node.Env = append(os.Environ(), append(env, "CONTROL="+control.URL, "TMPDIR="+w.dir)...)
	node.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var text bytes.Buffer
	node.Stdout, node.Stderr = &text, &text
	if _, measures := w.t.(*testing.B); measures { // the log of a benchmark is cut after ten lines
		node.Stdout, node.Stderr = os.Stdout, os.Stdout
	}
	err := node.Run()
	if err != nil {
		w.t.Errorf("%v", err)
		said, _ := os.ReadFile(filepath.Join(w.dir, "page.log"))
		w.t.Logf("the page said:\n%s", said)
	}
	w.t.Logf("%s", text.Bytes())
}

// order is a request of a test.
type order struct {
	Count    int
	First    int
	Rate     float64
	Moving   string
	TTL      string
	Prefix   string
	Key      string
	Requests bool
	On       bool
	Line     json.RawMessage // to a connector
}

func (w *world) serve(o order) (any, error) {
	w.unserve()
	args := []string{built.Program(w.t, "cmd/leasehold"), "serve", "--store", w.server.URL(), "--listen", net.JoinHostPort("127.0.0.1", w.port)}
	if o.Requests {
		args = append(args, "--allow-requests")
	}
	var err error
	if w.page, err = child.Start(filepath.Join(w.dir, "page.log"), args...); err != nil {
		return nil, err
	}
	if err := w.page.Await(patience, func(said []byte) bool { return strings.Contains(string(said), "the page is at ") }); err != nil {
		w.page = nil
		return nil, err
	}
	return map[string]string{"url": "http://127.0.0.1:" + w.port + "/"}, nil
}

func (w *world) unserve() {
	if w.page != nil {
		w.page.Stop(20 * time.Second)
		w.page = nil
	}
	if w.refusing != nil {
		w.refusing.Close()
		w.refusing = nil
	}
}

// refuse has something in the place of the page answer 503, as a proxy does.
func (w *world) refuse(order) (any, error) {
	w.unserve()
	l, err := net.Listen("tcp", "127.0.0.1:"+w.port)
	if err != nil {
		return nil, err
	}
	w.refusing = &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		http.Error(rw, "no server is there", http.StatusServiceUnavailable)
	})}
	go w.refusing.Serve(l)
	return nil, nil
}

func (w *world) start(o order) (any, error) {
	args := []string{"-store", w.server.URL(), "-count", fmt.Sprint(max(o.Count, 1)), "-first", fmt.Sprint(max(o.First, 1)), "-rate", fmt.Sprint(o.Rate)}
	if o.TTL != "" {
		args = append(args, "-ttl", o.TTL)
	}
	if o.Moving != "" {
		args = append(args, "-moving", o.Moving)
	}
	if o.Prefix != "" {
		args = append(args, "-prefix", o.Prefix)
	}
	c := &connector{cmd: exec.Command(built.Program(w.t, "e2e/page/connector"), args...), lines: make(chan string, 16), ended: make(chan struct{})}
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	c.cmd.Stderr = os.Stderr
	in, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	c.in = in
	out, output := io.Pipe() // not StdoutPipe, which Wait closes with lines unread
	c.cmd.Stdout = output
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(c.ended)
		c.cmd.Wait() // how it ended does not matter
		output.Close()
	}()
	go func() {
		defer close(c.lines)
		for said := bufio.NewScanner(out); said.Scan(); {
			c.lines <- said.Text()
		}
	}()
	line, err := c.line()
	if err != nil {
		c.kill()
		return nil, err
	}
	keys := strings.Fields(line)[1:]
	for _, key := range keys {
		w.connectors[key] = c
	}
	return keys, nil
}

func (c *connector) line() (string, error) {
	select {
	case line, open := <-c.lines:
		if !open {
			return "", errors.New("the connector has ended")
		}
		return line, nil
	case <-time.After(5 * patience): // it may have thousands of keys
		return "", errors.New("the connector says nothing")
	}
}

func (c *connector) kill() {
	c.cmd.Process.Kill() // fails only if it has ended
	<-c.ended
	for range c.lines { // until it is read to its end
	}
}

// memory tells how much the page's server has.
func (w *world) memory(order) (any, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.page.ID()))
	if err != nil {
		return nil, err
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	rss, _, _ := strings.Cut(rest, "\n")
	return map[string]string{"rss": strings.TrimSpace(rss)}, nil
}

func (w *world) order(o order) (any, error) {
	var to struct{ Key string }
	if err := json.Unmarshal(o.Line, &to); err != nil {
		return nil, err
	}
	c := w.connectors[to.Key]
	if c == nil {
		return nil, fmt.Errorf("no connector has %q", to.Key)
	}
	if _, err := fmt.Fprintf(c.in, "%s\n", o.Line); err != nil {
		return nil, err
	}
	line, err := c.line()
	if err == nil && line != "ok" {
		err = errors.New(line)
	}
	return nil, err
}

func (w *world) kill(o order) (any, error) {
	c := w.connectors[o.Key]
	if c == nil {
		return nil, fmt.Errorf("no connector has %q", o.Key)
	}
	c.kill()
	return nil, nil
}
