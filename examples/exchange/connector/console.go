package connector

import (
	"context"
	"log"

	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// console runs the commands of an operator. It has one connector or, while idle, none. Only
// the goroutine of run uses it.
type console struct {
	settings settings
	feed     feed
	keeper   *lease.Keeper
	out      output
	stderr   *log.Logger

	connector *connector // nil while idle
	byCommand bool       // a command has started a connector: a conflict no longer ends the program
}

// run executes commands until quit, until ctx ends, or until the connector fails.
func (c *console) run(ctx context.Context, lines <-chan string) error {
	ctx, quit := context.WithCancel(ctx)
	defer quit()
	c.stderr.Printf("connector of %s, key %s, store %s", c.settings.name, c.settings.key(), c.settings.store)
	c.stderr.Printf("commands, one a line: %s", commands)
	if c.settings.autostart {
		c.start(ctx)
	}
	for ctx.Err() == nil {
		var err error
		select {
		case <-ctx.Done():
		case <-c.done():
			err = c.settle()
		case line := <-lines:
			err = c.execute(ctx, quit, line)
		}
		if err != nil {
			return err
		}
	}
	return c.stop()
}

// start starts a connector. It returns when the connector has claimed the key or failed; with
// -wait it names the present holder and returns at once.
func (c *console) start(ctx context.Context) {
	c.connector = &connector{settings: c.settings, feed: c.feed, keeper: c.keeper, out: c.out}
	if c.settings.wait {
		r, err := registry.Get[Record](ctx, c.keeper.Store(), c.settings.key())
		if err == nil && !r.Foreign() {
			held := &registry.ConflictError{Identity: r.Identity, Key: r.Key, Token: r.Token, Left: r.Left}
			c.stderr.Printf("%v; waiting for it", held)
		}
		c.connector.start(ctx)
		return
	}
	c.connector.start(ctx)
	select {
	case <-c.connector.claimed:
	case <-c.connector.done:
	}
}

// stop stops the connector, if there is one, and returns its error.
func (c *console) stop() error {
	if c.connector == nil {
		return nil
	}
	c.connector.stop()
	return c.settle()
}

// done is closed when the connector has ended. It is nil while idle.
func (c *console) done() <-chan struct{} {
	if c.connector == nil {
		return nil
	}
	return c.connector.done
}

// settle makes the console idle if the connector has ended. It returns the connector's error
// if that ends the program.
func (c *console) settle() error {
	select {
	case <-c.done():
	default:
		return nil
	}
	err := c.connector.err
	c.connector = nil
	if c.byCommand && isConflict(err) {
		c.stderr.Print(err)
		return nil
	}
	return err
}

// token returns the token of the instance, or zero while no key is claimed.
func (c *console) token() store.Token {
	if i := c.held(); i != nil {
		return i.Lease().Token()
	}
	return 0
}

// held returns the instance, or nil while no key is claimed.
func (c *console) held() *instance {
	if c.connector == nil {
		return nil
	}
	return c.connector.held()
}
