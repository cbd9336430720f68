// Package child runs servers as child processes on the loopback interface: it finds
// them free ports, waits until they serve, pauses and ends them, and joins all that
// it starts. On Linux a child also ends with its parent, however that ends.
package child

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Process is a child that was started.
type Process struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{} // closed by the goroutine that waits for the child
}

// Start starts a command with both streams to the file log, which it empties.
func Start(log string, command ...string) (*Process, error) {
	output, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer output.Close()
	p, err := StartOn(output, output, command...)
	if err != nil {
		return nil, err
	}
	p.log = log
	return p, nil
}

// StartOn starts a command with its streams to files that are open. Such a child cannot be awaited.
func StartOn(stdout, stderr *os.File, command ...string) (*Process, error) {
	p := &Process{cmd: exec.Command(command[0], command[1:]...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = stdout, stderr
	dieWithParent(p.cmd)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.ended)
		p.cmd.Wait() // how it ended is in the process state
	}()
	return p, nil
}

// Await waits until serves is true of all that the child has said so far. It fails
// if the child ends before, or after the limit; it has ended then.
func (p *Process) Await(limit time.Duration, serves func(said []byte) bool) error {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		ended := p.hasEnded()
		said, _ := os.ReadFile(p.log)
		if ended {
			return fmt.Errorf("%s ended at once: %s", p.name(), lastLine(said))
		}
		if serves(said) {
			return nil
		}
	}
	p.Kill()
	return fmt.Errorf("%s does not serve after %v", p.name(), limit)
}

func (p *Process) name() string { return filepath.Base(p.cmd.Path) }

func (p *Process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// Kill ends the child, also a paused one, and waits until it has.
func (p *Process) Kill() {
	p.cmd.Process.Kill() // fails only if it has ended
	<-p.ended
}

// Stop asks the child to end, and kills it if it has not after a while.
func (p *Process) Stop(within time.Duration) {
	p.cmd.Process.Signal(syscall.SIGTERM) // fails only if it has ended
	select {
	case <-p.ended:
	case <-time.After(within):
		p.Kill()
	}
}

// ID returns the id of the process.
func (p *Process) ID() int { return p.cmd.Process.Pid }

// ExitCode waits until the child has ended, and returns its exit code, or -1 if a signal ended it.
func (p *Process) ExitCode() int {
	<-p.ended
	return p.cmd.ProcessState.ExitCode()
}

// Pause stops the child where it stands, and returns once it stands still: its
// connections stay open and nothing answers.
func (p *Process) Pause() error {
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	awaitStop(p.cmd.Process.Pid)
	return nil
}

// Resume lets a paused child go on.
func (p *Process) Resume() error { return p.cmd.Process.Signal(syscall.SIGCONT) }

func lastLine(output []byte) []byte {
	lines := bytes.Split(bytes.TrimSpace(output), []byte("\n"))
	return lines[len(lines)-1]
}
