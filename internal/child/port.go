package child

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

// tries is how often a server is started on other ports before it is given up: a
// stranger can take a port that was free.
const tries = 10

// The ports of servers. The ports that the system gives to connections, and to listeners that
// leave the choice to it, begin at 32768 on Linux: it would give the port of a stopped server
// to a stranger. A node of a Redis Cluster listens on a second port, 10,000 above its own.
const (
	lowestPort = 12_000
	ports      = 10_000
)

// OnFreePorts calls start with as many ports of the loopback interface, e.g.
// "14123", that nobody listens on; while it fails, with others. On Linux no other call, in
// whatever process, gets them before this process ends: a server keeps its port while it
// is stopped.
func OnFreePorts(count int, start func(ports []string) error) error {
	var err error
	for range tries {
		var ports []string
		if ports, err = freePorts(count); err != nil {
			return err
		}
		if err = start(ports); err == nil {
			return nil
		}
	}
	return err
}

func freePorts(count int) (free []string, err error) {
	for range ports {
		if len(free) == count {
			return free, nil
		}
		port := strconv.Itoa(lowestPort + rand.N(ports))
		if !reserve(port) {
			continue
		}
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			l.Close()
			free = append(free, port)
		}
	}
	return nil, errors.New("no port of the loopback interface is free")
}
