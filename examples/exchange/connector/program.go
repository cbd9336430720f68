// Package connector is one connector of one exchange: it claims the exchange's key, goes through a
// validated lifecycle, publishes its status, and releases the key at its end. Two programs run it:
// examples/exchange on process memory, and examples/exchange/servers on any store.
//
// Standard output is one JSON object a line (see output.go), standard input is one command a
// line (see commands.go), and standard error is text for people.
//
// With -request STATE it asks the connector that runs elsewhere to move, and with -log it prints
// the activity log of its key (see operator.go). Both need a -store that the two processes reach.
//
// Exit codes: 0 orderly end; 1 the store cannot be reached or refuses; 2 bad flags or feed; 3
// another process holds the key; 4 the lease was lost; 5 a request was not done.
package connector

import (
	"context"
	"errors"
	"log"

	"github.com/leasehold-go/leasehold/examples/internal/program"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

const (
	exitStore    = program.ExitFailure // the store cannot be reached, or refuses
	exitConflict = 3                   // another process holds the key
	exitLost     = 4                   // the lease was lost
	exitRefused  = 5                   // a request was not done
)

// Command returns the program on the stores that its flag -store can name.
func Command(stores program.Stores) program.Command {
	return program.Command{
		Name: "exchange",
		Run: func(ctx context.Context, args []string, std program.Streams) error {
			return start(ctx, stores, args, std)
		},
		Failure: failure,
	}
}

func failure(err error) int {
	switch {
	case isRefused(err):
		return exitRefused
	case errors.Is(err, store.ErrLost):
		return exitLost
	case isConflict(err):
		return exitConflict
	case errors.Is(err, store.ErrInvalid):
		return program.ExitUsage
	}
	return exitStore
}

// start opens the feed and the store, and closes the store at the end.
func start(ctx context.Context, stores program.Stores, args []string, std program.Streams) (err error) {
	set, err := parseFlags(stores, args, std.Err)
	if err != nil {
		return err
	}
	trades, err := openFeed(set.feed)
	if err != nil {
		return err
	}
	if set.runFor > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, set.runFor)
		defer cancel()
	}
	st, closeStore, err := set.store.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	return run(ctx, st, set, trades, std)
}

// run carries out the flags on an opened store. It opens and closes the keeper; the connector
// has released its lease by then.
func run(ctx context.Context, st store.Store, set settings, trades feed, std program.Streams) (err error) {
	out := newOutput(std.Out, set.key())
	switch {
	case set.request != "":
		return requestState(ctx, st, set, out)
	case set.log:
		return showLog(ctx, st, set, out)
	}
	keeper, err := lease.NewKeeper(st, lease.Config{
		TTL: set.ttl, Heartbeat: set.heartbeat,
		OnRenew: out.heartbeat, OnLoss: out.lost,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, keeper.Close(ctx)) }()

	stderr := log.New(std.Err, "exchange: ", 0)
	c := &console{settings: set, feed: trades, keeper: keeper, out: out, stderr: stderr}
	return c.run(ctx, readLines(ctx, std.In, stderr))
}
