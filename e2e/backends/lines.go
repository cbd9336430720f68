package backends

import (
	"context"
	"net"
	"sync"
)

// lines are the connections of the stores of a place.
type lines struct {
	mu   sync.Mutex
	open []*net.TCPConn // some may be closed
}

// Cut cuts every connection that the stores have. They can connect again at once.
func (l *lines) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.open {
		conn.CloseRead() // both fail only if it is closed
		conn.CloseWrite()
	}
	l.open = nil
}

// dial is the dialer of the stores' clients. Its connections end as if the server had
// closed them: the client still has to close them.
func (l *lines) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = append(l.open, conn.(*net.TCPConn))
	return conn, nil
}
