package service

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/examples/internal/fleet"
	"github.com/leasehold-go/leasehold/internal/built"
	"github.com/leasehold-go/leasehold/internal/child"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // restarts are logged
	built.Main(m)
}

// pipes are connections within a bubble of synctest. It is a listener and a dialer.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
	close    sync.Once
}

func newPipes() *pipes { return &pipes{accepted: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accepted:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.close.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.accepted <- server:
		return client, nil
	case <-p.closed:
		return nil, errors.New("nobody listens")
	}
}

const (
	ttl   = time.Minute
	lag   = 10 * time.Second
	drain = 30 * time.Second
)

// running is a service in a bubble, whose requests take a time that their path has.
type running struct {
	t      *testing.T
	st     *teststore.Store
	s      *Service
	client *http.Client
	stop   context.CancelFunc
	ended  chan error
}

func start(t *testing.T, lag time.Duration) *running {
	r := &running{t: t, st: teststore.New(), ended: make(chan error, 1)}
	keeper, err := lease.NewKeeper(r.st, lease.Config{TTL: ttl})
	if err != nil {
		t.Fatal(err)
	}
	var listening atomic.Pointer[pipes]
	r.s = &Service{Key: "service", Keeper: keeper, Health: NewHealth(), Lag: lag, Drain: drain}
	r.s.Listen = func() (net.Listener, error) {
		l := newPipes()
		listening.Store(l)
		return l, nil
	}
	r.s.Handler = func(token store.Token) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			takes, err := time.ParseDuration(strings.Trim(q.URL.Path, "/"))
			if err != nil {
				t.Error(err)
			}
			select {
			case <-time.After(takes):
				fmt.Fprint(w, token)
			case <-q.Context().Done():
				panic(http.ErrAbortHandler)
			}
		})
	}
	r.client = &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return listening.Load().dial(ctx, network, address)
		},
	}}
	ctx, stop := context.WithCancel(t.Context())
	r.stop = stop
	go func() {
		err := r.s.Run(ctx)
		r.ended <- errors.Join(err, keeper.Close(context.WithoutCancel(ctx)))
	}()
	synctest.Wait()
	return r
}

// get makes a request that takes a time, and returns its answer or error once it is there.
func (r *running) get(takes time.Duration) func() (string, error) {
	type answer struct {
		text string
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		response, err := r.client.Get("http://service/" + takes.String())
		if err != nil {
			done <- answer{err: err}
			return
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		done <- answer{string(text), err}
	}()
	synctest.Wait()
	return func() (string, error) { a := <-done; return a.text, a.err }
}

// probes returns the codes of /livez and /readyz, and the answer of /statusz.
func (r *running) probes() (live, ready int, status string) {
	probe := func(path string) (int, string) {
		w := httptest.NewRecorder()
		Probes(r.s.Health).ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w.Code, w.Body.String()
	}
	live, _ = probe("/livez")
	ready, _ = probe("/readyz")
	_, status = probe("/statusz")
	return live, ready, status
}

func (r *running) wantProbes(ready int, state State) {
	r.t.Helper()
	live, now, status := r.probes()
	if live != 200 || now != ready || !strings.Contains(status, `"state":"`+string(state)+`"`) {
		r.t.Errorf("livez %d, readyz %d, statusz %s; want 200, %d and state %s", live, now, status, ready, state)
	}
}

func (r *running) held() bool {
	_, err := r.st.Get(context.Background(), "service")
	return err == nil
}

// A service that is told to end is at once not ready, takes new requests for its lag, finishes those at
// hand after that, and holds its key until then.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, lag)
		r.wantProbes(200, Active)
		first := r.get(lag + 20*time.Second)
		r.stop()
		synctest.Wait()
		r.wantProbes(503, Draining)

		time.Sleep(lag - time.Second)
		if text, err := r.get(0)(); err != nil || text != "1" {
			t.Errorf("within the lag: %q, %v", text, err)
		}
		time.Sleep(2 * time.Second)
		if text, err := r.get(0)(); err == nil {
			t.Errorf("after the lag it answers %q", text)
		}
		r.wantProbes(503, Draining)
		if text, err := first(); err != nil || text != "1" || !r.held() {
			t.Errorf("the request at hand: %q, %v, the key is held: %v", text, err, r.held())
		}
		if err := <-r.ended; err != nil || r.held() {
			t.Errorf("it ends with %v, the key is held: %v", err, r.held())
		}
	})
}

