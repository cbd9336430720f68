// Package network stands between a client and a server on the loopback interface and acts
// on their bytes as networks do: it loses, delays, holds and repeats them, and cuts
// connections, whole or in half.
//
// A [Proxy] passes on chunks, as they come out of a read, and a [Rule] picks chunks by
// some bytes in them. A [Wire] finds the chunk that is the reply to another.
package network

import (
	"bytes"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

const chunk = 64 << 10

// Direction is the way that bytes go.
type Direction int

const (
	ToServer Direction = iota
	ToClient
)

// Fate is the treatment of a chunk that a [Rule] picks.
type Fate int

const (
	Pass      Fate = iota // it goes on; the rule only keeps a copy
	Swallow               // it goes no further, and the connection stays open
	Silence               // it goes no further, nor does anything after it, either way; the connection stays open
	Cut                   // it goes no further, and the connection is cut
	LoseReply             // it goes on to the server; when the reply comes, that is swallowed and the connection cut
)

// Rule lets a fate happen to chunks. It comes from [Proxy.On].
type Rule struct {
	proxy      *Proxy
	direction  Direction
	containing []byte
	fate       Fate
	times      int // still to happen; negative for no end
	taken      [][]byte
}

// Taken returns copies of the chunks that the rule has picked, in order: requests, as the
// wire knows them, or chunks from the server.
func (r *Rule) Taken() [][]byte {
	r.proxy.mu.Lock()
	defer r.proxy.mu.Unlock()
	return slices.Clone(r.taken)
}

// Proxy is a listener in front of one server.
type Proxy struct {
	listener net.Listener
	server   string
	wire     Wire
	closed   chan struct{}  // closed by Close
	running  sync.WaitGroup // every goroutine

	mu     sync.Mutex
	links  map[*link]struct{}
	rules  []*Rule
	gates  [2]chan struct{} // for each direction: open while closed
	delays [2]time.Duration
	refuse bool
}

// link is one connection of a client, and the one to the server that goes with it.
type link struct {
	ends [2]*net.TCPConn // where bytes of a direction go: server, client
	cut  chan struct{}   // closed when the link is
	once sync.Once

	// Guarded by the proxy's mutex.
	lose   func(chunk []byte) bool // recognises the reply to swallow; nil while there is none
	silent bool                    // nothing goes on
}

// Start starts a proxy in front of the server at an address. It ends with the test.
func Start(t testing.TB, server string, w Wire) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: l, server: server, wire: w, closed: make(chan struct{}), links: make(map[*link]struct{})}
	for d := range p.gates {
		p.gates[d] = make(chan struct{})
		close(p.gates[d])
	}
	p.running.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// Addr is where clients connect to.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// On lets a fate happen to the next chunks of a direction that contain some bytes,
// "" for all; times says to how many, negative for no end. Of several rules for a
// chunk the newest that has not ended counts.
func (p *Proxy) On(d Direction, containing string, f Fate, times int) *Rule {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := &Rule{proxy: p, direction: d, containing: []byte(containing), fate: f, times: times}
	p.rules = append(p.rules, r)
	return r
}

// Freeze holds all bytes of the directions back, of connections yet to come too.
// Nothing is lost: the bytes of a client arrive after [Proxy.Heal], even if the client is
// gone.
func (p *Proxy) Freeze(directions ...Direction) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range directions {
		if p.isOpen(d) {
			p.gates[d] = make(chan struct{})
		}
	}
}

// isOpen needs the mutex.
func (p *Proxy) isOpen(d Direction) bool {
	select {
	case <-p.gates[d]:
		return true
	default:
		return false
	}
}

// Delay makes each chunk of a direction wait before it goes on.
func (p *Proxy) Delay(d Direction, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delays[d] = wait
}

// Refuse closes every new connection at once.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = true
}

// Heal takes back all rules, freezes, delays and refusals. Bytes that were held go on.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules, p.delays, p.refuse = nil, [2]time.Duration{}, false
	for d := range p.gates {
		if !p.isOpen(Direction(d)) {
			close(p.gates[d])
		}
	}
}

// Cut closes every connection. Bytes that were held are lost.
func (p *Proxy) Cut() {
	for _, l := range p.all() {
		l.close()
	}
}

// HalfClose ends one direction of every connection, as a peer does that has said
// all that it has to say. The other direction stays as it is.
func (p *Proxy) HalfClose(d Direction) {
	for _, l := range p.all() {
		l.ends[d].CloseWrite()
	}
}

