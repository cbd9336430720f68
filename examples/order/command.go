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

// program is one command on one order.
type program struct {
	settings
	def *fsm.Definition[State] // with what is printed of each step
	out io.Writer
}

type machine = fsm.Machine[State]

func newProgram(set settings, out io.Writer) (*program, error) {
	p := &program{settings: set, out: out}
	def, err := lifecycle.With(fsm.After(p.tell))
	p.def = def
	return p, err
}

func (p *program) run(ctx context.Context) error {
	switch p.command {
	case "":
		return p.story(ctx)
	case "place":
		return p.place(ctx)
	case "show":
		return p.resume(ctx, p.show)
	case "draw":
		return p.resume(ctx, p.draw)
	}
	return p.resume(ctx, p.fire)
}

// place writes a new order, where there is none yet.
func (p *program) place(ctx context.Context) error {
	next, err := succeed(p.file)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(p.file); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fileError{cmp.Or(err, fmt.Errorf("%s exists already", p.file))}, next.drop())
	}
	m := fsm.New(p.def)
	if err := errors.Join(p.show(ctx, m), m.Close(context.WithoutCancel(ctx))); err != nil {
		return errors.Join(err, next.drop())
	}
	return next.commit(m.Snapshot())
}

// resume takes the order up where the last process left it, and lets something happen.
// If that moved it, the file says so before the process ends; if not, it stays as it
// is, to the byte.
func (p *program) resume(ctx context.Context, happen func(context.Context, *machine) error) error {
	next, err := succeed(p.file)
	if err != nil {
		return err
	}
	before, err := readOrder(p.file)
	if err != nil {
		return errors.Join(err, next.drop())
	}
	m, err := fsm.Restore(p.def, before)
	if err != nil {
		return errors.Join(fileError{fmt.Errorf("%s: %w", p.file, err)}, next.drop())
	}
	err = happen(ctx, m)
	err = errors.Join(err, m.Close(context.WithoutCancel(ctx)))
	after := m.Snapshot()
	if after.Number == before.Number {
		return errors.Join(err, next.drop())
	}
	return errors.Join(err, next.commit(after))
}

// fire lets the event happen that the command is named for.
func (p *program) fire(ctx context.Context, m *machine) error {
	signals := p.def.Signals()
	i := slices.IndexFunc(signals, func(s fsm.Signal) bool { return s.Name() == p.command })
	return m.Fire(ctx, signals[i])
}

// show says where the order is, and what may happen to it.
func (p *program) show(ctx context.Context, m *machine) error {
	events, err := m.PermittedEvents(ctx)
	if err != nil {
		return err
	}
	where := fmt.Sprint(m.State())
	for s, ok := p.def.Parent(m.State()); ok; s, ok = p.def.Parent(s) {
		where += fmt.Sprintf(", in %s", s)
	}
	_, err = fmt.Fprintf(p.out, "%s; possible: %s\n", where, cmp.Or(strings.Join(events, ", "), "nothing"))
	return err
}

// draw draws the order's life, with where it is and how it came there. A snapshot by
// itself waits for nothing; asked for its events, the machine does what is overdue first.
func (p *program) draw(ctx context.Context, m *machine) error {
	if _, err := m.PermittedEvents(ctx); err != nil {
		return err
	}
	s := m.Snapshot()
	_, err := fmt.Fprint(p.out, fsmdraw.Mermaid(p.def, fsmdraw.Current(s.State), fsmdraw.Taken(s.History)))
	return err
}

func (p *program) tell(_ context.Context, t fsm.Transition[State]) error {
	_, err := fmt.Fprintf(p.out, "%s -> %s: %s\n", t.From, t.To, cmp.Or(t.Event, t.Cause))
	return err
}
