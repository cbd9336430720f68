// Command pageload measures the server of the page (leasehold serve) with many instances, beside a
// naive page that polls the list of them every second:
//
//	go run ./e2e/cmd/pageload                    # Redis
//	go run ./e2e/cmd/pageload -store etcd -instances 10000
//
// For each rate of changes it prints the processor time and the wake-ups of the two servers and of a
// process that only watches the store, the processor time of the store, the memory of the page, and how
// long a change takes to reach a client of the event stream. Each viewer also asks for the ages of 50
// rows every five seconds, as the page does with the default time to live.
package main

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
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
	"github.com/leasehold-go/leasehold/store/storeurl"
)

func main() {
	kind := flag.String("store", "redis", "redis or etcd")
	instances := flag.Int("instances", 1000, "instances")
	viewers := flag.Int("viewers", 1, "browsers")
	window := flag.Duration("for", 30*time.Second, "how long to measure each")
	rate := flag.Float64("rate", 0, "changes a second; one a minute an instance, and then 200, if 0")
	naive := flag.String("naive", "", "be the naive page of the store with this URL")
	bare := flag.String("bare", "", "only watch the store with this URL")
	flag.Parse()
	redis.SetLogger(&logging.VoidLogger{})
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	run := func() error { return measure(ctx, *kind, *instances, *viewers, *window, *rate) }
	switch {
	case *naive != "":
		run = func() error { return poll(ctx, *naive) }
	case *bare != "":
		run = func() error { return watchStore(ctx, *bare) }
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "pageload:", err)
		os.Exit(1)
	}
}

// poll is the naive page: each call lists everything.
func poll(ctx context.Context, url string) error {
	st, closeStore, err := storeurl.Open(ctx, url)
	if err != nil {
		return err
	}
	defer closeStore()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "the page is at http://%s/\n", l.Addr())
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		type row struct {
			Key, State, Instance, Host, LastError string
			Token                                 store.Token
			Left                                  time.Duration
			Changed                               time.Time
		}
		var all []row
		for r, err := range registry.List[struct{}](r.Context(), st, "") {
			if err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
			all = append(all, row{r.Key, r.State, r.Instance, r.Host, r.LastError, r.Token, r.Left, r.Changed})
		}
		_ = json.NewEncoder(w).Encode(all)
	})}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	_ = server.Serve(l)
	return nil
}

// watchStore watches the store and does nothing else. Its cost is a part of the page's.
func watchStore(ctx context.Context, url string) error {
	st, closeStore, err := storeurl.Open(ctx, url)
	if err != nil {
		return err
	}
	defer closeStore()
	fmt.Fprintln(os.Stderr, "watching")
	for _, err := range st.Watch(ctx, "") {
		if err != nil {
			return err
		}
	}
	return nil
}

// world is the store with its instances.
type world struct {
	url       string
	pid       int // of the store
	instances []*registry.Instance[string, payload]
}

type payload struct {
	Feed string `json:"feed"`
	Load int    `json:"load"`
}

var lifecycle = fsm.MustDefine("active", fsm.Table[string]{"active": {"degraded"}, "degraded": {"active"}})

func key(n int) string { return fmt.Sprintf("exchange:%d:status", n) }

func measure(ctx context.Context, kind string, instances, viewers int, window time.Duration, rate float64) error {
	dir, err := os.MkdirTemp("", "pageload")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "leasehold")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/leasehold-go/leasehold/cmd/leasehold")
	if said, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, said)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	w, end, err := start(ctx, kind, dir, instances)
	if err != nil {
		return err
	}
	defer end()
	fmt.Printf("%s, %d instances, %d viewers, %v each; processor time in %% of one core\n\n", kind, instances, viewers, window)
	fmt.Println("| changes a second | page | naive | bare watch | naive/page | wake-ups a second: page, naive, bare | store with page | store with naive | page, MiB first and last | p50 | p99 | most |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|---|---|")
	rates := []float64{float64(instances) / 60, 200}
	if rate > 0 {
		rates = []float64{rate}
	}
	for _, rate := range rates {
		page, err := w.run(ctx, exec.Command(program, "serve", "--store", w.url, "--listen", "127.0.0.1:0"), viewers, window, rate, watch)
		if err != nil {
			return err
		}
		naive, err := w.run(ctx, exec.Command(self, "-naive", w.url), viewers, window, rate, fetch)
		if err != nil {
			return err
		}
		bare, err := w.run(ctx, exec.Command(self, "-bare", w.url), 1, window, rate, idle)
		if err != nil {
			return err
		}
		slices.Sort(page.late)
		at := func(share float64) time.Duration {
			return page.late[min(int(share*float64(len(page.late))), len(page.late)-1)].Round(100 * time.Microsecond)
		}
		if len(page.late) == 0 {
			return errors.New("no change has reached a viewer")
		}
		fmt.Printf("| %.1f | %.2f | %.2f | %.2f | %.1f | %.0f, %.0f, %.0f | %.1f | %.1f | %d, %d | %v | %v | %v |\n",
			rate, page.cpu, naive.cpu, bare.cpu, naive.cpu/page.cpu, page.wakes, naive.wakes, bare.wakes,
			page.store, naive.store, page.before>>20, page.memory>>20, at(0.5), at(0.99), at(1))
	}
	return nil
}