// Links returns how many connections there are.
func (p *Proxy) Links() int { return len(p.all()) }

// Deliver sends bytes to the server over a connection of their own, past every
// rule, and returns once the first of the answer has come. It is how a chunk that a
// rule has kept arrives late, or a second time.
func (p *Proxy) Deliver(t testing.TB, request []byte) (reply []byte) {
	t.Helper()
	conn, err := net.Dial("tcp", p.server)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	reply = make([]byte, chunk)
	n, err := conn.Read(reply)
	if err != nil {
		t.Fatalf("no answer to what was delivered late: %v", err)
	}
	return reply[:n]
}

func (p *Proxy) close() {
	close(p.closed)
	p.listener.Close()
	p.Cut()
	p.running.Wait()
}

func (p *Proxy) all() []*link {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]*link, 0, len(p.links))
	for l := range p.links {
		all = append(all, l)
	}
	return all
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		if l := p.connect(client.(*net.TCPConn)); l == nil {
			client.Close()
		}
	}
}

// connect makes a link and starts its two pumps. It returns nil if there is to be
// none.
func (p *Proxy) connect(client *net.TCPConn) *link {
	p.mu.Lock()
	refuse := p.refuse
	p.mu.Unlock()
	if refuse {
		return nil
	}
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return nil
	}
	l := &link{ends: [2]*net.TCPConn{server.(*net.TCPConn), client}, cut: make(chan struct{})}
	p.mu.Lock()
	p.links[l] = struct{}{}
	p.mu.Unlock()
	select {
	case <-p.closed: // the last Cut may not have seen it
		l.close()
	default:
	}
	p.running.Go(func() {
		var pumps sync.WaitGroup
		pumps.Go(func() { p.pump(l, ToServer) })
		pumps.Go(func() { p.pump(l, ToClient) })
		pumps.Wait()
		l.close()
		p.mu.Lock()
		delete(p.links, l)
		p.mu.Unlock()
	})
	return l
}

func (l *link) close() {
	l.once.Do(func() {
		close(l.cut)
		l.ends[ToServer].Close()
		l.ends[ToClient].Close()
	})
}

// pump passes the chunks of one direction on until there are no more. The end of a
// direction is passed on like a chunk, after those before it.
func (p *Proxy) pump(l *link, d Direction) {
	from, to := l.ends[1-d], l.ends[d]
	buffer := make([]byte, chunk)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !p.pass(l, d, buffer[:n], to) {
			l.close()
			return
		}
		if err != nil {
			if p.wait(l, d) {
				to.CloseWrite()
			}
			return
		}
	}
}

// pass treats one chunk by the rules. It returns false if the link is to be cut.
func (p *Proxy) pass(l *link, d Direction, bytes []byte, to io.Writer) bool {
	fate := p.fate(l, d, bytes)
	if fate == Cut {
		return false
	}
	if fate == Swallow || fate == Silence {
		return true
	}
	if !p.wait(l, d) {
		return false
	}
	to.Write(bytes) // whoever closed that side will close this one, or only half of it
	return true
}

// fate decides on a chunk, and lets the rule that it is by keep a copy.
func (p *Proxy) fate(l *link, d Direction, chunk []byte) Fate {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case l.silent:
		return Silence
	case d == ToClient && l.lose != nil && l.lose(chunk):
		return Cut
	}
	for _, r := range slices.Backward(p.rules) {
		if r.direction != d || r.times == 0 || !bytes.Contains(chunk, r.containing) {
			continue
		}
		r.take(l, chunk)
		return r.fate
	}
	return Pass
}

// take keeps a copy of a chunk. The mutex is the caller's.
func (r *Rule) take(l *link, chunk []byte) {
	replies := func([]byte) bool { return false }
	if r.direction == ToServer {
		chunk, replies = r.proxy.wire(chunk, r.containing)
	}
	r.times--
	r.taken = append(r.taken, bytes.Clone(chunk))
	switch r.fate {
	case LoseReply:
		l.lose = replies
	case Silence:
		l.silent = true
	}
}

// wait returns when bytes of a direction may go on, or false if the link is cut
// before.
func (p *Proxy) wait(l *link, d Direction) bool {
	p.mu.Lock()
	gate, delay := p.gates[d], p.delays[d]
	p.mu.Unlock()
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-l.cut:
		return false
	case <-timer.C:
	}
	select {
	case <-l.cut:
		return false
	case <-gate:
		return true
	}
}
