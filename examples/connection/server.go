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

// server is one life of a server, from coming up to going down.
type server struct {
	listener net.Listener
	mute     bool // it takes connections and says nothing
	cancel   context.CancelFunc
	serving  sync.WaitGroup
}

// serve brings a server up on the loopback interface, on a port that is free. Whoever
// takes it down and brings it up again gets another.
func serve(mute bool) (*server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &server{listener: listener, mute: mute, cancel: cancel}
	s.serving.Go(func() { s.accept(ctx) })
	return s, nil
}

func (s *server) address() string { return s.listener.Addr().String() }

// down hangs up on everyone, and returns when everything has stopped.
func (s *server) down() error {
	err := s.listener.Close()
	s.cancel()
	s.serving.Wait()
	return err
}

func (s *server) accept(ctx context.Context) {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.serving.Go(func() { s.attend(ctx, conn) })
	}
}

// attend speaks with one client until either hangs up.
func (s *server) attend(ctx context.Context, conn net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.serving.Go(func() {
		<-ctx.Done()
		conn.Close()
	})
	if s.mute {
		_, _ = io.Copy(io.Discard, conn)
		return
	}
	converse(conn)
}

// converse is the server's side of the protocol. It ends with the connection.
func converse(conn net.Conn) {
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
