package connector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
)

type instance = registry.Instance[State, Record]

// pace is the pause after each trade. The feed is read in these states only.
var pace = map[State]time.Duration{
	Warming: 5 * time.Millisecond,
	Active:  100 * time.Millisecond,
}

// retry is the pause after a transition that the store did not confirm.
const retry = 500 * time.Millisecond

// connector is one instance from claim to release. Each start of the console makes a new one.
type connector struct {
	settings settings
	feed     feed
	keeper   *lease.Keeper
	out      output

	cancel context.CancelFunc
	moved  chan struct{} // afterTransition sends to it, work receives; one element, never closed

	claimed  chan struct{} // closed by work after it has set instance
	instance *instance
	done     chan struct{} // closed by the connector's goroutine, its last act, after it has set err
	err      error
}

// start starts the connector's goroutine, which ends by itself, with ctx, or by stop.
func (c *connector) start(ctx context.Context) {
	ctx, c.cancel = context.WithCancel(ctx)
	c.moved = make(chan struct{}, 1)
	c.claimed, c.done = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(c.done)
		defer c.cancel()
		c.err = c.run(ctx)
	}()
}

// stop leaves in order and returns when the connector's goroutine has ended.
func (c *connector) stop() {
	c.cancel()
	<-c.done
}

// held returns the instance, or nil if the key is not claimed yet.
func (c *connector) held() *instance {
	select {
	case <-c.claimed:
		return c.instance
	default:
		return nil
	}
}

// run claims the key, works until ctx ends or the lease is lost, and releases the key. It
// writes the output of the claim and of the end.
func (c *connector) run(ctx context.Context) error {
	s := c.settings
	err := registry.Run(ctx, c.keeper, lifecycle, registry.Config[State, Record]{
		Key: s.key(),
		Payload: Record{
			ExchangeID:       s.exchange,
			ExchangeName:     s.name,
			AdminEmail:       optional(s.adminEmail),
			AdminDisplayName: optional(s.adminName),
			SymbolCount:      len(c.feed.symbols()),
		},
		Fill:           (*Record).fill,
		Connected:      []State{Active},
		LeavePath:      []State{Stopping, Stopped},
		Host:           s.hostname,
		Instance:       s.instance,
		Wait:           s.wait,
		Reclaim:        s.reclaim,
		Log:            new(registry.Log),
		Requests:       &registry.Requests[State]{States: lifecycle.States()},
		MachineOptions: []fsm.Option{fsm.WithData(connectorData, c)},
	}, c.work)

	switch {
	case c.instance == nil && ctx.Err() != nil:
		return nil // stopped before it had the key
	case c.instance == nil && isConflict(err):
		h := holderOf(err)
		if h.foreign && h.Hostname != "" { // the error of a connector's record has these already
			err = fmt.Errorf("%w; it names %s (%s) since %s", err, h.Hostname, h.IPAddress, h.RegisteredAt)
		}
		c.out.conflict(h, err)
		return err
	case c.instance == nil:
		return err
	}

	held := c.instance.Lease()
	if lost := new(lease.LostError); errors.As(held.Err(), &lost) {
		c.out.lost(lost)
		return lost
	}
	if c.instance.Deregister(ctx) == nil { // the record is gone, whatever failed on the way
		c.out.deregistered(held.Token())
	}
	return err
}

// afterTransition writes a transition of the connector or an operator, and wakes work.
func afterTransition(ctx context.Context, t fsm.Transition[State]) error {
	c := connectorData.Of(ctx)
	c.out.transition(c.instance.Lease().Token(), t)
	select {
	case c.moved <- struct{}{}:
	default: // work has yet to receive an earlier element, and reads the state after that
	}
	return nil
}

// work acts on the state until ctx ends. It makes most transitions itself, and continues from
// any state that an operator has chosen.
func (c *connector) work(ctx context.Context, i *instance) error {
	c.instance = i
	close(c.claimed)
	c.out.registered(i)
	c.advance(ctx, Starting)
	trades := c.feed.read(c.settings.warm)
	for ctx.Err() == nil {
		switch state := i.State(); {
		case state == Starting:
			trades = c.open(ctx)
			c.advance(ctx, Warming)
		case state == Warming && trades.warm():
			c.advance(ctx, Active)
		case state == Warming, state == Active:
			trades.step()
			c.await(ctx, time.After(pace[state]))
		default:
			c.await(ctx, nil)
		}
	}
	if lost := new(lease.LostError); errors.As(context.Cause(ctx), &lost) {
		c.out.lost(lost)
	}
	return nil
}

// open starts to read the feed, and publishes the last of its bad lines.
func (c *connector) open(ctx context.Context) *reading {
	token := c.instance.Lease().Token()
	for _, bad := range c.feed.bad {
		c.out.failed(token, bad, "line", bad.Number, "badLines", len(c.feed.bad))
	}
	if n := len(c.feed.bad); n > 0 {
		if err := c.instance.RecordError(ctx, c.feed.bad[n-1]); err != nil {
			c.out.failed(token, err)
		}
	}
	return c.feed.read(c.settings.warm)
}

// advance makes a transition. It tries again while the store cannot be reached: the lease
// ends ctx when the key is no longer held. It returns without a transition if an operator has
// moved the machine to a state without that edge.
func (c *connector) advance(ctx context.Context, to State) {
	for ctx.Err() == nil {
		err := c.instance.Transition(ctx, to)
		if err == nil || errors.Is(err, fsm.ErrInvalidTransition) {
			return
		}
		if ctx.Err() == nil {
			c.out.failed(c.instance.Lease().Token(), err)
			c.await(ctx, time.After(retry))
		}
	}
}

// await blocks until the machine has moved, timer has fired, or ctx has ended.
func (c *connector) await(ctx context.Context, timer <-chan time.Time) {
	select {
	case <-ctx.Done():
	case <-c.moved:
	case <-timer:
	}
}
