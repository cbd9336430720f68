package main

import (
	"context"
	"errors"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
)

type instance = registry.Instance[State, Record]

// pace is the pause after each trade. Only in these states is the feed read.
var pace = map[State]time.Duration{
	Warming: 5 * time.Millisecond,
	Active:  100 * time.Millisecond,
}

// retry is the pause after a step that the store did not take.
const retry = 500 * time.Millisecond

// connector is one instance, from its claim to its release. A new one is made for
// each start.
type connector struct {
	settings settings
	feed     feed
	keeper   *lease.Keeper
	journal  journal

	cancel context.CancelFunc
	moved  chan struct{} // one element when the machine has moved; never closed

	claimed  chan struct{} // closed once instance is set
	instance *instance
	done     chan struct{} // closed once everything is over and err is set
	err      error
}

// start begins a connector's life, which ends by itself, with ctx, or by stop.
func (c *connector) start(ctx context.Context) {
	ctx, c.cancel = context.WithCancel(ctx)
	c.moved = make(chan struct{}, 1)
	c.claimed, c.done = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(c.done)
		defer c.cancel()
		c.err = c.live(ctx)
	}()
}

// stop ends a connector's life in order, and returns when it is over.
func (c *connector) stop() {
	c.cancel()
	<-c.done
}

// held returns the instance, or nil while nothing is claimed.
func (c *connector) held() *instance {
	select {
	case <-c.claimed:
		return c.instance
	default:
		return nil
	}
}

// live claims the key, works, leaves, and says how it went.
func (c *connector) live(ctx context.Context) error {
	def, err := lifecycle.With(fsm.After(c.follow))
	if err != nil {
		return err
	}
	err = registry.Run(ctx, c.keeper, def, c.registration(), c.work)
	if c.instance == nil {
		return c.refused(ctx, err)
	}
	return c.left(err)
}

// refused tells of a claim that failed with err. One that was given up while it
// waited for the key has not failed.
func (c *connector) refused(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	if isConflict(err) {
		h := holderOf(err)
		err = h.explain(err)
		c.journal.conflict(h, err)
	}
	return err
}

// left tells of the end of an instance that left with err.
func (c *connector) left(err error) error {
	if lost := new(lease.LostError); errors.As(c.instance.Lease().Err(), &lost) {
		c.journal.lost(lost)
		return lost
	}
	if err == nil {
		c.journal.deregistered(c.instance.Lease().Token())
	}
	return err
}

// registration is what the registry has to know.
func (c *connector) registration() registry.Config[State, Record] {
	s := c.settings
	return registry.Config[State, Record]{
		Key: s.key(),
		Payload: Record{
			ExchangeID:       s.exchange,
			ExchangeName:     s.name,
			AdminEmail:       optional(s.adminEmail),
			AdminDisplayName: optional(s.adminName),
			SymbolCount:      len(c.feed.symbols()),
		},
		Fill:      (*Record).fill,
		Connected: []State{Active},
		LeavePath: []State{Stopping, Stopped},
		Host:      s.hostname,
		Instance:  s.instance,
		Wait:      s.wait,
		Reclaim:   s.reclaim,
	}
}

// follow runs after every transition, whoever asked for it.
func (c *connector) follow(_ context.Context, t fsm.Transition[State]) error {
	c.journal.transition(c.instance.Lease().Token(), t)
	select {
	case c.moved <- struct{}{}:
	default: // work has not seen the last one yet, and will see both
	}
	return nil
}

// work does what the state asks for until ctx ends. Most steps are its own; but an
// operator may take one too, and then it goes on from wherever that led.
func (c *connector) work(ctx context.Context, i *instance) error {
	c.instance = i
	close(c.claimed)
	c.journal.registered(i)
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
		c.journal.lost(lost)
	}
	return nil
}

// open begins to read the feed, and publishes what is wrong with it.
func (c *connector) open(ctx context.Context) *reading {
	token := c.instance.Lease().Token()
	for _, bad := range c.feed.bad {
		c.journal.failed(token, bad, "line", bad.Number, "badLines", len(c.feed.bad))
	}
	if n := len(c.feed.bad); n > 0 {
		if err := c.instance.RecordError(ctx, c.feed.bad[n-1]); err != nil {
			c.journal.failed(token, err)
		}
	}
	return c.feed.read(c.settings.warm)
}

// advance takes a step of the connector's own, again while the store cannot be
// reached: for how long the key is held all the same, the lease knows. It gives up
// when an operator has gone elsewhere meanwhile.
func (c *connector) advance(ctx context.Context, to State) {
	for ctx.Err() == nil {
		err := c.instance.Transition(ctx, to)
		if err == nil || errors.Is(err, fsm.ErrInvalidTransition) {
			return
		}
		if ctx.Err() == nil {
			c.journal.failed(c.instance.Lease().Token(), err)
			c.await(ctx, time.After(retry))
		}
	}
}

// await pauses until the machine has moved, the time has come, or ctx ends.
func (c *connector) await(ctx context.Context, when <-chan time.Time) {
	select {
	case <-ctx.Done():
	case <-c.moved:
	case <-when:
	}
}
