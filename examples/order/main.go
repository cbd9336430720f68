// Command order is an order that lives in a file. Each command is a process of its own:
// it takes the order up where the last one left it, lets one thing happen, and puts it
// back.
//
//	go run ./examples/order place
//	go run ./examples/order pay
//	go run ./examples/order show
//
// Without a command it tells a story of three orders, in a directory of its own. Who has
// not paid within 15 minutes finds the order cancelled, whether or not a process was
// running then.
//
// Exit codes: 0 done; 1 refused; 2 bad flags or command; 3 the file is no order, or
// cannot be read or written.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program without its process.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := serve(ctx, args, stdout, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if err != nil {
		fmt.Fprintln(stderr, "order:", err)
	}
	return exitCode(err)
}

// serve builds the program from its flags and runs its command.
func serve(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	set, err := parseFlags(args, stderr)
	if err != nil {
		return err
	}
	p, err := newProgram(set, stdout)
	if err != nil {
		return err
	}
	return p.run(ctx)
}
