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
const troubleTTL = 6 * time.Second

// view is what the three probes of a service say.
type view struct {
	phases      string // those that there can be, with "/" between them
	live, ready bool
	why         string // part of the reason
	brief       bool   // it passes by itself, and may have when the test looks
}

func (v view) passes() view { v.brief = true; return v }

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
	leaving = view{"leaving", true, false, "the service is leaving", false}
	working = view{"held", true, true, "", false}
	waiting = view{"waiting/down", true, false, "the service is", false}
	claims  = view{"registering/waiting/down", true, false, "the service is", false}
)

// trouble is a row of the table in docs/operations.md.
type trouble struct {
	name      string
	args      []string     // of the program in trouble
	before    func(*scene) // before that program starts
	begin     func(*scene) // causes the trouble
	meanwhile []view       // one after the other; none if the probes do not answer
	successor string       // when another service works; empty if there is none, as the store is in trouble
	end       func(*scene) // nil if it ends by itself, or never
	exit      func(*scene) // checks the end of the process, if that is how it ends
	after     view         // otherwise, and zero if it has to be killed
	ends      string       // in words, unless after says it
	empty     bool         // the store forgets everything: etcd also its revisions, which are its tokens
	counts    []string     // series of the service in trouble, with what is at least counted
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

// Words of the table.
const (
	inTTL    = "within a TTL"
	inLimit  = "within the limit and a TTL"
	atOnce   = "at once"
	expired  = `leasehold_leases_lost_total{reason="expired"}`
	sick     = `leasehold_leases_lost_total{reason="unhealthy"}`
	restarts = "leasehold_restarts_total"
	claimed  = "leasehold_registrations_total"
)

var troubles = []trouble{
	{
		name: "killed", successor: inTTL,
		begin: func(s *scene) { s.first.kill() },
		exit:  func(*scene) {}, ends: "a new process starts anew",
	}, {
		name: "paused beyond the TTL", successor: inTTL,
		begin: func(s *scene) { s.first.pause() }, end: func(s *scene) { s.first.signal(syscall.SIGCONT) },
		after: waiting, counts: []string{expired, restarts},
	}, {
		name: "cut off from the store: no answers", successor: inTTL,
		begin:     func(s *scene) { s.proxy.Freeze(network.ToServer, network.ToClient) },
		meanwhile: []view{working.passes(), claims}, end: func(s *scene) { s.proxy.Heal() },
		after: waiting, counts: []string{expired, restarts},
	}, {
		name: "cut off from the store: connections refused", successor: inTTL,
		begin:     func(s *scene) { s.proxy.Refuse(); s.proxy.Cut() },
		meanwhile: []view{working.passes(), claims}, end: func(s *scene) { s.proxy.Heal() },
		after: waiting, counts: []string{expired, restarts},
	}, {
		name: "stuck in serve", successor: inLimit,
		begin:     func(s *scene) { s.first.trouble("stick-serve") },
		meanwhile: []view{{"held", false, false, "the serve function has not called Alive", false}},
		ends:      "it stays so until the liveness probe has it killed", counts: []string{sick},
	}, {
		name: "stuck in a hook", successor: inLimit,
		begin:     func(s *scene) { s.first.trouble("stick-hook") },
		meanwhile: []view{{"held/leaving", false, false, "active -> resting (before) is under way", false}},
		after:     waiting, counts: []string{sick, restarts},
	}, {
		name: "reports that it is not healthy", successor: inTTL,
		begin:     func(s *scene) { s.first.trouble("report") },
		meanwhile: []view{{"held", false, false, "queue stuck", true}, {"down", false, false, "queue stuck", false}},
		end:       func(s *scene) { s.first.trouble("recover") },
		after:     waiting, counts: []string{sick, restarts},
	}, {
		name: "panic in serve", successor: atOnce,
		begin: func(s *scene) { s.first.trouble("panic-serve") },
		exit:  panics("serve"), ends: "the process ends with the panic, its key is released",
	}, {
		name: "panic in a hook that serve calls", successor: atOnce,
		begin: func(s *scene) { s.first.trouble("panic-hook") },
		exit:  panics("hook"), ends: "the process ends with the panic, its key is released",
	}, {
		name: "panic in a hook of a timeout", successor: inTTL,
		begin: func(s *scene) { s.first.trouble("panic-timeout") },
		exit:  panics("hook"), ends: "the process ends with the panic",
	}, {
		name: "shutdown", args: []string{"-drain"}, successor: atOnce,
		begin:     func(s *scene) { s.first.signal(syscall.SIGTERM) },
		meanwhile: []view{{"leaving", true, false, "the service is leaving", false}}, end: func(s *scene) { s.first.trouble("drain") },
		exit: func(s *scene) { s.first.exits(exitOK) }, ends: "the process ends, its key is released",
	}, {
		name: "stuck in a shutdown", args: []string{"-drain"}, successor: inLimit,
		begin: func(s *scene) {
			s.first.signal(syscall.SIGTERM)
			s.first.shows(leaving)
			s.first.trouble("stick-serve")
		},
		meanwhile: []view{leaving.passes(), {"leaving", false, false, "the serve function has not called Alive", false}},
		ends:      "it stays so until it is killed", counts: []string{sick},
	}, {
		name:      "store down before the process starts",
		before:    func(s *scene) { s.proxy.Refuse() },
		begin:     func(s *scene) {},
		meanwhile: []view{{"down", true, false, "the service is down", false}}, end: func(s *scene) { s.proxy.Heal() },
		after: working, counts: []string{claimed},
	}, {
		name: "store down at the registration", args: []string{"-later"},
		begin:     func(s *scene) { s.proxy.Refuse(); s.proxy.Cut(); s.first.post("/claim"); s.first.expect("restart ") },
		meanwhile: []view{claims}, end: func(s *scene) { s.proxy.Heal() },
		after: working, counts: []string{restarts, claimed},
	}, {
		name: "store hangs at the registration", args: []string{"-later"},
		begin:     func(s *scene) { s.Pause(); s.first.post("/claim"); s.first.expect("restart ") },
		meanwhile: []view{claims}, end: func(s *scene) { s.Resume() },
		after: working, counts: []string{restarts, claimed},
	}, {
		name: "store hangs beyond the TTL", begin: func(s *scene) { s.Pause() },
		meanwhile: []view{working.passes(), claims}, end: func(s *scene) { s.Resume() },
		after: working, counts: []string{expired, restarts, claimed + " 2"},
	}, {
		name: "store restarts with its data, within the TTL", begin: func(s *scene) { s.Restart() },
		after: working,
	}, {
		name: "store restarts without its data", empty: true, begin: func(s *scene) { s.RestartEmpty() },
		after: working, counts: []string{"leasehold_leases_lost_total", restarts, claimed + " 2"},
	}, {
		name:  "another program's value under its key",
		begin: func(s *scene) { s.Outsider.Put("job", []byte("foreign"), store.Forever) },
		exit:  fails("another program"), ends: "Supervise ends with the error",
	}, {
		name:  "another holder, at the first registration without Wait",
		begin: func(s *scene) { s.first, s.second = s.service("-store", s.URL), s.first },
		exit:  fails(`"job" is held by`), ends: "Supervise ends with the error",
	}, {
		name:  "a configuration that is refused",
		begin: func(s *scene) { s.first, s.second = s.service("-store", s.URL, "-key", store.Reserved+"job"), s.first },
		exit:  fails("invalid"), ends: "Supervise ends with the error",
	},
}

// fails checks that a process ended with an error of Supervise.
func fails(why string) func(*scene) {
	return func(s *scene) {
		s.first.exits(1)
		if !strings.Contains(s.first.everything(), why) {
			s.Errorf("it does not say that it ends because of %q", why)
		}
	}
}

// panics checks that a process ended with a panic.
func panics(value string) func(*scene) {
	return func(s *scene) {
		s.first.exits(exitPanic)
		if !strings.Contains(s.first.everything(), "panic: "+value) {
			s.Errorf("it does not end with the panic %q", value)
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

// The table of docs/operations.md has the rows.
func TestTroublesAreInTheDocumentation(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	fmt.Fprintln(&table, "| trouble | meanwhile | another service works | then | counts at least 1 |")
	fmt.Fprintln(&table, "|---|---|---|---|---|")
	for _, row := range troubles {
		fmt.Fprintln(&table, row.line())
	}
	if !strings.Contains(string(text), table.String()) {
		t.Errorf("docs/operations.md lacks the table\n%s", &table)
	}
}

func (row trouble) line() string {
	var meanwhile, counts []string
	for _, v := range row.meanwhile {
		meanwhile = append(meanwhile, v.String())
	}
	for _, series := range row.counts {
		name, number, several := strings.Cut(strings.TrimPrefix(series, "leasehold_"), " ")
		if name = "`" + name + "`"; several {
			name += " (" + number + ")"
		}
		counts = append(counts, name)
	}
	none := "no answer"
	if row.successor == "" {
		none = "–"
	}
	then := row.ends
	if then == "" {
		then = row.after.String()
	}
	if row.after == waiting {
		then += ", until the key is free again"
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s |", row.name, cmp.Or(strings.Join(meanwhile, "; then "), none),
		cmp.Or(row.successor, "–"), then, strings.Join(counts, ", "))
}

func (row trouble) run(t *testing.T, s *scene) {
	scheme, addr, _ := strings.Cut(s.URL, "://")
	s.proxy = network.Start(t, addr, network.Lines)
	s.work = filepath.Join(t.TempDir(), "work")
	if err := os.WriteFile(s.work, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Resume) // before the data is removed
	if row.before != nil {
		row.before(s)
	}
	s.first = s.service(append([]string{"-store", scheme + "://" + s.proxy.Addr()}, row.args...)...)
	var token store.Token
	if row.before == nil {
		s.first.expect("opened")
	}
	if row.before == nil && !slices.Contains(row.args, "-later") {
		token = s.works(s.first)
	} else {
		s.first.shows(view{"down", true, false, "the service is down", false})
	}
	if row.successor != "" {
		s.second = s.service("-store", s.URL, "-wait")
		s.second.expect("opened")
		s.second.shows(waiting)
	}

	row.begin(s)
	for i, v := range row.meanwhile {
		if next := i + 1; v.brief {
			s.first.shows(v, row.meanwhile[next])
		} else {
			s.first.shows(v)
		}
	}
	if row.end != nil && (row.exit != nil || row.successor == "") {
		row.end(s)
	}
	if row.successor != "" {
		second := s.works(s.second)
		later(t, second, token)
		token = second
		if row.end != nil && row.exit == nil {
			row.end(s)
		}
	}
	switch {
	case row.exit != nil:
		row.exit(s)
		<-s.first.done
	case row.after == view{}:
		s.first.shows(row.meanwhile[len(row.meanwhile)-1])
		s.first.counts(row.counts)
		s.first.kill()
	default:
		s.first.counts(row.counts) // so it has run again
		if row.successor != "" {
			s.first.shows(row.after)
			s.second.stops()
			s.second = nil
		}
		if again := s.works(s.first); len(row.counts) > 0 && !row.forgets(s) {
			later(t, again, token)
		}
		s.first.stops()
	}
	if s.second != nil {
		s.works(s.second)
		s.second.stops()
	}
	if !row.forgets(s) {
		checkWork(t, s.work)
	}
}

// stops ends a service in order.
func (p *probed) stops() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	p.exits(exitOK)
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

// works waits until a service is ready and has done some work, and returns its token. Another that
// is ready at that time has the time to work too.
func (s *scene) works(p *probed) store.Token {
	s.Helper()
	token := p.shows(working)
	line := fmt.Sprintf("work %d %d\n", token, p.cmd.Process.Pid)
	eventually(s, "a service works", func() bool {
		text, err := os.ReadFile(s.work)
		if err != nil {
			s.Fatal(err)
		}
		return strings.Count(string(text), line) >= 10
	})
	return token
}

// shows waits until the probes say one of the views, and returns the token.
func (p *probed) shows(wants ...view) (token store.Token) {
	p.t.Helper()
	var last string
	defer func() {
		if p.t.Failed() {
			p.t.Logf("it said %s", last)
		}
	}()
	eventually(p.t, fmt.Sprintf("the probes say one of %v", wants), func() bool {
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
		return slices.ContainsFunc(wants, func(want view) bool {
			return slices.Contains(strings.Split(want.phases, "/"), got.Phase) && got.Live == want.live && got.Ready == want.ready &&
				(live == http.StatusOK) == want.live && (ready == http.StatusOK) == want.ready &&
				strings.Contains(cmp.Or(got.Why, got.NotReady), want.why)
		})
	})
	return token
}

// counts waits until each series has its value or more.
func (p *probed) counts(series []string) {
	p.t.Helper()
	for _, want := range series {
		name, least := want, 1.0
		scan(want, "%s %g", &name, &least)
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
