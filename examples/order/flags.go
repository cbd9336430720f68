package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/leasehold-go/leasehold/examples/internal/program"
)

const usage = `usage: go run ./examples/order [-file FILE] [COMMAND]

An order in a file. Without a command, a story of three orders.
Commands: %s

`

// settings are the checked flags and command.
type settings struct {
	file    string
	command string // empty for the story
}

// parseFlags parses and checks the flags and the command. Its errors name the flag or command.
func parseFlags(args []string, stderr io.Writer) (settings, error) {
	commands := []string{"place", "show", "draw"}
	for _, s := range lifecycle.Signals() {
		commands = append(commands, s.Name())
	}
	known := strings.Join(commands, ", ")

	var s settings
	fs := flag.NewFlagSet("order", flag.ContinueOnError)
	fs.StringVar(&s.file, "file", "order.json", "the order's `file`")
	if err := program.ParseFlags(fs, fmt.Sprintf(usage, known), args, stderr, "command"); err != nil {
		return s, err
	}
	s.command = fs.Arg(0)
	if fs.NArg() > 0 && !slices.Contains(commands, s.command) {
		return s, program.UsageErrorf("unknown command %q; commands: %s", s.command, known)
	}
	return s, nil
}
