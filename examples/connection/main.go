// Command connection is a client that reconnects to a server. The server is part of the
// program, on the loopback interface: it is up for a while, then down, then silent, and so
// on. Each step of the connection is a line on standard output.
//
//	go run ./examples/connection
//
// ends after a few seconds. Exit codes: 0 orderly end; 1 the server cannot be started; 2 bad
// flags.
package main

import (
	"context"

	"github.com/leasehold-go/leasehold/examples/internal/program"
)

var example = program.Command{Name: "connection", Run: run}

func main() { example.Main() }

// run runs the demonstration for the time of -for, or until ctx ends.
func run(ctx context.Context, args []string, std program.Streams) error {
	set, err := parseFlags(args, std.Err)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, set.runFor)
	defer cancel()
	return demonstrate(ctx, newBackoff(set.first, set.most), std.Out)
}
