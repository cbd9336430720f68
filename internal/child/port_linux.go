package child

import (
	"net"
	"sync"
)

// reserved has the socket of each reserved port: the garbage collector would close it.
var reserved sync.Map

// reserve reports whether no process has reserved the port, and reserves it until this
// process ends. A name of an abstract Unix socket is free again then.
func reserve(port string) bool {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: "@leasehold-test-port-" + port, Net: "unix"})
	if err == nil {
		reserved.Store(port, l)
	}
	return err == nil
}
