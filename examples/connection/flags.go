package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"time"
)

const usage = `usage: go run ./examples/connection [flags]

A connection to a server that comes and goes.

`

// settings are the flags, checked.
type settings struct {
	runFor      time.Duration
	first, most time.Duration
}

// parseFlags reads the flags. A complaint names the flag; help goes to stderr.
func parseFlags(args []string, stderr io.Writer) (settings, error) {
	var s settings
	fs := flag.NewFlagSet("connection", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	fs.DurationVar(&s.runFor, "for", 5*time.Second, "stop after this time")
	fs.DurationVar(&s.first, "first", 100*time.Millisecond, "the first wait before another attempt; each is twice the one before")
	fs.DurationVar(&s.most, "most", 2*time.Second, "the longest wait before another attempt")
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stderr, usage)
		fs.SetOutput(stderr)
		fs.PrintDefaults()
		return s, err
	case err != nil:
		return s, usageError{err}
	case fs.NArg() > 0:
		return s, usageError{fmt.Errorf("unexpected argument %q after the flags", fs.Arg(0))}
	}
	return s, s.check()
}

// check refuses values that cannot work.
func (s settings) check() error {
	switch {
	case s.runFor <= 0:
		return usageError{fmt.Errorf("-for %v: must be positive", s.runFor)}
	case s.first < time.Millisecond:
		return usageError{fmt.Errorf("-first %v: must be at least 1ms", s.first)}
	case s.most < s.first:
		return usageError{fmt.Errorf("-most %v: must be at least -first %v", s.most, s.first)}
	}
	return nil
}