// A request that takes longer than the drain is cut off, and the service says so.
func TestDrainHasALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, lag)
		long, told := r.get(time.Hour), time.Now()
		r.stop()
		if text, err := long(); err == nil {
			t.Errorf("it answers %q", text)
		}
		if d := time.Since(told); d != lag+drain {
			t.Errorf("cut off after %v", d)
		}
		if err := <-r.ended; err == nil || !strings.Contains(err.Error(), "cut off") {
			t.Errorf("it ends with %v", err)
		}
	})
}

// A service that loses its key cuts its requests off before another can have the key, is live and not
// ready, and serves again with a larger token once the store is back. So does one that is draining,
// which then ends.
func TestLoss(t *testing.T) {
	for _, draining := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, time.Hour)
			long := r.get(time.Hour)
			if draining {
				r.stop()
			}
			r.st.Inject(teststore.Silence, teststore.Renew, teststore.Create)
			if text, err := long(); err == nil {
				t.Errorf("it answers %q", text)
			}
			if !r.held() {
				t.Error("the request was cut off after the record had gone")
			}
			if live, ready, status := r.probes(); live != 200 || ready != 503 {
				t.Errorf("livez %d, readyz %d, %s", live, ready, status)
			}
			r.st.Inject(nil, teststore.Renew, teststore.Create)
			if !draining {
				time.Sleep(2 * ttl)
				if text, err := r.get(0)(); err != nil || text != "2" {
					t.Errorf("after the loss: %q, %v", text, err)
				}
				r.stop()
			}
			if err := <-r.ended; err != nil && !(draining && errors.Is(err, store.ErrLost)) {
				t.Errorf("it ends with %v", err)
			}
		})
	}
}

// Two processes on a Redis share an address. The first finishes the request at hand when it is told to
// end, and then the second serves. When that is killed, a third does.
func TestInstancesTakeOver(t *testing.T) {
	full.Only(t)
	redis, binary := redistest.Start(t), built.Racing(t, "examples/http/servers")
	var f *fleet.Fleet
	var address string
	err := child.OnFreePorts(1, func(ports []string) error {
		address = "127.0.0.1:" + ports[0]
		f = fleet.New(t, binary, "-store", redis.URL(), "-listen", address,
			"-probes", "127.0.0.1:0", "-ttl", "15s", "-lag", "0s", "-drain", "10m")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	client, url := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, "http://"+address
	token := func() (token int) {
		t.Helper()
		response, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if _, err := fmt.Fscanf(response.Body, "token %d", &token); err != nil {
			t.Fatal(err)
		}
		return token
	}
	first := f.Start()
	f.Expect("^serving at ")
	one := token()

	upload, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer upload.Close()
	answers := bufio.NewReader(upload)
	fmt.Fprintf(upload, "PUT / HTTP/1.1\r\nHost: service\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n")
	if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") { // it reads the body now
		t.Fatal(line, err)
	}
	second := f.Start()
	stopped := make(chan struct{})
	go func() { defer close(stopped); first.Stop() }()
	for response, err := client.Get(url); err == nil; response, err = client.Get(url) {
		response.Body.Close() // until the first no longer listens
	}
	fmt.Fprint(upload, "some body")
	answer, err := io.ReadAll(answers)
	if err != nil || !strings.Contains(string(answer), "HTTP/1.1 200 OK") || !strings.HasSuffix(string(answer), "9 bytes\n") {
		t.Errorf("the request at hand has the answer %q, %v", answer, err)
	}
	<-stopped
	f.Expect("^serving at ")
	two := token()
	third := f.Start()
	second.Kill()
	f.Expect("^serving at ")
	if three := token(); two <= one || three <= two {
		t.Errorf("tokens %d, %d, %d", one, two, three)
	}
	third.Stop()
}
