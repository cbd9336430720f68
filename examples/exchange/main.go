// Command exchange is one connector of one exchange: it claims the exchange's key,
// walks through a validated lifecycle, shows operators how it is doing, and lets go
// of the key when it ends. It is also the way to try leasehold by hand:
//
//	go run ./examples/exchange
//
// claims a key in the memory of the process, reads a sample of trades until every
// symbol is warm, and keeps running. Two of them with -store redis://localhost:6379/0
// fight for one key.
//
// Standard output is one JSON object a line (see journal.go), standard input one
// command a line (see console.go); what people should know goes to standard error.
//
// Exit codes: 0 an orderly end; 1 the store cannot be reached or refuses; 2 bad
// flags or feed; 3 another holds the key; 4 the lease was lost.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/leasehold-go/leasehold/lease"
)

func main() {
	// A second signal does not cut the leaving short: tools such as timeout(1)
	// send theirs twice.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the program without its process.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	err := serve(ctx, args, stdin, stdout, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if err != nil {
		fmt.Fprintln(stderr, "exchange:", err)
	}
	return exitCode(err)
}

// serve builds the program from its flags and runs it to its end.
func serve(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	set, err := parseFlags(args, stderr)
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
	st, closeStore, err := set.store.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()

	out := newJournal(stdout, set.key())
	keeper, err := lease.NewKeeper(st, lease.Config{
		TTL: set.ttl, Heartbeat: set.heartbeat,
		OnRenew: out.heartbeat, OnLoss: out.lost,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, keeper.Close(ctx)) }()

	hints := log.New(stderr, "exchange: ", 0)
	p := &program{settings: set, feed: trades, keeper: keeper, journal: out, hints: hints}
	return p.run(ctx, listen(ctx, stdin, hints))
}
