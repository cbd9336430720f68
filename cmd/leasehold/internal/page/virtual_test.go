package page_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/cmd/leasehold/internal/page"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// pipes is a listener in virtual time. Its connections have no buffer: a client that does not read
// holds up the writer at once.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	close  func()
}

func newPipes() *pipes {
	p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	p.close = sync.OnceFunc(func() { close(p.closed) })
	return p
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.close(); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.closed:
		return nil, errors.New("refused")
	}
}

// inVirtualTime runs a test with a page in virtual time.
func inVirtualTime(t *testing.T, change func(*page.Config), test func(*world, *served)) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		keeper, err := lease.NewKeeper(st, lease.Config{})
		if err != nil {
			t.Fatal(err)
		}
		l := newPipes()
		said := new(logged)
		cfg := page.Config{Store: st, Listen: "127.0.0.1:0", Logger: slog.New(slog.NewTextHandler(said, nil))}
		if change != nil {
			change(&cfg)
		}
		p, err := page.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- p.Serve(ctx, l) }()
		s := &served{t: t, url: "http://127.0.0.1/", log: said, client: &http.Client{Transport: &http.Transport{DialContext: l.dial}}}
		s.stop = sync.OnceFunc(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("the page ended with %v", err)
			}
			s.client.CloseIdleConnections()
		})
		synctest.Wait()
		test(&world{t, st, keeper}, s)
		s.stop()
		if err := errors.Join(keeper.Close(context.Background()), st.Close()); err != nil {
			t.Error(err)
		}
	})
}

// A client that reads slowly begins again with all rows, and costs others nothing.
func TestASlowClientBeginsAgain(t *testing.T) {
	inVirtualTime(t, nil, func(w *world, s *served) {
		i := w.instance("job:1")
		answer, err := s.client.Do(s.request("GET", "api/events", ""))
		if err != nil {
			t.Fatal(err)
		}
		slow := &client{t: t, rows: make(map[string]row), changed: make(chan struct{}, 1)}
		fast := s.open()
		fast.awaitState("job:1", "idle")
		throttle, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			slow.read(&throttled{answer.Body, throttle})
		}()
		for n := range 700 { // more than a client may be behind
			if err := i.RecordError(context.Background(), fmt.Errorf("error %d", n)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(250 * time.Millisecond)
			synctest.Wait()
			fast.mu.Lock()
			got, hellos := fast.rows["job:1"].LastError, fast.hellos
			fast.mu.Unlock()
			if got != fmt.Sprintf("error %d", n) || hellos != 1 {
				t.Errorf("the other client is at %q after error %d, in its hello %d", got, n, hellos)
			}
			if n%60 == 0 { // within the limit of a write
				throttle <- struct{}{}
			}
		}
		close(throttle) // it reads on
		synctest.Wait()
		slow.mu.Lock()
		if slow.hellos < 2 || slow.rows["job:1"].LastError != "error 699" {
			t.Errorf("the slow client has begun %d times, and has %+v", slow.hellos, slow.rows)
		}
		slow.mu.Unlock()
		_ = answer.Body.Close()
		<-done
		fast.stop()
	})
}

// throttled reads only when it is told to.
type throttled struct {
	from io.Reader
	may  chan struct{}
}

func (t *throttled) Read(into []byte) (int, error) {
	<-t.may
	return t.from.Read(into)
}

// A client that does not read at all is cut off, and its place is free again.
func TestADeadClientIsCutOff(t *testing.T) {
	inVirtualTime(t, nil, func(w *world, s *served) {
		i := w.instance("job:1")
		answer, err := s.client.Do(s.request("GET", "api/events", ""))
		if err != nil {
			t.Fatal(err)
		}
		for n := range 400 {
			_ = i.RecordError(context.Background(), fmt.Errorf("error %d", n))
			time.Sleep(100 * time.Millisecond)
		}
		text, err := io.ReadAll(answer.Body)
		if err == nil || strings.Contains(string(text), "error 300") {
			t.Errorf("it was served on: %v, %d bytes", err, len(text))
		}
		_ = answer.Body.Close()
	})
}

