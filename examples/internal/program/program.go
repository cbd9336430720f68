// Package program has the code that the example programs share around their own: signals,
// flag errors, help, and exit codes.
package program

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

// The exit codes of every example. Codes from 3 are an example's own.
const (
	ExitOK      = 0
	ExitFailure = 1
	ExitUsage   = 2
)

// Streams are the standard streams of a process. In may be nil for a command that reads none.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Command is an example program.
type Command struct {
	Name string // the prefix of its errors

	// Run parses args, without the name of the program, and returns when all is done and
	// closed, or soon after ctx has ended.
	Run func(ctx context.Context, args []string, std Streams) error

	// Failure returns the exit code for an error of Run that is neither a [UsageError] nor
	// [flag.ErrHelp]. If it is nil, the code is ExitFailure.
	Failure func(error) int
}

// Main runs the command as a process, and ends the process. SIGINT and SIGTERM end the context
// of the command. Further signals are ignored, so that they do not interrupt its cleanup:
// timeout(1), for one, sends its signal twice.
func (c Command) Main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(c.Execute(ctx, os.Args[1:], Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}

// Execute runs the command within a process, writes its error to std.Err, and returns the exit
// code.
func (c Command) Execute(ctx context.Context, args []string, std Streams) int {
	err := c.Run(ctx, args, std)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(std.Err, "%s: %v\n", c.Name, err)
	}
	return c.ExitCode(err)
}

// ExitCode returns the exit code for err, the result of Run.
func (c Command) ExitCode(err error) int {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return ExitOK
	case errors.As(err, new(UsageError)):
		return ExitUsage
	case c.Failure == nil:
		return ExitFailure
	}
	return c.Failure(err)
}

// UsageError is an error in the arguments of a command, or in a file that they name.
type UsageError struct{ Err error }

// UsageErrorf returns a UsageError with a text in the format of [fmt.Errorf].
func UsageErrorf(format string, args ...any) error { return UsageError{fmt.Errorf(format, args...)} }

func (e UsageError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e UsageError) Unwrap() error { return e.Err }

// ParseFlags parses args with flags, which has to be made with [flag.ContinueOnError]. After the
// flags it accepts one argument for each name in arguments, and leaves them in flags. Its error
// is a [UsageError] that names the flag or argument, or [flag.ErrHelp] after it has written usage
// and the flags to stderr.
func ParseFlags(flags *flag.FlagSet, usage string, args []string, stderr io.Writer, arguments ...string) error {
	flags.SetOutput(io.Discard) // Execute writes the error
	flags.Usage = func() {}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stderr, usage)
		flags.SetOutput(stderr)
		flags.PrintDefaults()
		return err
	case err != nil:
		return UsageError{err}
	}
	if n := len(arguments); flags.NArg() > n {
		last := append([]string{"flags"}, arguments...)[n]
		return UsageErrorf("unexpected argument %q after the %s", flags.Arg(n), last)
	}
	return nil
}
