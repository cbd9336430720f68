// Command connection is a client that keeps its connection to a server which comes and
// goes. The server is its own, on the loopback interface: it is up for a while, then
// down, then mute, and so on. Each step of the connection is a line on standard output.
//
//	go run ./examples/connection
//
// ends by itself after a few seconds. Exit codes: 0 an orderly end; 1 the server cannot
// be brought up; 2 bad flags.
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
	err := demonstrate(ctx, args, stdout, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if err != nil {
		fmt.Fprintln(stderr, "connection:", err)
	}
	return exitCode(err)
}

// demonstrate builds the program from its flags and runs it to its end.
func demonstrate(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	set, err := parseFlags(args, stderr)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, set.runFor)
	defer cancel()
	p := &program{journal: newJournal(stdout)}
	return p.run(ctx, newBackoff(set.first, set.most))
}
