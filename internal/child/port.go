package child

import "net"

// tries is how often a server is started on other ports before it is given up: a
// stranger can take a port that was free, and a Redis Cluster wants one that has
// another 10,000 above it.
const tries = 10

// OnFreePorts calls start with as many ports of the loopback interface, e.g.
// "40123", that nobody listened on a moment ago; while it fails, with others.
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

// freePorts listens on all of them at once, so that they differ.
func freePorts(count int) ([]string, error) {
	var ports []string
	for range count {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		_, port, _ := net.SplitHostPort(l.Addr().String())
		ports = append(ports, port)
	}
	return ports, nil
}
