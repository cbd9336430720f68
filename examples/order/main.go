// Command order is an order that is kept in a file. Each command is a process: it restores
// the order, fires one event, and stores the order.
//
//	go run ./examples/order place
//	go run ./examples/order pay
//	go run ./examples/order show
//
// Without a command it runs a story of three orders in a temporary directory. An order that
// is not paid within 15 minutes is cancelled by the next command, whether or not a process
// was running when the time was over.
//
// Exit codes: 0 done; 1 refused; 2 bad flags or command; 3 the file is not an order, or
// cannot be read or written.
package main

import (
	"context"
	"errors"

	"github.com/leasehold-go/leasehold/examples/internal/program"
)

const (
	exitRefused = program.ExitFailure // the state of the order does not permit the command
	exitFile    = 3                   // the file is not an order, or cannot be read or written
)

var example = program.Command{
	Name: "order",
	Run:  run,
	Failure: func(err error) int {
		if errors.As(err, new(fileError)) {
			return exitFile // also if the event was refused: what is in the file is uncertain
		}
		return exitRefused
	},
}

func main() { example.Main() }

func run(ctx context.Context, args []string, std program.Streams) error {
	set, err := parseFlags(args, std.Err)
	if err != nil {
		return err
	}
	switch set.command {
	case "":
		return runStory(ctx, std.Out)
	case "place":
		return place(ctx, set.file, std.Out)
	}
	return resume(ctx, set.file, std.Out, set.command)
}
