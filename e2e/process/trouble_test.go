package process_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/e2e/backends"
	"github.com/leasehold-go/leasehold/e2e/network"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
)

// troubleTTL leaves room for renewals that a busy machine makes late.
const troubleTTL = 4 * time.Second

// view is what the three probes of a service say.
type view struct {
	phases      string // those that there can be, with "/" between them
	live, ready bool
	why         string // part of the reason
}

func (v view) String() string {
	is := func(b bool, word string) string {
		if b {
			return word
		}
		return "not " + word
	}
	return fmt.Sprintf("%s: %s, %s", strings.ReplaceAll(v.phases, "/", " or "), is(v.live, "live"), is(v.ready, "ready"))
}

var (
	working = view{"held", true, true, ""}
	waiting = view{"waiting/down", true, false, "the service is"}
	claims  = view{"registering/waiting/down", true, false, "the service is"}
)

// trouble is a row of the table in docs/operations.md.
type trouble struct {
	name      string
	args      []string                 // of the program in trouble
	begin     func(*scene)             // causes it
	meanwhile []view                   // one after the other; none if the probes do not answer
	alone     bool                     // the store is in trouble too: no second service
	end       func(*scene)             // nil if it ends by itself, or never
	exit      func(*testing.T, *scene) // checks the end of the process, if that is the end
	after     view                     // otherwise: what it says then; zero if it has to be killed
	ends      string                   // the end in words
	empty     bool                     // the store forgets all: etcd also its revisions, which are its tokens
	counts    []string                 // series of the service in trouble, with what is at least counted
}

// scene is a service in trouble, and another that waits for the same key.
type scene struct {
	server
	proxy         *network.Proxy // between the first and its server
	work          string         // the file of the work of both
	first, second *probed
}

// probed is a running service with probes.
type probed struct {
	*child
	web string
}

const exitPanic = 2

var troubles = []trouble{
	{
		name: "killed", begin: func(s *scene) { s.first.kill() },
		exit: func(*testing.T, *scene) {}, ends: "a new process starts anew",
	}, {
		name: "paused beyond the TTL", begin: func(s *scene) { s.first.pause() }, end: func(s *scene) { s.first.signal(syscall.SIGCONT) },
		after: waiting, counts: []string{`leasehold_leases_lost_total{reason="expired"} 1`, "leasehold_restarts_total 1"},
	}, {
		name: "cut off from the store", begin: func(s *scene) { s.proxy.Freeze(network.ToServer, network.ToClient) },
		meanwhile: []view{claims}, end: func(s *scene) { s.proxy.Heal() },
		after: waiting, counts: []string{`leasehold_leases_lost_total{reason="expired"} 1`, "leasehold_restarts_total 1"},
	}, {
		name: "stuck in serve", begin: func(s *scene) { s.first.trouble("stick-serve") },
		meanwhile: []view{{"held", false, false, "the serve function has not called Alive"}},
		ends:      "stays so: the liveness probe has it killed", counts: []string{`leasehold_leases_lost_total{reason="unhealthy"} 1`},
	}, {
		name: "stuck in a hook", begin: func(s *scene) { s.first.trouble("stick-hook") },
		meanwhile: []view{{"held/leaving", false, false, "active -> resting (before) is under way"}},
		after:     waiting, counts: []string{`leasehold_leases_lost_total{reason="unhealthy"} 1`, "leasehold_restarts_total 1"},
	}, {
		name: "panics in serve", begin: func(s *scene) { s.first.trouble("panic-serve") },
		exit: panics("serve"), ends: "ends with the panic, and its key is released",
	}, {
		name: "panics in a hook that serve called", begin: func(s *scene) { s.first.trouble("panic-hook") },
		exit: panics("hook"), ends: "ends with the panic, and its key is released",
	}, {
		name: "another program's value under its key", begin: func(s *scene) { s.Outsider.Put("job", []byte("foreign"), store.Forever) }, alone: true,
		exit: func(t *testing.T, s *scene) {
			s.first.exits(1)
			if said := s.first.everything(); !strings.Contains(said, "another program") {
				t.Error("it does not say why it ends")
			}
		}, ends: "ends with the error",
	}, {
		name: "shuts down", args: []string{"-drain"}, begin: func(s *scene) { s.first.signal(syscall.SIGTERM) },
		meanwhile: []view{{"leaving", true, false, "the service is leaving"}}, end: func(s *scene) { s.first.trouble("drain") },
		exit: func(_ *testing.T, s *scene) { s.first.exits(exitOK) }, ends: "ends, and its key is released",
	}, {
		name: "store refuses connections at the start", args: []string{"-later"}, alone: true,
		begin:     func(s *scene) { s.proxy.Refuse(); s.proxy.Cut(); s.first.post("/claim"); s.first.expect("restart ") },
		meanwhile: []view{claims}, end: func(s *scene) { s.proxy.Heal() }, after: working,
		counts: []string{"leasehold_restarts_total 1", "leasehold_registrations_total 1"},
	}, {
		name: "store hangs at the start", args: []string{"-later"}, alone: true,
		begin:     func(s *scene) { s.Pause(); s.first.post("/claim"); s.first.expect("restart ") },
		meanwhile: []view{claims}, end: func(s *scene) { s.Resume() }, after: working,
		counts: []string{"leasehold_restarts_total 1", "leasehold_registrations_total 1"},
	}, {
		name: "store hangs beyond the TTL", alone: true, begin: func(s *scene) { s.Pause() },
		meanwhile: []view{claims}, end: func(s *scene) { s.Resume() }, after: working,
		counts: []string{`leasehold_leases_lost_total{reason="expired"} 1`, "leasehold_restarts_total 1", "leasehold_registrations_total 2"},
	}, {
		name: "store is killed and restarts with its data", alone: true, begin: func(s *scene) { s.Restart() }, after: working,
	}, {
		name: "store is killed and restarts without its data", alone: true, empty: true, begin: func(s *scene) { s.RestartEmpty() }, after: working,
		counts: []string{`leasehold_leases_lost_total`, "leasehold_restarts_total 1", "leasehold_registrations_total 2"},
	},
}

