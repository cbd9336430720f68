package main

import (
	"context"
	"log"

	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// program is the process: idle, or with one connector. Only the goroutine of run
// touches it.
type program struct {
	settings settings
	feed     feed
	keeper   *lease.Keeper
	journal  journal
	hints    *log.Logger

	connector *connector // nil while idle
	typed     bool       // whether it was started by hand; a conflict then ends nothing
}

// run obeys until it is told to quit, ctx ends, or the connector fails.
func (p *program) run(ctx context.Context, lines <-chan string) error {
	ctx, quit := context.WithCancel(ctx)
	defer quit()
	p.greet()
	if p.settings.autostart {
		p.start(ctx)
	}
	for ctx.Err() == nil {
		var err error
		select {
		case <-ctx.Done():
		case <-p.ended():
			err = p.settle()
		case line := <-lines:
			err = p.obey(ctx, quit, line)
		}
		if err != nil {
			return err
		}
	}
	return p.stop()
}

func (p *program) greet() {
	p.hints.Printf("connector of %s, key %s, store %s", p.settings.name, p.settings.key(), p.settings.store.name)
	p.hints.Printf("commands, one a line: %s", commands)
}

// start makes a connector, and returns once it has the key or has failed; or at
// once if it may have to wait for the key.
func (p *program) start(ctx context.Context) {
	p.connector = &connector{settings: p.settings, feed: p.feed, keeper: p.keeper, journal: p.journal}
	if p.settings.wait {
		p.tellHolder(ctx)
		p.connector.start(ctx)
		return
	}
	p.connector.start(ctx)
	select {
	case <-p.connector.claimed:
	case <-p.connector.done:
	}
}

// tellHolder says for whom the connector will have to wait.
func (p *program) tellHolder(ctx context.Context) {
	e, err := registry.Get[Record](ctx, p.keeper.Store(), p.settings.key())
	if holder := inTheWay(e, err); holder != "" {
		p.hints.Printf("%s; waiting for it", holder)
	}
}

// stop stops the connector, if there is one, and returns how it ended.
func (p *program) stop() error {
	if p.connector == nil {
		return nil
	}
	p.connector.stop()
	return p.settle()
}

// ended is closed when the connector has come to its end; nil while idle.
func (p *program) ended() <-chan struct{} {
	if p.connector == nil {
		return nil
	}
	return p.connector.done
}

// settle makes the program idle again if its connector has ended, and returns the
// error if that is one to end with.
func (p *program) settle() error {
	select {
	case <-p.ended():
	default:
		return nil
	}
	err := p.connector.err
	p.connector = nil
	if p.typed && isConflict(err) {
		p.hints.Print(err)
		return nil
	}
	return err
}

// token is that of the instance, or zero while nothing is claimed.
func (p *program) token() store.Token {
	if i := p.held(); i != nil {
		return i.Lease().Token()
	}
	return 0
}

// held returns the instance, or nil while nothing is claimed.
func (p *program) held() *instance {
	if p.connector == nil {
		return nil
	}
	return p.connector.held()
}
