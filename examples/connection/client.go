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

// The lines of the protocol.
const (
	greeting     = "hello"     // from the server, as soon as a client is connected
	subscription = "subscribe" // to the server, which then sends ticks
)

// writeLimit is the time for a write to the server. The machine makes no other change
// meanwhile.
const writeLimit = time.Second

// dialer makes a connection. It returns soon after its context has ended.
type dialer func(context.Context) (net.Conn, error)

// client keeps a connection to a server: it dials again after each loss, until it is closed.
// The rules of its machine decide when.
type client struct {
	machine  *fsm.Machine[State]
	dial     dialer
	logf     func(format string, args ...any) // logs events in their order
	attempts sync.WaitGroup                   // the goroutines of all attempts

	// Only hooks use these fields, and a machine runs one hook at a time.
	backoff backoff
	wait    time.Duration // before the next attempt
	attempt *attempt      // the latest
	conn    net.Conn      // the connection of the latest attempt; nil while it dials
}

// attempt is one dial and its connection. Its goroutine sets a field before it fires the
// event that uses the field.
type attempt struct {
	cancel context.CancelFunc
	conn   net.Conn // for Connected
	err    error    // for Lost
}

// newClient returns a disconnected client. The caller has to close it.
func newClient(dial dialer, b backoff, logf func(format string, args ...any)) *client {
	c := &client{dial: dial, backoff: b, logf: logf}
	c.machine = fsm.New(lifecycle, fsm.WithData(clientData, c))
	return c
}

// close closes the connection for good. It returns when every goroutine has ended, also if
// ctx has ended.
func (c *client) close(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	err := c.machine.Fire(ctx, Close)
	c.attempts.Wait()
	return errors.Join(err, c.machine.Close(ctx))
}

// startAttempt starts an attempt in a goroutine. The attempt has its own context, because the
// hook's context ends with the change, and its machine calls count as part of that change.
func startAttempt(ctx context.Context, _ fsm.Transition[State]) error {
	c := clientData.Of(ctx)
	ctx, cancel := context.WithCancel(context.Background())
	a := &attempt{cancel: cancel}
	c.attempt, c.conn = a, nil
	c.attempts.Go(func() {
		defer cancel()
		a.err = c.run(ctx, a)
		_ = fsm.Fire(ctx, c.machine, Lost, a) // fails if the machine has left the attempt
	})
	return nil
}

// run dials, fires the events of the attempt, and reads until the connection is lost. It
// returns why that happened.
func (c *client) run(ctx context.Context, a *attempt) error {
	conn, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	a.conn = conn
	if err := fsm.Fire(ctx, c.machine, Connected, a); err != nil {
		return err
	}
	lines := bufio.NewScanner(conn)
	if !lines.Scan() || lines.Text() != greeting {
		return fmt.Errorf("%q is not the greeting: %w", lines.Text(), cmp.Or(lines.Err(), io.EOF))
	}
	if err := fsm.Fire(ctx, c.machine, Greeted, a); err != nil {
		return err
	}
	for lines.Scan() {
		c.logf("received %s", lines.Text())
	}
	return cmp.Or(lines.Err(), io.EOF)
}

// ofThisAttempt refuses an event of an attempt that the machine has left.
var ofThisAttempt = fsm.If("of this attempt", func(ctx context.Context, _ fsm.Transition[State], a *attempt) error {
	if a != clientData.Of(ctx).attempt {
		return errors.New("the attempt has been stopped")
	}
	return nil
})

func setConn(ctx context.Context, _ fsm.Transition[State], a *attempt) error {
	clientData.Of(ctx).conn = a.conn
	return nil
}

func logLoss(ctx context.Context, _ fsm.Transition[State], a *attempt) error {
	clientData.Of(ctx).logf("lost: %v", a.err)
	return nil
}

// stopAttempt ends the attempt, whether it dials or reads. It does not wait for the
// attempt's goroutine.
func stopAttempt(ctx context.Context, _ fsm.Transition[State]) error {
	c := clientData.Of(ctx)
	c.attempt.cancel()
	if c.conn != nil {
		c.conn.Close() // ends the read; the connection is abandoned whatever the error
	}
	return nil
}

// nextWait returns how long the machine waits. The machine calls it once for each entry of
// Waiting.
func nextWait(ctx context.Context, _ fsm.Transition[State]) time.Duration {
	c := clientData.Of(ctx)
	c.wait, c.backoff = c.backoff.step()
	return c.wait
}

func resetBackoff(ctx context.Context, _ fsm.Transition[State]) error {
	c := clientData.Of(ctx)
	c.backoff = c.backoff.reset()
	return nil
}

// sendSubscription subscribes to ticks: when the user asks for it, and again after each loss.
func sendSubscription(ctx context.Context, _ fsm.Transition[State]) error {
	c := clientData.Of(ctx)
	if err := c.conn.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
		return err
	}
	_, err := fmt.Fprintln(c.conn, subscription)
	return err
}

func logTransition(ctx context.Context, t fsm.Transition[State]) error {
	c := clientData.Of(ctx)
	c.logf("%v -> %v: %s", t.From, t.To, cmp.Or(t.Event, t.Cause))
	if t.To == Waiting {
		c.logf("next attempt in %v", c.wait.Round(time.Millisecond))
	}
	return nil
}