// panics checks that a process ended with a panic.
func panics(value string) func(*testing.T, *scene) {
	return func(t *testing.T, s *scene) {
		s.first.exits(exitPanic)
		if !strings.Contains(s.first.everything(), "panic: "+value) {
			t.Errorf("it does not end with the panic %q", value)
		}
	}
}

// Services in trouble: what their probes say, who works when, how Supervise goes on, and what the
// metrics count. The lines of work show that no two are ready at the same time.
func TestServicesInTrouble(t *testing.T) {
	for i, row := range troubles {
		t.Run(row.name, func(t *testing.T) {
			if i > 0 {
				full.Only(t)
			}
			backends.Apart(t, slices.Values([]string{"redis", "etcd"}), func(t *testing.T, name string, p *backends.Place) {
				row.run(t, &scene{server: server{Place: p}})
			})
		})
	}
}

func (row trouble) run(t *testing.T, s *scene) {
	scheme, addr, _ := strings.Cut(s.URL, "://")
	s.proxy = network.Start(t, addr, network.Lines)
	s.work = filepath.Join(t.TempDir(), "work")
	if err := os.WriteFile(s.work, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.first = s.service(append([]string{"-store", scheme + "://" + s.proxy.Addr()}, row.args...)...)
	s.first.expect("opened")
	var token store.Token
	if slices.Contains(row.args, "-later") {
		s.first.shows(view{"down", true, false, "the service is down"})
	} else {
		token = s.works(s.first)
	}
	if !row.alone {
		s.second = s.service("-store", s.URL, "-wait")
		s.second.expect("opened")
		s.second.shows(waiting)
	}

	row.begin(s)
	for _, v := range row.meanwhile {
		s.first.shows(v)
	}
	worker := s.first
	// A service that shuts down keeps its key until it has ended its work.
	if row.end != nil && row.exit != nil {
		row.end(s)
	}
	if !row.alone {
		second := s.works(s.second)
		later(t, second, token)
		token, worker = second, s.second
	}
	if row.end != nil && row.exit == nil {
		row.end(s)
	}
	switch {
	case row.exit != nil:
		row.exit(t, s)
		<-s.first.done
	case row.after == view{}:
		s.first.counts(row.counts)
		s.first.shows(row.meanwhile[len(row.meanwhile)-1])
		s.first.kill()
	case row.alone:
		s.first.counts(row.counts) // so it has come back
		if again := s.works(s.first); row.counts != nil && !row.forgets(s) {
			later(t, again, token)
		}
	default:
		s.first.shows(row.after)
		s.first.counts(row.counts)
		worker.signal(syscall.SIGTERM)
		worker.exits(exitOK)
		later(t, s.works(s.first), token)
		worker = s.first
	}
	if worker != s.first || row.exit == nil {
		worker.signal(syscall.SIGTERM)
		worker.exits(exitOK)
	}
	if !row.forgets(s) {
		checkWork(t, s.work)
	}
}

// forgets reports whether tokens begin again in a row.
func (row trouble) forgets(s *scene) bool { return row.empty && strings.HasPrefix(s.URL, "etcd") }

// service starts a service.
func (s *scene) service(args ...string) *probed {
	s.Helper()
	p := &probed{child: spawn(s, nil, append([]string{holder(s), "-service", "-ttl", troubleTTL.String(), "-turns", s.work}, args...)...)}
	if line := p.expect("web "); !scan(line, "web %s", &p.web) {
		s.Fatal(line)
	}
	return p
}

// probes answer at once, whatever the store does; the limit is for a busy machine.
var probes = http.Client{Timeout: patience / 2, Transport: &http.Transport{DisableKeepAlives: true}}

func (p *probed) do(method, path string) (code int, body string) {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), method, p.web+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	answer, err := probes.Do(request)
	if err != nil {
		p.t.Fatalf("%s: %v", path, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func (p *probed) post(path string)    { p.t.Helper(); p.do(http.MethodPost, path) }
func (p *probed) trouble(name string) { p.t.Helper(); p.post("/trouble/" + name) }

// works waits until a service is ready and has done work, and returns its token.
func (s *scene) works(p *probed) store.Token {
	s.Helper()
	token := p.shows(working)
	line := fmt.Sprintf("work %d %d\n", token, p.cmd.Process.Pid)
	eventually(s, "a service works", func() bool {
		text, err := os.ReadFile(s.work)
		if err != nil {
			s.Fatal(err)
		}
		return strings.Contains(string(text), line)
	})
	return token
}

// shows waits until the probes say what they should, and returns the token.
func (p *probed) shows(want view) (token store.Token) {
	p.t.Helper()
	var last string
	defer func() {
		if p.t.Failed() {
			p.t.Logf("it said %s", last)
		}
	}()
	eventually(p.t, "the probes say "+want.String(), func() bool {
		var got struct {
			Phase    string      `json:"phase"`
			Token    store.Token `json:"token"`
			Live     bool        `json:"live"`
			Why      string      `json:"live_error"`
			Ready    bool        `json:"ready"`
			NotReady string      `json:"not_ready"`
		}
		live, _ := p.do(http.MethodGet, "/livez")
		ready, _ := p.do(http.MethodGet, "/readyz")
		_, last = p.do(http.MethodGet, "/status")
		if err := json.Unmarshal([]byte(last), &got); err != nil {
			p.t.Fatalf("%s: %v", last, err)
		}
		token = got.Token
		return slices.Contains(strings.Split(want.phases, "/"), got.Phase) && got.Live == want.live && got.Ready == want.ready &&
			(live == http.StatusOK) == want.live && (ready == http.StatusOK) == want.ready &&
			strings.Contains(cmp.Or(got.Why, got.NotReady), want.why)
	})
	return token
}

// counts waits until each series has its value or more.
func (p *probed) counts(series []string) {
	p.t.Helper()
	for _, want := range series {
		name, least := want, 1.0
		if i := strings.LastIndex(want, " "); i > 0 {
			name = want[:i]
			scan(want[i:], " %g", &least)
		}
		eventually(p.t, "the metrics have "+want, func() bool {
			_, page := p.do(http.MethodGet, "/metrics")
			sum := 0.0
			for line := range strings.Lines(page) {
				if i := strings.LastIndex(line, " "); strings.HasPrefix(line, name) {
					var n float64
					scan(line[i:], " %g", &n)
					sum += n
				}
			}
			return sum >= least
		})
	}
}

// checkWork reads the lines of work in their order. A line that counts is of the newest token so
// far: the service before was not ready any more.
func checkWork(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	type line struct {
		what  string
		token store.Token
		pid   int
	}
	var lines []line
	for text := range strings.Lines(string(text)) {
		var l line
		if !scan(text, "%s %d %d", &l.what, &l.token, &l.pid) {
			t.Fatalf("%q", text)
		}
		if l.what == "late" { // it takes the last one of this process back
			for i, earlier := range slices.Backward(lines) {
				if earlier.pid == l.pid {
					lines = slices.Delete(lines, i, i+1)
					break
				}
			}
			continue
		}
		lines = append(lines, l)
	}
	for i, l := range lines {
		if before := lines[max(i, 1)-1]; l.token < before.token || l.token == before.token && l.pid != before.pid {
			t.Errorf("process %d works with token %d after process %d with token %d", l.pid, l.token, before.pid, before.token)
		}
	}
}
