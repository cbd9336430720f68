package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
)

// The protocol, one line at a time.
const (
	greeting     = "hello"     // from the server, at once
	subscription = "subscribe" // to the server, which sends ticks from then on
)

// writeLimit is how long the server may take to accept what is written to it. The
// machine takes no other step meanwhile.
const writeLimit = time.Second

// dialer makes a connection. It returns soon after its context has ended.
type dialer func(context.Context) (net.Conn, error)

// client keeps a connection to a server: it dials again whenever one is lost, until
// it is closed. What it does stands in the rules of its machine.
type client struct {
	machine *fsm.Machine[State]
	dial    dialer
	told    func(format string, args ...any) // what happens, in order
	links   sync.WaitGroup                   // one for each attempt that has not quite ended

	// What follows is touched by the rules alone, so by one at a time.
	backoff backoff
	wait    time.Duration // for the next attempt
	link    *link         // the latest attempt
	conn    net.Conn      // what came of it so far; nil while it dials
}

// link is one attempt. Its goroutine fills in what an event is about before it fires it.
type link struct {
	cancel context.CancelFunc
	conn   net.Conn // for Connected
	err    error    // for Lost
}

// newClient makes a client, disconnected. It has to be closed.
func newClient(dial dialer, b backoff, told func(format string, args ...any)) (*client, error) {
	c := &client{dial: dial, backoff: b, told: told}
	def, err := lifecycle.With(c.rules()...)
	if err != nil {
		return nil, err
	}
	c.machine = fsm.New(def)
	return c, nil
}

// close ends the connection for good, and returns when everything has stopped.
func (c *client) close(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	err := c.machine.Fire(ctx, Close)
	c.links.Wait()
	return errors.Join(err, c.machine.Close(ctx))
}

// begin starts an attempt. It runs in its own goroutine and with a context of its own:
// that of the hook belongs to the step under way, and so would all that is asked with
// it.
func (c *client) begin(context.Context, fsm.Transition[State]) error {
	ctx, cancel := context.WithCancel(context.Background())
	l := &link{cancel: cancel}
	c.link, c.conn = l, nil
	c.links.Go(func() {
		defer cancel()
		l.err = c.attempt(ctx, l)
		_ = fsm.Fire(ctx, c.machine, Lost, l) // unless it was left before: nothing is lost then
	})
	return nil
}

// attempt dials, and tells the machine how it goes. It returns why there is nothing
// more to tell.
func (c *client) attempt(ctx context.Context, l *link) error {
	conn, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	l.conn = conn
	if err := fsm.Fire(ctx, c.machine, Connected, l); err != nil {
		return err
	}
	lines := bufio.NewScanner(conn)
	if !lines.Scan() || lines.Text() != greeting {
		return fmt.Errorf("%q is no greeting: %w", lines.Text(), cmp.Or(lines.Err(), io.EOF))
	}
	if err := fsm.Fire(ctx, c.machine, Greeted, l); err != nil {
		return err
	}
	for lines.Scan() {
		c.told("received %s", lines.Text())
	}
	return cmp.Or(lines.Err(), io.EOF)
}

// ours refuses what comes of an attempt that was given up.
func (c *client) ours(_ context.Context, _ fsm.Transition[State], l *link) error {
	if l != c.link {
		return errors.New("it was given up")
	}
	return nil
}

func (c *client) adopt(_ context.Context, _ fsm.Transition[State], l *link) error {
	c.conn = l.conn
	return nil
}

func (c *client) mourn(_ context.Context, _ fsm.Transition[State], l *link) error {
	c.told("lost: %v", l.err)
	return nil
}

// end gives an attempt up, wherever it is. Its goroutine finds out by itself.
func (c *client) end(context.Context, fsm.Transition[State]) error {
	c.link.cancel()
	if c.conn != nil {
		c.conn.Close() // which ends the reading; what is wrong with it is of no more interest
	}
	return nil
}

// pause is asked once for each time that the machine is about to wait.
func (c *client) pause(context.Context, fsm.Transition[State]) time.Duration {
	c.wait, c.backoff = c.backoff.step()
	return c.wait
}

func (c *client) relax(context.Context, fsm.Transition[State]) error {
	c.backoff = c.backoff.reset()
	return nil
}

// subscribe asks for ticks: when the owner does, and again after each loss.
func (c *client) subscribe(context.Context, fsm.Transition[State]) error {
	if err := c.conn.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
		return err
	}
	_, err := fmt.Fprintln(c.conn, subscription)
	return err
}

func (c *client) tell(_ context.Context, t fsm.Transition[State]) error {
	c.told("%v -> %v: %s", t.From, t.To, cmp.Or(t.Event, t.Cause))
	if t.To == Waiting {
		c.told("next attempt in %v", c.wait.Round(time.Millisecond))
	}
	return nil
}
