package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/fsm/fsmdraw"
)

// place writes a new order. It fails if the file exists.
func place(ctx context.Context, path string, out io.Writer) error {
	next, err := createNext(path)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fileError{cmp.Or(err, fmt.Errorf("%s exists already", path))}, next.discard())
	}
	m := fsm.New(lifecycle, fsm.WithData(stdout, out))
	if err := errors.Join(show(ctx, m, out), m.Close(context.WithoutCancel(ctx))); err != nil {
		return errors.Join(err, next.discard())
	}
	return next.commit(m.Snapshot())
}

// resume restores the order, runs a command other than place, and stores the order. If the
// order has not changed, it does not write the file.
func resume(ctx context.Context, path string, out io.Writer, command string) error {
	next, err := createNext(path)
	if err != nil {
		return err
	}
	before, err := readOrder(path)
	if err != nil {
		return errors.Join(err, next.discard())
	}
	m, err := fsm.Restore(lifecycle, before, fsm.WithData(stdout, out))
	if err != nil {
		return errors.Join(fileError{fmt.Errorf("%s: %w", path, err)}, next.discard())
	}

	switch command {
	case "show":
		err = show(ctx, m, out)
	case "draw":
		// A snapshot does not fire timeouts that are overdue; PermittedEvents does.
		if _, err = m.PermittedEvents(ctx); err == nil {
			s := m.Snapshot()
			_, err = fmt.Fprint(out, fsmdraw.Mermaid(lifecycle, fsmdraw.Current(s.State), fsmdraw.Taken(s.History)))
		}
	default:
		signals := lifecycle.Signals()
		i := slices.IndexFunc(signals, func(s fsm.Signal) bool { return s.Name() == command })
		err = m.Fire(ctx, signals[i])
	}

	err = errors.Join(err, m.Close(context.WithoutCancel(ctx)))
	after := m.Snapshot()
	if after.Number == before.Number {
		return errors.Join(err, next.discard())
	}
	return errors.Join(err, next.commit(after))
}

// show prints the state of the order, its parents, and the events that are possible.
func show(ctx context.Context, m *fsm.Machine[State], out io.Writer) error {
	events, err := m.PermittedEvents(ctx)
	if err != nil {
		return err
	}
	where := fmt.Sprint(m.State())
	for s, ok := lifecycle.Parent(m.State()); ok; s, ok = lifecycle.Parent(s) {
		where += fmt.Sprintf(", in %s", s)
	}
	_, err = fmt.Fprintf(out, "%s; possible: %s\n", where, cmp.Or(strings.Join(events, ", "), "nothing"))
	return err
}
