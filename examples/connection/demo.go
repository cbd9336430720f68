package main

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
)

// spell is a time during which the server is as it is.
type spell struct {
	name string
	last time.Duration
	up   bool
	mute bool
}

// spells are what the server goes through, over and over.
var spells = []spell{
	{name: "down", last: 400 * time.Millisecond},
	{name: "up", last: 900 * time.Millisecond, up: true},
	{name: "down", last: 800 * time.Millisecond},
	{name: "mute", last: 1200 * time.Millisecond, up: true, mute: true},
	{name: "up", last: 1200 * time.Millisecond, up: true},
}

// program is the process: a client, and the server that it wants to keep.
type program struct {
	journal *journal
	address atomic.Value // a string: where the server is, or was
}

// run keeps a subscribed client while the server comes and goes, until ctx ends.
func (p *program) run(ctx context.Context, b backoff) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c, err := newClient(p.dial, b, p.journal.write)
	if err != nil {
		return err
	}
	var failed error
	var server sync.WaitGroup
	p.address.Store("127.0.0.1:1") // nobody
	server.Go(func() {
		defer cancel()
		failed = p.comeAndGo(ctx)
	})
	if err := own(ctx, c); err != nil && ctx.Err() == nil {
		p.journal.write("not subscribed: %v", err)
	}
	server.Wait()
	return errors.Join(failed, c.close(ctx))
}

// own asks for a connection, and once for ticks. The rest is up to the client.
func own(ctx context.Context, c *client) error {
	if err := c.machine.Fire(ctx, Connect); err != nil {
		return err
	}
	for {
		if _, err := c.machine.Wait(ctx, Ready); err != nil {
			return err
		}
		if err := c.machine.Fire(ctx, Subscribe); !errors.Is(err, fsm.ErrUnhandled) {
			return err
		} // it was lost in between
	}
}

func (p *program) dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", p.address.Load().(string))
}

// comeAndGo is the life of the server.
func (p *program) comeAndGo(ctx context.Context) error {
	for i := 0; ctx.Err() == nil; i++ {
		if err := p.pass(ctx, spells[i%len(spells)]); err != nil {
			return err
		}
	}
	return nil
}

// pass lets one spell pass.
func (p *program) pass(ctx context.Context, s spell) error {
	p.journal.write("the server is %s", s.name)
	if !s.up {
		sleep(ctx, s.last)
		return nil
	}
	srv, err := serve(s.mute)
	if err != nil {
		return err
	}
	p.address.Store(srv.address())
	sleep(ctx, s.last)
	return srv.down()
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
