package observe_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/goleak"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/internal/child"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/observe/leaseholdprom"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long the test waits for what has to come.
const patience = time.Minute

const docs = "../../docs"

// server is a running Prometheus.
type server struct {
	t   *testing.T
	url string
}

// startPrometheus starts a Prometheus that scrapes a page five times a second, with the alerts of
// docs. Their windows and delays are for scrapes every 15 s, and are shortened here.
func startPrometheus(t *testing.T, page string) server {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Fatal("prometheus is missing: install the Debian package prometheus")
	}
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rules, err := os.ReadFile(docs + "/prometheus/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	short := regexp.MustCompile(`for: \d+m`).ReplaceAllString(string(rules), "for: 500ms")
	write("alerts.yml", strings.ReplaceAll(short, "[2m]", "[4s]"))
	write("prometheus.yml", fmt.Sprintf(`
global: {scrape_interval: 200ms, evaluation_interval: 200ms}
rule_files: [alerts.yml]
scrape_configs:
  - job_name: test
    static_configs: [{targets: [%q]}]
`, strings.TrimPrefix(page, "http://")))
	s := server{t: t}
	var p *child.Process
	err = child.OnFreePorts(1, func(ports []string) (err error) {
		s.url = "http://127.0.0.1:" + ports[0]
		p, err = child.Start(filepath.Join(dir, "log"), program, "--config.file="+filepath.Join(dir, "prometheus.yml"),
			"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address=127.0.0.1:"+ports[0])
		if err != nil {
			return err
		}
		return p.Await(patience, func([]byte) bool {
			answer, err := http.Get(s.url + "/-/ready")
			if err != nil {
				return false
			}
			answer.Body.Close()
			return answer.StatusCode == http.StatusOK
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop(patience)
		http.DefaultClient.CloseIdleConnections()
	})
	return s
}

// get asks the API of Prometheus.
func (s server) get(path string, into any) error {
	answer, err := http.Get(s.url + path)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	var reply struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.Unmarshal(body, &reply); err != nil {
		return fmt.Errorf("%w in %.200s", err, body)
	}
	if reply.Status != "success" {
		return errors.New(reply.Error)
	}
	return json.Unmarshal(reply.Data, into)
}

// alerts returns the names of the alerts that are pending or firing, with their state.
func (s server) alerts() map[string]string {
	var data struct {
		Alerts []struct {
			Labels, Annotations map[string]string
			State               string
		}
	}
	if err := s.get("/api/v1/alerts", &data); err != nil {
		s.t.Fatal(err)
	}
	all := make(map[string]string)
	for _, a := range data.Alerts {
		if name := a.Labels["alertname"]; all[name] != "firing" {
			all[name] = a.State
		}
		if strings.Contains(a.Annotations["summary"], "<no value>") || a.Annotations["action"] == "" {
			s.t.Errorf("annotations %v of %v", a.Annotations, a.Labels)
		}
	}
	return all
}

// query returns how many series an expression has now.
func (s server) query(expr string) (int, error) {
	var data struct{ Result []any }
	err := s.get("/api/v1/query?query="+url.QueryEscape(expr), &data)
	return len(data.Result), err
}

func (s server) eventually(what string, is func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: not within %v; alerts: %v", what, patience, s.alerts())
		}
	}
}

// service is a supervised instance on a Redis, with metrics.
type service struct {
	running chan *registry.Instance[string, struct{}]
	slow    atomic.Bool // Fill takes its time
}

func panics(context.Context, fsm.Transition[string]) error { panic("a guard") }

