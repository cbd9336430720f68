package redistest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/leasehold-go/leasehold/internal/child"
)

// startLimit is how long a server may take until it answers.
const startLimit = time.Minute

// ErrMissing names the package to install. It is not retried.
var ErrMissing = errors.New("redis-server not found: install the Debian package redis-server")

// Variable names the server's program in the environment, e.g. a valkey-server. If it is
// empty, tests run the redis-server in PATH.
const Variable = "LEASEHOLD_REDIS"

// program returns the program of the server.
func program() (string, error) {
	if name := os.Getenv(Variable); name != "" {
		if _, err := exec.LookPath(name); err != nil {
			return "", fmt.Errorf("%s: %w", Variable, err)
		}
		return name, nil
	}
	if _, err := exec.LookPath("redis-server"); err != nil {
		return "", ErrMissing
	}
	return "redis-server", nil
}

// Instance is a redis-server process on the loopback interface. It keeps nothing on
// disk unless its arguments say otherwise.
type Instance struct {
	program string
	dir     string
	port    string
	args    []string
	process *child.Process // nil while stopped
}

// Run starts a server that keeps its files in dir, with further arguments, e.g.
// "--appendonly", "yes", and returns once it answers. It runs until Stop, for a
// program that is not a test.
func Run(dir string, args ...string) (*Instance, error) {
	name, err := program()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	i := &Instance{program: name, dir: dir, args: args}
	if err := child.OnFreePorts(1, func(ports []string) error {
		i.port = ports[0]
		return i.start()
	}); err != nil {
		return nil, err
	}
	return i, nil
}

// Addr returns the server's address, e.g. "127.0.0.1:40123".
func (i *Instance) Addr() string { return net.JoinHostPort("127.0.0.1", i.port) }

// URL returns the address as redis.ParseURL takes it.
func (i *Instance) URL() string { return "redis://" + i.Addr() }

// Stop kills the server. Data that it had not written to disk is lost. A server that does not
// run is left alone.
func (i *Instance) Stop() {
	if i.process != nil {
		i.process.Kill()
		i.process = nil
	}
}

// start starts the process, with more arguments than its own, and waits until it
// answers.
func (i *Instance) start(more ...string) error {
	command := append([]string{
		i.program, "--bind", "127.0.0.1", "--port", i.port, "--dir", i.dir, "--save", "", "--appendonly", "no",
	}, i.args...)
	p, err := child.Start(filepath.Join(i.dir, "redis.log"), append(command, more...)...)
	if err != nil {
		return err
	}
	if err := p.Await(startLimit, i.answers); err != nil {
		return err
	}
	i.process = p
	return nil
}

// answers reports whether the server takes commands. Its own words come first: a
// stranger may have got the port.
func (i *Instance) answers(said []byte) bool {
	if !bytes.Contains(said, []byte("Ready to accept connections")) {
		return false
	}
	_, err := i.say("PING")
	return err == nil
}

// say sends a command without arguments and returns the first line of the answer.
func (i *Instance) say(command string) (string, error) {
	conn, err := net.DialTimeout("tcp", i.Addr(), time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(startLimit))
	if _, err := fmt.Fprintf(conn, "%s\r\n", command); err != nil {
		return "", err
	}
	return bufio.NewReader(conn).ReadString('\n')
}

// clear removes the files of a stopped server; a node of a Cluster keeps its file about the
// others.
func (i *Instance) clear() error {
	var errs []error
	for _, name := range []string{"dump.rdb", "appendonlydir"} {
		errs = append(errs, os.RemoveAll(filepath.Join(i.dir, name)))
	}
	return errors.Join(errs...)
}
