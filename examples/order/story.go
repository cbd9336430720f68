package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// runStory runs commands on three orders, each as a process.
func runStory(ctx context.Context, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "order")
	if err != nil {
		return fileError{err}
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	self, err := os.Executable()
	if err != nil {
		return err
	}

	// run runs commands on an order. A refusal is part of the story.
	run := func(title, file string, commands ...string) error {
		fmt.Fprintf(out, "# %s\n", title)
		for _, command := range commands {
			fmt.Fprintf(out, "$ order %s\n", command)
			cmd := exec.CommandContext(ctx, self, "-file", file, command)
			cmd.Stdout, cmd.Stderr = out, out
			err := cmd.Run()
			var failed *exec.ExitError
			if err != nil && (!errors.As(err, &failed) || failed.ExitCode() != exitRefused) {
				return fmt.Errorf("order %s: %w", command, err)
			}
		}
		return nil
	}

	one, two, three := filepath.Join(dir, "1"), filepath.Join(dir, "2"), filepath.Join(dir, "3")
	return errors.Join(
		run("an order that is shipped", one, "place", "ship", "pay", "pack", "box", "show", "label", "ship", "cancel"),
		run("an order that is cancelled at the packing table", two, "place", "pay", "pack", "cancel"),
		run("an order that is not paid", three, "place"),
		advance(three, time.Hour),
		run("an hour later: the story moves the deadline in the file", three, "pay", "show"),
	)
}

// advance moves the deadlines of an order back by d, as if d had passed.
func advance(path string, d time.Duration) error {
	next, err := createNext(path)
	if err != nil {
		return err
	}
	s, err := readOrder(path)
	if err != nil {
		return errors.Join(err, next.discard())
	}
	for i := range s.Timeouts {
		s.Timeouts[i].Due = s.Timeouts[i].Due.Add(-d)
	}
	return next.commit(s)
}
