package main

import (
	"flag"
	"io"
	"time"

	"github.com/leasehold-go/leasehold/examples/internal/program"
)

const usage = `usage: go run ./examples/connection [flags]

A client that reconnects to a server, which goes down and comes up.

`

// settings are the checked values of the flags.
type settings struct {
	runFor      time.Duration
	first, most time.Duration
}

// parseFlags parses and checks the flags. Its errors name the flag.
func parseFlags(args []string, stderr io.Writer) (settings, error) {
	var s settings
	fs := flag.NewFlagSet("connection", flag.ContinueOnError)
	fs.DurationVar(&s.runFor, "for", 5*time.Second, "stop after this time")
	fs.DurationVar(&s.first, "first", 100*time.Millisecond, "the wait after the first failed attempt; it doubles with each further one")
	fs.DurationVar(&s.most, "most", 2*time.Second, "the longest wait between attempts")
	if err := program.ParseFlags(fs, usage, args, stderr); err != nil {
		return s, err
	}
	switch {
	case s.runFor <= 0:
		return s, program.UsageErrorf("-for %v: must be positive", s.runFor)
	case s.first < time.Millisecond:
		return s, program.UsageErrorf("-first %v: must be at least 1ms", s.first)
	case s.most < s.first:
		return s, program.UsageErrorf("-most %v: must be at least -first %v", s.most, s.first)
	}
	return s, nil
}
