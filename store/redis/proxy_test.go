package redisstore_test

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// proxy passes bytes between clients and a server, counts the commands of one
// name, and loses the replies to them if told so. It can hold up published messages, and
// lose all that a server sends after one.
type proxy struct {
	listener net.Listener
	server   string
	name     []byte // of the command, as it stands on the wire
	count    atomic.Int64
	carriers atomic.Int64 // connections with one such command or more
	lose     atomic.Bool  // close both sides after the command went on
	holdUp   atomic.Bool  // pause within each published message
	heldUp   atomic.Int64
	darken   atomic.Bool // lose the next published message and all that comes after it on its connection
	cutShort atomic.Bool // pass on one line of what the server sends next, and close the connection

	// While they are locked, nothing is passed on of what the carriers send, or get.
	asks, answers sync.RWMutex

	mu    sync.Mutex
	conns []net.Conn
	pumps sync.WaitGroup
}

func proxyTo(t testing.TB, server, command string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, server: server, name: []byte("\r\n" + command + "\r\n")}
	p.pumps.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// client returns a client through the proxy, with go-redis's default retries.
func (p *proxy) client(t testing.TB) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: p.listener.Addr().String()})
	t.Cleanup(func() { c.Close() })
	return c
}

func (p *proxy) close() {
	p.listener.Close()
	p.mu.Lock()
	for _, c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.pumps.Wait()
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, server)
		p.mu.Unlock()
		carrier := new(atomic.Bool)
		p.pumps.Go(func() { p.requests(server, client, carrier) })
		p.pumps.Go(func() { p.replies(client, server, carrier) })
	}
}

// await returns once a lock is free.
func await(lock *sync.RWMutex) {
	lock.RLock()
	defer lock.RUnlock()
}

// messagePause is longer than the time between two looks at a subscription.
const messagePause = 1500 * time.Millisecond

// replies passes on what the server sends.
func (p *proxy) replies(client, server net.Conn, carrier *atomic.Bool) {
	defer client.Close()
	buffer, dark := make([]byte, 1<<20), false
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		if carrier.Load() {
			await(&p.answers)
		}
		rest := buffer[:n]
		dark = dark || bytes.Contains(rest, []byte("message\r\n")) && p.darken.CompareAndSwap(true, false)
		if dark {
			continue
		}
		if p.cutShort.CompareAndSwap(true, false) {
			client.Write(rest[:bytes.Index(rest, []byte("\r\n"))+2])
			return
		}
		if at := bytes.Index(rest, []byte("\r\nmessage\r\n")); at >= 0 && p.holdUp.Load() {
			client.Write(rest[:at+len("\r\nmes")])
			rest = rest[at+len("\r\nmes"):]
			time.Sleep(messagePause)
			p.heldUp.Add(1)
		}
		if _, err := client.Write(rest); err != nil {
			return
		}
	}
}

// requests passes on what the client sends. A command of a test is small enough to
// come in one piece.
func (p *proxy) requests(server, client net.Conn, carrier *atomic.Bool) {
	defer server.Close()
	buffer := make([]byte, 1<<20)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		seen := bytes.Count(buffer[:n], p.name)
		p.count.Add(int64(seen))
		if seen > 0 && !carrier.Swap(true) {
			p.carriers.Add(1)
		}
		if carrier.Load() {
			await(&p.asks)
		}
		lose := seen > 0 && p.lose.Load()
		if lose {
			client.Close()
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
		if lose {
			return
		}
	}
}