// start starts a store and registers the instances.
func start(ctx context.Context, kind, dir string, n int) (*world, func(), error) {
	w := &world{}
	var stop func()
	switch kind {
	case "redis":
		server, err := redistest.Run(dir)
		if err != nil {
			return nil, nil, err
		}
		w.url, stop = server.URL(), server.Stop
	case "etcd":
		program := filepath.Join(dir, "etcdmember")
		if said, err := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/leasehold-go/leasehold/e2e/etcdtest/etcdmember").CombinedOutput(); err != nil {
			return nil, nil, fmt.Errorf("go build: %w\n%s", err, said)
		}
		cluster, err := etcdtest.Run(dir, []string{program}, etcdtest.Settings{})
		if err != nil {
			return nil, nil, err
		}
		w.url, stop = cluster.URL(), cluster.Stop
	default:
		return nil, nil, fmt.Errorf("-store %q is neither redis nor etcd", kind)
	}
	st, closeStore, err := storeurl.Open(ctx, w.url)
	if err != nil {
		stop()
		return nil, nil, err
	}
	keeper, err := lease.NewKeeper(st, lease.Config{})
	if err != nil {
		stop()
		return nil, nil, err
	}
	end := func() {
		_ = keeper.Close(context.Background())
		_ = closeStore()
		stop()
	}
	w.pid = child()
	w.instances = make([]*registry.Instance[string, payload], n)
	errs := make([]error, n)
	var registering sync.WaitGroup
	next := make(chan int)
	for range 32 {
		registering.Go(func() {
			for i := range next {
				w.instances[i], errs[i] = registry.Register(ctx, keeper, lifecycle, registry.Config[string, payload]{Key: key(i), Payload: payload{"trades", i}, Log: &registry.Log{}})
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	registering.Wait()
	if err := errors.Join(errs...); err != nil {
		end()
		return nil, nil, err
	}
	return w, end, nil
}

// child returns the process of the server, the only child of this one.
func child() int {
	all, _ := filepath.Glob("/proc/self/task/*/children")
	for _, file := range all {
		text, _ := os.ReadFile(file)
		for _, field := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil {
				return pid
			}
		}
	}
	return 0
}

// figures has the measurements of one page at one rate.
type figures struct {
	cpu, store float64 // % of a core
	wakes      float64 // of the threads of the page, a second
	before     int64   // bytes of memory at the beginning
	memory     int64   // and at the end
	late       []time.Duration
}

// run measures a page.
func (w *world) run(ctx context.Context, c *exec.Cmd, viewers int, window time.Duration, rate float64, view viewing) (figures, error) {
	said, err := c.StderrPipe()
	if err != nil {
		return figures{}, err
	}
	if err := c.Start(); err != nil {
		return figures{}, err
	}
	defer c.Wait()
	defer c.Process.Signal(os.Interrupt)
	line, err := bufio.NewReader(said).ReadString('\n')
	if err != nil {
		return figures{}, fmt.Errorf("%s: %w", c, err)
	}
	go io.Copy(io.Discard, said)
	url := regexp.MustCompile(`http://\S+/`).FindString(line)

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	changes := &changes{at: make(map[string]time.Time)}
	ready := make(chan struct{}, viewers)
	for i := range viewers {
		running.Go(func() { view(ctx, url, len(w.instances), i, changes, ready) })
	}
	for range viewers {
		select {
		case <-ready:
		case <-time.After(time.Minute):
			return figures{}, fmt.Errorf("%s: a viewer sees nothing", c)
		}
	}
	running.Go(func() { w.change(ctx, rate, changes) })
	time.Sleep(2 * time.Second)
	changes.count(true)
	before := resident(c.Process.Pid)
	began, cpu, store, wakes := time.Now(), used(c.Process.Pid), used(w.pid), wakeUps(c.Process.Pid)
	select {
	case <-time.After(window):
	case <-ctx.Done():
		return figures{}, ctx.Err()
	}
	share := func(d time.Duration) float64 { return 100 * d.Seconds() / time.Since(began).Seconds() }
	f := figures{cpu: share(used(c.Process.Pid) - cpu), store: share(used(w.pid) - store), before: before, memory: resident(c.Process.Pid)}
	f.wakes = float64(wakeUps(c.Process.Pid)-wakes) / time.Since(began).Seconds()
	f.late = changes.count(false)
	return f, nil
}

// change moves instances at a rate, and notes when.
func (w *world) change(ctx context.Context, rate float64, noted *changes) {
	tick := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer tick.Stop()
	slots := make(chan struct{}, 64)
	var changing sync.WaitGroup
	defer changing.Wait()
	for n := 0; ; n++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		slots <- struct{}{}
		changing.Go(func() {
			defer func() { <-slots }()
			i := w.instances[n%len(w.instances)]
			to := "degraded"
			if i.State() == to {
				to = "active"
			}
			cause := fmt.Sprintf("change %d of %p", n, noted)
			noted.began(cause)
			_ = i.TransitionWithCause(ctx, to, cause)
		})
	}
}

// changes are when changes were begun, and how late they were seen.
type changes struct {
	mu       sync.Mutex
	at       map[string]time.Time
	late     []time.Duration
	counting bool
}

func (c *changes) began(cause string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at[cause] = time.Now()
}

func (c *changes) seen(cause string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at, known := c.at[cause]; known && c.counting {
		c.late = append(c.late, time.Since(at))
	}
}

// count begins or ends the count.
func (c *changes) count(on bool) []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counting = on
	return c.late
}

