package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"strconv"
	"strings"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/store"
)

const commands = "start, stop, status, to STATE, error TEXT, symbols N, quit"

// commandLimit is how long a command waits for the store. The next one waits behind it.
const commandLimit = 2 * time.Second

// maxCommand is the longest command in bytes. A longer text could not be published.
const maxCommand = store.MaxValue

var errNothingClaimed = errors.New("nothing is claimed: start first")

// listen passes on the lines of r, until r or ctx ends. A read of standard input
// cannot be interrupted: a goroutine that waits in one ends with the process.
func listen(ctx context.Context, r io.Reader, hints *log.Logger) <-chan string {
	lines := make(chan string) // never closed: the end of input ends nothing
	go func() {
		input := bufio.NewReader(r)
		for {
			line, err := nextLine(input)
			if line == "" && err != nil {
				if err != io.EOF && ctx.Err() == nil {
					hints.Printf("no more commands: %v", err)
				}
				return
			}
			select {
			case lines <- line:
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}

// nextLine reads a line and returns it without its end. One that is longer than a
// command can be is read to its end all the same; it is returned with as much of it
// as shows that.
func nextLine(r *bufio.Reader) (string, error) {
	var line []byte
	for {
		part, more, err := r.ReadLine()
		line = append(line, part[:min(len(part), maxCommand+1-len(line))]...)
		if err != nil || !more {
			return string(line), err
		}
	}
}

// obey does what a line says. What goes wrong with a command is answered; an error
// that it returns is one to end with.
func (p *program) obey(ctx context.Context, quit func(), line string) error {
	if err := p.settle(); err != nil {
		return err
	}
	if len(line) > maxCommand {
		p.answer(fmt.Errorf("a command of more than %d bytes is not read", maxCommand))
		return nil
	}
	soon, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	word, argument, _ := strings.Cut(strings.TrimSpace(line), " ")
	argument = strings.TrimSpace(argument)
	switch word {
	case "":
	case "start":
		return p.begin(ctx)
	case "stop":
		return p.end()
	case "status":
		p.status(soon)
	case "to":
		return p.to(soon, State(argument))
	case "error":
		p.answer(p.publishError(soon, argument))
	case "symbols":
		p.answer(p.publishSymbols(soon, argument))
	case "quit":
		quit()
	default:
		p.answer(fmt.Errorf("unknown command %q; commands: %s", word, commands))
	}
	return nil
}

// answer says what is wrong with a command, on both outputs: whoever typed it looks
// at one of them, and a program that did at the other.
func (p *program) answer(err error) {
	if err != nil {
		p.journal.failed(p.token(), err)
		p.hints.Print(err)
	}
}

// begin starts a new instance, or one that an operator has sent back to idle.
func (p *program) begin(ctx context.Context) error {
	switch {
	case p.connector == nil:
		p.typed = true
		p.start(ctx)
	case p.held() == nil:
		p.answer(errors.New("waiting for the key already"))
	default:
		return p.to(ctx, Starting)
	}
	return nil
}

// end stops what there is to stop.
func (p *program) end() error {
	if p.connector == nil {
		p.answer(errNothingClaimed)
	}
	return p.stop()
}

// status shows the record as it is in the store, whoever put it there.
func (p *program) status(ctx context.Context) {
	r, err := p.keeper.Store().Get(ctx, p.settings.key())
	switch {
	case errors.Is(err, store.ErrNotFound):
		p.journal.vacant()
	case err != nil:
		p.answer(err)
	default:
		p.journal.status(r)
	}
}

// to asks for a transition as is. One that is not in the table changes nothing. A
// connector that has been stopped by hand has nothing left to hold the key for.
func (p *program) to(ctx context.Context, state State) error {
	if state == "" {
		p.answer(errors.New("to needs a state: to STATE"))
		return nil
	}
	i := p.held()
	if i == nil {
		p.journal.rejected(0, &fsm.TransitionError[State]{From: Idle, To: state, Err: errNothingClaimed})
		return nil
	}
	err := i.Transition(ctx, state)
	refused := new(fsm.TransitionError[State])
	switch {
	case errors.Is(err, fsm.ErrInvalidTransition) && errors.As(err, &refused):
		p.journal.rejected(i.Lease().Token(), refused)
	case err != nil:
		p.answer(err)
	case state == Stopped:
		return p.stop()
	}
	return nil
}

func (p *program) publishError(ctx context.Context, text string) error {
	i := p.held()
	switch {
	case text == "":
		return errors.New("error needs a text: error TEXT")
	case i == nil:
		return errNothingClaimed
	}
	err := errors.New(text)
	if failed := i.RecordError(ctx, err); failed != nil {
		return failed
	}
	p.journal.failed(p.token(), err, "published", true)
	return nil
}

func (p *program) publishSymbols(ctx context.Context, text string) error {
	n, err := strconv.Atoi(text)
	i := p.held()
	switch {
	case err != nil || n < 0:
		return fmt.Errorf("symbols needs a number, not %q: symbols N", text)
	case i == nil:
		return errNothingClaimed
	}
	if err := i.Update(ctx, func(r *Record) { r.SymbolCount = n }); err != nil {
		return err
	}
	p.hints.Printf("symbolCount is %d now", n)
	return nil
}
