package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// story tells of three orders. Each command is a process of its own.
func (p *program) story(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "order")
	if err != nil {
		return fileError{err}
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	one, two, three := filepath.Join(dir, "1"), filepath.Join(dir, "2"), filepath.Join(dir, "3")
	return errors.Join(
		p.tellOf(ctx, "an order that is shipped", one, "place", "ship", "pay", "pack", "box", "show", "label", "ship", "cancel"),
		p.tellOf(ctx, "one that is cancelled at the packing table", two, "place", "pay", "pack", "cancel"),
		p.tellOf(ctx, "one that nobody pays", three, "place"),
		age(three, time.Hour),
		p.tellOf(ctx, "an hour later, for which the story moves the deadline in the file", three, "pay", "show"),
	)
}

// tellOf runs commands on an order. One that is refused is part of the story.
func (p *program) tellOf(ctx context.Context, title, file string, commands ...string) error {
	fmt.Fprintf(p.out, "# %s\n", title)
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for _, command := range commands {
		fmt.Fprintf(p.out, "$ order %s\n", command)
		cmd := exec.CommandContext(ctx, self, "-file", file, command)
		cmd.Stdout, cmd.Stderr = p.out, p.out
		err := cmd.Run()
		var failed *exec.ExitError
		if err != nil && (!errors.As(err, &failed) || failed.ExitCode() != exitRefused) {
			return fmt.Errorf("order %s: %w", command, err)
		}
	}
	return nil
}

// age makes the deadlines of an order so much earlier, which is as good as waiting.
func age(path string, by time.Duration) error {
	next, err := succeed(path)
	if err != nil {
		return err
	}
	s, err := readOrder(path)
	if err != nil {
		return errors.Join(err, next.drop())
	}
	for i := range s.Timeouts {
		s.Timeouts[i].Due = s.Timeouts[i].Due.Add(-by)
	}
	return next.commit(s)
}