// A stream lives on for hours, with a sign of life that a script sees when nothing happens.
func TestAQuietStreamStays(t *testing.T) {
	inVirtualTime(t, nil, func(w *world, s *served) {
		answer, err := s.client.Do(s.request("GET", "api/events", ""))
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = io.Copy(&text, answer.Body)
		}()
		time.Sleep(time.Hour)
		s.stop()
		<-done
		if n := strings.Count(text.String(), "\nevent: beat\ndata: {\"now\":\""); n < 200 {
			t.Errorf("%d beats in an hour", n)
		}
		if !strings.HasSuffix(text.String(), "event: bye\ndata: {}\n\n") {
			t.Errorf("it ends with %q", text.String()[max(text.Len()-100, 0):])
		}
	})
}

// A request takes up to half a minute, longer than a body may take to come.
func TestASlowInstanceIsWaitedFor(t *testing.T) {
	inVirtualTime(t, func(c *page.Config) { c.Requests = true }, func(w *world, s *served) {
		i := w.instance("job:1")
		if err := errors.Join(i.Transition(context.Background(), "active"), i.Transition(context.Background(), "stopping")); err != nil {
			t.Fatal(err)
		}
		hold := make(chan struct{})
		slowGuard = func() { <-hold }
		defer func() { slowGuard = nil }()
		time.AfterFunc(20*time.Second, func() { close(hold) })
		r := get[reply](s, "POST", "api/request", `{"key":"job:1","state":"idle"}`, "Sec-Fetch-Site: same-origin")
		if r.Outcome != "rejected" || !strings.Contains(r.Error, "2 orders") {
			t.Errorf("%+v", r)
		}
	})
}

// Instances that went stay for ten minutes.
func TestWhatWentStaysForAWhile(t *testing.T) {
	inVirtualTime(t, nil, func(w *world, s *served) {
		died, err := w.store.Create(context.Background(), store.Claim{Key: "died", Value: []byte("1"), TTL: 5 * time.Second, Nonce: store.NewNonce()})
		if err != nil || died.Token == 0 {
			t.Fatal(err)
		}
		gone := func() *row {
			t.Helper()
			time.Sleep(time.Second)
			c := s.open()
			defer c.stop()
			c.await("the rows", func(c *client) bool { return c.loaded > 0 })
			if r, is := c.rows["died"]; is {
				return &r
			}
			return nil
		}
		if r := gone(); r == nil || r.Gone != nil {
			t.Errorf("at first %+v", r)
		}
		time.Sleep(6 * time.Second)
		if r := gone(); r == nil || r.Gone == nil || r.Gone.Why != "expired" {
			t.Errorf("after its end %+v", r)
		}
		time.Sleep(9 * time.Minute)
		if r := gone(); r == nil {
			t.Error("it did not stay")
		}
		time.Sleep(2 * time.Minute)
		if r := gone(); r != nil {
			t.Errorf("it is still there: %+v", r)
		}
	})
}

// Changes that the store has gathered are sent when it has read them: in one event, or with the rest in
// another one 20 ms later.
func TestGatheredChangesAreSentAtOnce(t *testing.T) {
	inVirtualTime(t, nil, func(w *world, s *served) {
		time.Sleep(time.Second)
		answer, err := s.client.Do(s.request("GET", "api/events", ""))
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		sent := make(map[time.Duration]int) // rows
		done := make(chan struct{})
		go func() {
			defer close(done)
			for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
				if rows, is := strings.CutPrefix(lines.Text(), `data: {"at":`); is {
					sent[time.Since(began)] += strings.Count(rows, `"key":`)
				}
			}
		}()
		for round := range 2 {
			for i := range 10 {
				if _, err := w.store.Create(t.Context(), store.Claim{Key: fmt.Sprint(round, i), Value: []byte("1"), TTL: time.Hour, Nonce: store.NewNonce()}); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(500 * time.Millisecond)
		}
		s.stop()
		<-done
		const first, second, late = 100 * time.Millisecond, 600 * time.Millisecond, 20 * time.Millisecond
		if sent[first] == 0 || sent[first]+sent[first+late] != 10 || sent[second] == 0 || sent[second]+sent[second+late] != 10 {
			t.Errorf("rows sent, by time: %v, want 10 after %v and 10 after %v", sent, first, second)
		}
	})
}
