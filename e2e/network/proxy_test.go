package network_test

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/e2e/network"
)

// echo starts a server that sends back what it gets, on one connection at a time
// and beyond the end of what it gets, and a proxy before it. It returns a connection
// through both.
func echo(t *testing.T) (*network.Proxy, *net.TCPConn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(conn, conn); conn.Close() }()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	p := network.Start(t, l.Addr().String(), network.Lines)
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return p, conn.(*net.TCPConn)
}

// say sends a word and returns what comes back: the word, "end", or "silence" if
// nothing does for a while.
func say(t *testing.T, conn *net.TCPConn, word string, wait time.Duration) string {
	t.Helper()
	if _, err := conn.Write([]byte(word)); err != nil {
		return "end"
	}
	return hear(conn, wait)
}

// waitFor is long for what has to come.
func waitFor(want string) time.Duration {
	if want == "silence" {
		return 200 * time.Millisecond
	}
	return patience
}

func hear(conn *net.TCPConn, wait time.Duration) string {
	conn.SetReadDeadline(time.Now().Add(wait))
	buffer := make([]byte, 100)
	n, err := conn.Read(buffer)
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		return "silence"
	}
	if err != nil {
		return "end"
	}
	return string(buffer[:n])
}

func TestProxy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		trouble func(*network.Proxy)
		want    string // of a word said in trouble
		healed  string // what is heard after it; "" for not to look
	}{
		"none":            {func(*network.Proxy) {}, "word", ""},
		"another's rule":  {func(p *network.Proxy) { p.On(network.ToServer, "other", network.Cut, 1) }, "word", ""},
		"a rule used up":  {func(p *network.Proxy) { p.On(network.ToServer, "", network.Cut, 0) }, "word", ""},
		"pass":            {func(p *network.Proxy) { p.On(network.ToServer, "or", network.Pass, 1) }, "word", ""},
		"swallow":         {func(p *network.Proxy) { p.On(network.ToServer, "or", network.Swallow, 1) }, "silence", "silence"},
		"swallow a reply": {func(p *network.Proxy) { p.On(network.ToClient, "or", network.Swallow, 1) }, "silence", "silence"},
		"silence":         {func(p *network.Proxy) { p.On(network.ToServer, "or", network.Silence, 1) }, "silence", "silence"},
		"cut":             {func(p *network.Proxy) { p.On(network.ToServer, "or", network.Cut, 1) }, "end", ""},
		"cut a reply":     {func(p *network.Proxy) { p.On(network.ToClient, "or", network.Cut, 1) }, "end", ""},
		"lose a reply":    {func(p *network.Proxy) { p.On(network.ToServer, "or", network.LoseReply, 1) }, "end", ""},
		"freeze requests": {func(p *network.Proxy) { p.Freeze(network.ToServer) }, "silence", "word"},
		"freeze replies":  {func(p *network.Proxy) { p.Freeze(network.ToClient) }, "silence", "word"},
		"delay":           {func(p *network.Proxy) { p.Delay(network.ToClient, 3*time.Second) }, "silence", "word"},
		"cut all":         {func(p *network.Proxy) { p.Cut() }, "end", ""},
		"half-close":      {func(p *network.Proxy) { p.HalfClose(network.ToClient) }, "end", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, conn := echo(t)
			if got := say(t, conn, "hello", patience); got != "hello" {
				t.Fatalf("at first: %s", got)
			}
			c.trouble(p)
			if got := say(t, conn, "word", waitFor(c.want)); got != c.want {
				t.Errorf("in trouble: %s, want %s", got, c.want)
			}
			p.Heal()
			if c.healed != "" {
				if got := hear(conn, waitFor(c.healed)); got != c.healed {
					t.Errorf("healed: %s, want %s", got, c.healed)
				}
			}
			if got := p.Deliver(t, []byte("late")); string(got) != "late" {
				t.Errorf("delivered late: %s", got)
			}
		})
	}
}
