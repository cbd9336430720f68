package command_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/e2e/backends"
	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
)

// served is a page that runs as a process.
type served struct {
	t     *testing.T
	url   string // with a slash at its end
	cmd   *exec.Cmd
	ended chan error

	mu   sync.Mutex
	said strings.Builder // to standard error
}

func (s *served) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.said.String()
}

// serve starts leasehold serve on a store and waits until it says its address.
func serve(t *testing.T, url string, args ...string) *served {
	t.Helper()
	s := &served{t: t, cmd: exec.Command(filepath.Join(bin(t), "leasehold"), append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...), ended: make(chan error, 1)}
	s.cmd.Env = append(os.Environ(), "LEASEHOLD_STORE="+url)
	address := make(chan string, 1)
	s.cmd.Stderr = writer(func(text []byte) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.said.Write(text)
		if at := regexp.MustCompile(`https?://\S+/`).FindString(s.said.String()); at != "" {
			select {
			case address <- at:
			default:
			}
		}
	})
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.ended <- s.cmd.Wait() }()
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	select {
	case s.url = <-address:
	case err := <-s.ended:
		t.Fatalf("it has ended: %v\n%s", err, s.text())
	case <-time.After(patience):
		t.Fatalf("it does not start: %s", s.text())
	}
	return s
}

// end sends a signal and waits for an end without a failure.
func (s *served) end(signal os.Signal) {
	s.t.Helper()
	_ = s.cmd.Process.Signal(signal)
	select {
	case err := <-s.ended:
		if err != nil {
			s.t.Errorf("it ended with %v\n%s", err, s.text())
		}
	case <-time.After(patience):
		s.t.Errorf("it does not end\n%s", s.text())
	}
}

// shown is a row of the page.
type shown struct {
	Key, State, Name, Token string
	Gone                    *struct{ Why string }
}

// viewer is a client of the page's event stream.
type viewer struct {
	s    *served
	stop func()

	mu      sync.Mutex
	rows    map[string]shown
	current bool
	bye     bool
	feed    []string // kinds
}

// view opens the event stream.
func (s *served) view() *viewer {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, "GET", s.url+"api/events", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	answer, err := client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	v := &viewer{s: s, rows: make(map[string]shown)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer answer.Body.Close()
		lines, name := bufio.NewScanner(answer.Body), ""
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			if n, is := strings.CutPrefix(lines.Text(), "event: "); is {
				name = n
			}
			if text, is := strings.CutPrefix(lines.Text(), "data: "); is {
				v.take(name, text)
			}
		}
	}()
	v.stop = sync.OnceFunc(func() { cancel(); <-done; client.CloseIdleConnections() })
	s.t.Cleanup(v.stop)
	return v
}

func (v *viewer) take(name, text string) {
	var e struct {
		Rows    []shown
		Current bool
		Items   []struct{ Kind string }
	}
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		v.s.t.Errorf("%s: %v", text, err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch name {
	case "hello":
		clear(v.rows)
		v.current = e.Current
	case "current":
		v.current = e.Current
	case "bye":
		v.bye = true
	}
	for _, r := range e.Rows {
		v.rows[r.Key] = r
	}
	for _, i := range e.Items {
		v.feed = append(v.feed, i.Kind)
	}
}

func (v *viewer) await(what string, is func() bool) {
	v.s.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		v.mu.Lock()
		ok := is()
		v.mu.Unlock()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			v.s.t.Fatalf("no %s: %+v, current %v\n%s", what, v.rows, v.current, v.s.text())
		}
	}
}

func (v *viewer) awaitState(key, state string) {
	v.s.t.Helper()
	v.await(key+" in "+state, func() bool { return v.rows[key].State == state && v.rows[key].Gone == nil && v.current })
}

// The store goes away under the page and comes back: the page says so, and catches up by itself.
func TestThePageCatchesUpWithItsStore(t *testing.T) {
	full.Only(t)
	t.Parallel()
	redis, etcd := redistest.Start(t), etcdtest.Start(t, etcdtest.Settings{})
	for name, c := range map[string]struct {
		url                    string
		pause, resume, restart func()
	}{
		"redis": {redis.URL(), redis.Pause, redis.Resume, redis.RestartEmpty},
		"etcd":  {etcd.URL(), etcd.Pause, etcd.Resume, etcd.Restart},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.url)
			i := w.instance("k")
			s := serve(t, c.url)
			v := s.view()
			v.awaitState("k", "active")

			c.pause()
			v.await("word that it is not current", func() bool { return !v.current && v.rows["k"].State == "active" })
			c.resume()
			w.moves(i, "stopping")
			v.awaitState("k", "stopping")

			c.restart()
			for limit := time.Now().Add(patience); w.reach() != nil && time.Now().Before(limit); time.Sleep(50 * time.Millisecond) {
			}
			w.instance("after")
			v.awaitState("after", "active")
			if name == "redis" { // its data are lost
				v.await("its end", func() bool { return v.rows["k"].Gone != nil })
			}
			s.end(syscall.SIGTERM)
			v.await("the end", func() bool { return v.bye })
		})
	}
}

