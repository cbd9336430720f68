package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

const usage = `usage: go run ./examples/order [-file FILE] [COMMAND]

An order, from the moment when it is placed. Without a command, a story of three.
Commands: %s

`

// settings are the flags and the command, checked.
type settings struct {
	file    string
	command string // empty for the story
}

// commands are what may be done to an order: what the program does, and every event.
func commands() []string {
	all := []string{"place", "show", "draw"}
	for _, s := range lifecycle.Signals() {
		all = append(all, s.Name())
	}
	return all
}

// parseFlags reads the flags and the command. A complaint names what is wrong; help
// goes to stderr.
func parseFlags(args []string, stderr io.Writer) (settings, error) {
	var s settings
	fs := flag.NewFlagSet("order", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	fs.StringVar(&s.file, "file", "order.json", "`file` in which the order is")
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(stderr, usage, strings.Join(commands(), ", "))
		fs.SetOutput(stderr)
		fs.PrintDefaults()
		return s, err
	case err != nil:
		return s, usageError{err}
	case fs.NArg() > 1:
		return s, usageError{fmt.Errorf("unexpected argument %q after the command", fs.Arg(1))}
	}
	if s.command = fs.Arg(0); s.command == "" && fs.NArg() == 0 {
		return s, nil
	}
	if !slices.Contains(commands(), s.command) {
		return s, usageError{fmt.Errorf("unknown command %q; commands: %s", s.command, strings.Join(commands(), ", "))}
	}
	return s, nil
}
