package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// tick is the time between two ticks.
const tick = 200 * time.Millisecond

// server is a running server.
type server struct {
	listener net.Listener
	cancel   context.CancelFunc
	serving  sync.WaitGroup
}

// startServer starts a server on the loopback interface, on a free port. A silent server
// accepts connections and sends nothing.
func startServer(silent bool) (*server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &server{listener: listener, cancel: cancel}
	s.serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			ctx, hangUp := context.WithCancel(ctx)
			s.serving.Go(func() {
				<-ctx.Done()
				conn.Close()
			})
			s.serving.Go(func() {
				defer hangUp()
				if silent {
					_, _ = io.Copy(io.Discard, conn)
					return
				}
				sendTicks(conn)
			})
		}
	})
	return s, nil
}

func (s *server) address() string { return s.listener.Addr().String() }

// stop closes every connection. It returns when every goroutine has ended.
func (s *server) stop() error {
	err := s.listener.Close()
	s.cancel()
	s.serving.Wait()
	return err
}

// sendTicks greets a client and sends it ticks once it has subscribed. It returns when the
// connection is closed.
func sendTicks(conn net.Conn) {
	if _, err := fmt.Fprintln(conn, greeting); err != nil {
		return
	}
	lines := bufio.NewScanner(conn)
	if !lines.Scan() || lines.Text() != subscription {
		return
	}
	for n := 1; ; n++ {
		if _, err := fmt.Fprintln(conn, "tick", n); err != nil {
			return
		}
		time.Sleep(tick)
	}
}
