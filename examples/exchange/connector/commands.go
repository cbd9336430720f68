package connector

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

// commandLimit is the longest time that a command may take. Later commands wait meanwhile.
const commandLimit = 2 * time.Second

// maxCommand is the length of the longest command in bytes. A longer text would not fit into
// a value.
const maxCommand = store.MaxValue

var errNothingClaimed = errors.New("nothing is claimed: start first")

// readLines sends the lines of r until r or ctx ends. A read of standard input cannot be
// interrupted: the goroutine that waits in it ends with the process.
func readLines(ctx context.Context, r io.Reader, stderr *log.Logger) <-chan string {
	lines := make(chan string) // never closed: the program continues after the end of its input
	go func() {
		input := bufio.NewReader(r)
		for {
			line, err := nextLine(input)
			if line == "" && err != nil {
				if err != io.EOF && ctx.Err() == nil {
					stderr.Printf("no more commands: %v", err)
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

// nextLine reads a line and returns it without its end. Of a line longer than maxCommand it
// returns the first maxCommand+1 bytes.
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

// execute executes a command. It writes the error of the command, and returns an error that
// ends the program.
func (c *console) execute(ctx context.Context, quit func(), line string) error {
	if err := c.settle(); err != nil {
		return err
	}
	if len(line) > maxCommand {
		c.failed(fmt.Errorf("a command of more than %d bytes is not read", maxCommand))
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	word, argument, _ := strings.Cut(strings.TrimSpace(line), " ")
	argument = strings.TrimSpace(argument)
	switch word {
	case "":
	case "start":
		switch {
		case c.connector == nil:
			c.byCommand = true
			c.start(ctx)
		case c.held() == nil:
			c.failed(errors.New("waiting for the key already"))
		default: // an operator may have moved the instance back to idle
			c.to(ctx, Starting)
		}
	case "stop":
		if c.connector == nil {
			c.failed(errNothingClaimed)
		}
		return c.stop()
	case "status":
		c.status(limited)
	case "to":
		c.to(limited, State(argument))
	case "error":
		c.failed(c.publishError(limited, argument))
	case "symbols":
		c.failed(c.publishSymbols(limited, argument))
	case "quit":
		quit()
	default:
		c.failed(fmt.Errorf("unknown command %q; commands: %s", word, commands))
	}
	return nil
}

// failed writes the error of a command, if it is not nil: to standard error for an operator,
// and to standard output for a program that sends commands.
func (c *console) failed(err error) {
	if err != nil {
		c.out.failed(c.token(), err)
		c.stderr.Print(err)
	}
}

// status writes the record that the store has under the key, also if it is foreign.
func (c *console) status(ctx context.Context) {
	r, err := c.keeper.Store().Get(ctx, c.settings.key())
	switch {
	case errors.Is(err, store.ErrNotFound):
		c.out.noRecord()
	case err != nil:
		c.failed(err)
	default:
		c.out.status(r)
	}
}

// to makes a transition, as a request of an operator in another process does.
func (c *console) to(ctx context.Context, state State) {
	if state == "" {
		c.failed(errors.New("to needs a state: to STATE"))
		return
	}
	i := c.held()
	if i == nil {
		c.out.rejected(0, &fsm.TransitionError[State]{From: Idle, To: state, Err: errNothingClaimed})
		return
	}
	err := i.Transition(ctx, state)
	refused := new(fsm.TransitionError[State])
	switch {
	case errors.Is(err, fsm.ErrInvalidTransition) && errors.As(err, &refused):
		c.out.rejected(i.Lease().Token(), refused)
	case err != nil:
		c.failed(err)
	}
}

// publishError makes a text the last error of the record.
func (c *console) publishError(ctx context.Context, text string) error {
	i := c.held()
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
	c.out.failed(c.token(), err, "published", true)
	return nil
}

// publishSymbols sets the symbolCount of the record.
func (c *console) publishSymbols(ctx context.Context, text string) error {
	n, err := strconv.Atoi(text)
	i := c.held()
	switch {
	case err != nil || n < 0:
		return fmt.Errorf("symbols needs a number, not %q: symbols N", text)
	case i == nil:
		return errNothingClaimed
	}
	if err := i.Update(ctx, func(r *Record) { r.SymbolCount = n }); err != nil {
		return err
	}
	c.stderr.Printf("symbolCount is %d now", n)
	return nil
}
