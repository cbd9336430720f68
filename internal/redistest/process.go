package redistest

import (
	"os"
	"os/exec"
)

// process is a child process.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed by the goroutine that waits for the child
}

// run starts a child that writes to the file log.
func run(log, path string, args []string) (*process, error) {
	output, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer output.Close()
	p := &process{cmd: exec.Command(path, args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = output, output
	dieWithParent(p.cmd)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.ended)
		p.cmd.Wait() // how it ended does not matter
	}()
	return p, nil
}

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// kill ends the child, also a paused one, and waits until it has.
func (p *process) kill() {
	p.cmd.Process.Kill() // fails only if it has ended
	<-p.ended
}
