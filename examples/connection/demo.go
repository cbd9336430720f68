package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
)

// phase is a time during which the server does not change.
type phase struct {
	name     string
	duration time.Duration
	up       bool
	silent   bool
}

// phases are repeated until the program ends.
var phases = []phase{
	{name: "down", duration: 400 * time.Millisecond},
	{name: "up", duration: 900 * time.Millisecond, up: true},
	{name: "down", duration: 800 * time.Millisecond},
	{name: "silent", duration: 1200 * time.Millisecond, up: true, silent: true},
	{name: "up", duration: 1200 * time.Millisecond, up: true},
}

// demonstrate runs a subscribed client while the server goes through its phases, until ctx
// ends or the server cannot be started. Then it stops the server and closes the client.
func demonstrate(ctx context.Context, b backoff, stdout io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out := &eventLog{out: stdout, start: time.Now()}

	var address atomic.Value // a string: the latest address of the server
	address.Store("127.0.0.1:1")
	c := newClient(func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", address.Load().(string))
	}, b, out.printf)

	var failed error
	var server sync.WaitGroup
	server.Go(func() {
		defer cancel()
		for i := 0; ctx.Err() == nil && failed == nil; i++ {
			p := phases[i%len(phases)]
			out.printf("the server is %s", p.name)
			if !p.up {
				sleep(ctx, p.duration)
				continue
			}
			srv, err := startServer(p.silent)
			if err != nil {
				failed = err
				return
			}
			address.Store(srv.address())
			sleep(ctx, p.duration)
			failed = srv.stop()
		}
	})
	if err := subscribe(ctx, c); err != nil && ctx.Err() == nil {
		out.printf("not subscribed: %v", err)
	}
	server.Wait()
	return errors.Join(failed, c.close(ctx))
}

// subscribe connects the client and subscribes it once. The client itself subscribes again
// after a loss.
func subscribe(ctx context.Context, c *client) error {
	if err := c.machine.Fire(ctx, Connect); err != nil {
		return err
	}
	for {
		if _, err := c.machine.Wait(ctx, Ready); err != nil {
			return err
		}
		if err := c.machine.Fire(ctx, Subscribe); !errors.Is(err, fsm.ErrUnhandled) {
			return err
		} // the connection was lost after Wait returned
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// eventLog writes one event a line, with the milliseconds since start. It is safe for
// concurrent use.
type eventLog struct {
	mu    sync.Mutex
	out   io.Writer
	start time.Time
}

func (l *eventLog) printf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.out, "%5d ms  %s\n", time.Since(l.start).Milliseconds(), fmt.Sprintf(format, args...))
}