// In a real Prometheus no alert fires while a service is well, and each does in its trouble. Each
// query of the dashboard has a result then.
func TestAlertsAndDashboard(t *testing.T) {
	full.Only(t)
	ctx := t.Context()
	redis := redistest.Start(t)
	client := redis.Client()
	st, err := redisstore.New(ctx, client)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	page := prometheus.NewRegistry()
	metrics, err := leaseholdprom.New(page)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(promhttp.HandlerFor(page, promhttp.HandlerOpts{}))
	defer web.Close()
	keeper, err := metrics.NewKeeper(st, lease.Config{TTL: 10 * time.Second, Heartbeat: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer keeper.Close(context.Background())

	s := service{running: make(chan *registry.Instance[string, struct{}], 100)}
	def := fsm.MustDefine("idle", fsm.Table[string]{"idle": {"active", "broken"}, "active": {"idle"}, "broken": nil},
		fsm.Guard("broken", "panics", panics))
	supervised, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		ended <- registry.Supervise(supervised, keeper, def, registry.Config[string, struct{}]{
			Key: "k", Observers: []registry.Observer{metrics}, Log: &registry.Log{},
			Requests: &registry.Requests[string]{States: []string{"broken"}},
			Fill: func(*struct{}, registry.Status[string]) {
				if s.slow.Load() {
					time.Sleep(time.Second)
				}
			},
		}, func(ctx context.Context, i *registry.Instance[string, struct{}]) error {
			s.running <- i
			<-ctx.Done()
			return ctx.Err()
		})
	}()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	i := <-s.running
	_ = i.Transition(ctx, "active")
	_ = i.Transition(ctx, "nowhere")
	_ = i.Transition(ctx, "idle")

	p := startPrometheus(t, web.URL)
	p.eventually("ten scrapes", func() bool {
		n, err := p.query(`count_over_time(leasehold_leases_held[1m]) >= 10`)
		return err == nil && n > 0
	})
	if alerts := p.alerts(); len(alerts) > 0 {
		t.Errorf("alerts of a service that is well: %v", alerts)
	}

	// A slow callback, a request that fails, a log that may not be written, and losses.
	s.slow.Store(true)
	p.eventually("a skipped value", func() bool { return p.alerts()["LeaseholdValuesSkipped"] == "firing" })
	s.slow.Store(false)
	if _, err := registry.Request(ctx, st, "k", registry.ForState("broken")); err == nil {
		t.Error("a request with a guard that panics was done")
	}
	if err := client.Do(ctx, "ACL", "SETUSER", "default", "-xadd").Err(); err != nil {
		t.Fatal(err)
	}
	if err := i.RecordError(ctx, errors.New("an entry that may not be stored")); err != nil {
		t.Error(err)
	}
	p.eventually("the alerts of requests and the log", func() bool {
		alerts := p.alerts()
		return alerts["LeaseholdRequestsFail"] == "firing" && alerts["LeaseholdLogDropsEntries"] == "firing"
	})
	if err := client.Do(ctx, "ACL", "SETUSER", "default", "+xadd").Err(); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := st.Delete(ctx, "k", store.ByToken(i.Lease().Token())); err != nil {
			t.Fatal(err)
		}
		i = <-s.running
	}
	p.eventually("the alerts of losses", func() bool {
		alerts := p.alerts()
		return alerts["LeaseholdLeaseLost"] == "firing" && alerts["LeaseholdRestartsOften"] == "firing"
	})

	for title, expr := range dashboard(t) {
		p.eventually("a result for the panel "+title, func() bool {
			n, err := p.query(expr)
			if err != nil {
				t.Fatalf("panel %q: %v in %s", title, err, expr)
			}
			return n > 0
		})
	}

	// A server that hangs.
	redis.Pause()
	defer redis.Resume()
	left := []string{"LeaseholdRenewalsFail", "LeaseholdStoreUnavailable", "LeaseholdLossIsNear", "LeaseholdNobodyHolds"}
	p.eventually("the alerts of a server that hangs", func() bool {
		alerts := p.alerts()
		left = slices.DeleteFunc(left, func(name string) bool { return alerts[name] == "firing" })
		return len(left) == 0
	})

	var rules struct {
		Groups []struct {
			Rules []struct{ Name, Health string }
		}
	}
	if err := p.get("/api/v1/rules", &rules); err != nil {
		t.Fatal(err)
	}
	const fired = 9
	if n := len(rules.Groups[0].Rules); n != fired {
		t.Errorf("there are %d alerts, and %d were seen", n, fired)
	}
	for _, r := range rules.Groups[0].Rules {
		if r.Health != "ok" {
			t.Errorf("%s: %s", r.Name, r.Health)
		}
	}
}

// dashboard returns the queries of the dashboard by panel.
func dashboard(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(docs + "/grafana/leasehold.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			Title   string
			Targets []struct{ RefID, Expr string }
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all[p.Title+" "+target.RefID] = strings.NewReplacer("$job", ".*", "$__rate_interval", "1m").Replace(target.Expr)
		}
	}
	if len(all) < 20 {
		t.Fatalf("%d queries", len(all))
	}
	return all
}