// reach returns the error of reading the store.
func (w *world) reach() error {
	for _, err := range w.store.List(w.t.Context(), "after") {
		return err
	}
	return nil
}

// A process that is killed leaves a card that says so, and one that leaves in order another.
func TestThePageTellsADeathFromALeave(t *testing.T) {
	full.Only(t)
	t.Parallel()
	for name, url := range servers(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, url)
			s := serve(t, url)
			v := s.view()
			c := exec.Command(filepath.Join(bin(t), "leasehold"), "run", "died", "--ttl", "3s", "--", "sleep", "60")
			c.Env = append(os.Environ(), "LEASEHOLD_STORE="+url)
			c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			v.await("the lease", func() bool { return v.rows["died"].Token != "" })
			_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
			_ = c.Wait()
			v.await("its end", func() bool { g := v.rows["died"].Gone; return g != nil && (g.Why == "expired" || name == "etcd") })
			i := w.instance("left")
			v.awaitState("left", "active")
			if err := i.Deregister(t.Context()); err != nil {
				t.Fatal(err)
			}
			v.await("its leave", func() bool { g := v.rows["left"].Gone; return g != nil && g.Why == "left" })
			s.end(os.Interrupt)
		})
	}
}

// The rights to read are enough for the page.
func TestThePageNeedsNoRightToWriteRecords(t *testing.T) {
	full.Only(t)
	t.Parallel()
	redis, etcd := redistest.Start(t), etcdtest.Start(t, etcdtest.Settings{})
	setUser(t, redis.Client(), "reader", backends.RedisRightsOf(t, "reader"))
	admin := etcd.Client()
	var errs []error
	for _, name := range []string{"root", "reader"} {
		_, err1 := admin.UserAdd(t.Context(), name, "secret")
		_, err2 := admin.RoleAdd(t.Context(), name)
		_, err3 := admin.UserGrantRole(t.Context(), name, name)
		errs = append(errs, err1, err2, err3)
	}
	for _, r := range backends.EtcdRightsOf(t, "reader") {
		_, err := admin.RoleGrantPermission(t.Context(), "reader", r.Prefix, clientv3.GetPrefixRangeEnd(r.Prefix), r.Type)
		errs = append(errs, err)
	}
	_, err := admin.AuthEnable(t.Context())
	if err := errors.Join(append(errs, err)...); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ url, all string }{
		"redis": {strings.Replace(redis.URL(), "://", "://reader:secret@", 1), redis.URL()},
		"etcd":  {strings.Replace(etcd.URL(), "://", "://reader:secret@", 1), strings.Replace(etcd.URL(), "://", "://root:secret@", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.all)
			i := w.instance("app:k")
			s := serve(t, c.url, "--prefix", "app:")
			v := s.view()
			v.awaitState("app:k", "active")
			for _, call := range []struct{ method, path, body, want string }{
				{"GET", "api/instance?key=app:k", "", `"feed":"trades"`},
				{"GET", "api/log?key=app:k", "", `"kind":"registered"`},
				{"POST", "api/ages", `{"keys":["app:k","app:none"]}`, `"gone":true`},
				{"POST", "api/timeline", `{"keys":["app:k"],"from":"` + time.Now().Add(-time.Hour).Format(time.RFC3339) + `","to":"` + time.Now().Format(time.RFC3339) + `"}`, `"parts":[`},
			} {
				if status, text := s.call(call.method, call.path, call.body); status != http.StatusOK || !strings.Contains(text, call.want) {
					t.Errorf("%s: %d %s", call.path, status, text)
				}
			}
			if status, _ := s.call("POST", "api/request", `{"key":"app:k","state":"stopping"}`); status != http.StatusForbidden || i.State() != "active" {
				t.Errorf("a request without the switch: %d", status)
			}
			if err := i.Deregister(t.Context()); err != nil {
				t.Fatal(err)
			}
			v.await("its end", func() bool { return v.rows["app:k"].Gone != nil })
			if strings.Contains(s.text(), "secret") {
				t.Errorf("the password is in %s", s.text())
			}
		})
	}
}

// call makes a call as the page does.
func (s *served) call(method, path, body string) (int, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Origin", strings.TrimSuffix(s.url, "/"))
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	var text strings.Builder
	_, err = bufio.NewReader(answer.Body).WriteTo(&text)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, text.String()
}

func TestThePageMovesAnInstance(t *testing.T) {
	t.Parallel()
	for name, url := range servers(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, url)
			i := w.instance("k")
			s := serve(t, url, "--allow-requests")
			v := s.view()
			v.awaitState("k", "active")
			status, text := s.call("POST", "api/request", `{"key":"k","state":"stopping","cause":"from the page"}`)
			if status != http.StatusOK || !strings.Contains(text, `"outcome":"done"`) || i.State() != "stopping" {
				t.Errorf("%d %s, state %s", status, text, i.State())
			}
			v.awaitState("k", "stopping")
			s.end(syscall.SIGTERM)
			if log := s.text(); !strings.Contains(log, "who=127.0.0.1") || !strings.Contains(log, `cause="from the page"`) {
				t.Errorf("the log: %s", log)
			}
		})
	}
}
