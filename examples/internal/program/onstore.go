package program

import (
	"context"
	"errors"
	"flag"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// Body is the code of an example on an opened store. It returns soon after ctx has ended.
type Body func(ctx context.Context, st store.Store, std Streams) error

// OnStore returns a program that opens the store of its flag -store, runs a body until the time of
// its flag -for has passed, and closes the store. It fails if the store cannot be opened, unless it is told
// to end meanwhile. define adds further flags, and returns the body,
// which reads them. An error [store.ErrInvalid] has the exit code [ExitUsage].
func OnStore(name, usage string, stores Stores, define func(*flag.FlagSet) Body) Command {
	run := func(ctx context.Context, args []string, std Streams) (err error) {
		flags := flag.NewFlagSet(name, flag.ContinueOnError)
		chosen := StoreFlag(flags, stores)
		limit := flags.Duration("for", 0, "stop after this time (default no limit)")
		body := define(flags)
		if err := ParseFlags(flags, usage, args, std.Err); err != nil {
			return err
		}
		target, err := chosen()
		if err != nil {
			return err
		}
		told := ctx // ends if the program is told to end
		if *limit > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, *limit)
			defer cancel()
		}
		st, closeStore, err := target.Open(ctx)
		switch {
		case err != nil && told.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		defer func() { err = errors.Join(err, closeStore()) }()
		return body(ctx, st, std)
	}
	failure := func(err error) int {
		if errors.Is(err, store.ErrInvalid) {
			return ExitUsage
		}
		return ExitFailure
	}
	return Command{Name: name, Run: run, Failure: failure}
}

// Pause waits for a time, or less if ctx ends meanwhile.
func Pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