// viewing is a browser that looks at a page until ctx ends.
type viewing func(ctx context.Context, url string, instances, viewer int, seen *changes, ready chan<- struct{})

// watch reads the event stream and asks for ages.
func watch(ctx context.Context, url string, instances, viewer int, seen *changes, ready chan<- struct{}) {
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, url+"api/events", nil)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return
	}
	defer answer.Body.Close()
	var keys []string
	for i := range min(50, instances) {
		keys = append(keys, key((viewer*50+i)%instances))
	}
	asked, _ := json.Marshal(map[string]any{"keys": keys})
	var asking sync.WaitGroup
	defer asking.Wait()
	asking.Go(func() {
		every(ctx, 5*time.Second, func() { _ = discard(ctx, http.MethodPost, url+"api/ages", asked) })
	})
	lines, name, told := bufio.NewReaderSize(answer.Body, 1<<20), "", false
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		if n, is := bytes.CutPrefix(line, []byte("event: ")); is {
			name = string(bytes.TrimSpace(n))
		}
		text, is := bytes.CutPrefix(line, []byte("data: "))
		switch {
		case is && name == "rows" && bytes.HasPrefix(text, []byte(`{"first":`)) && bytes.Contains(text[:40], []byte(`"last":true`)) && len(text) > 200 && !told:
			told = true
			ready <- struct{}{}
		case is && name == "feed":
			var e struct{ Items []struct{ Cause string } }
			_ = json.Unmarshal(text, &e)
			for _, i := range e.Items {
				seen.seen(i.Cause)
			}
		}
	}
}

// fetch polls the naive page.
func fetch(ctx context.Context, url string, _, _ int, _ *changes, ready chan<- struct{}) {
	ready <- struct{}{}
	every(ctx, time.Second, func() { _ = discard(ctx, http.MethodGet, url, nil) })
}

// idle looks at nothing.
func idle(ctx context.Context, _ string, _, _ int, _ *changes, ready chan<- struct{}) {
	ready <- struct{}{}
	<-ctx.Done()
}

func every(ctx context.Context, interval time.Duration, f func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			f()
		case <-ctx.Done():
			return
		}
	}
}

func discard(ctx context.Context, method, url string, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

// used is the processor time of a process.
func used(pid int) time.Duration {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond // the kernel counts hundredths
}

// wakeUps is how often threads of a process that waited were woken.
func wakeUps(pid int) (n int) {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	for _, file := range threads {
		text, _ := os.ReadFile(file)
		_, rest, _ := strings.Cut(string(text), "\nvoluntary_ctxt_switches:")
		if count, _, found := strings.Cut(rest, "\n"); found {
			more, _ := strconv.Atoi(strings.TrimSpace(count))
			n += more
		}
	}
	return n
}

// resident is the memory of a process.
func resident(pid int) int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}
