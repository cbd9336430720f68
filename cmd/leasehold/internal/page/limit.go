package page

import (
	"fmt"
	"net"
	"net/http"
	"sync"
)

// limiter counts open streams or connections, in all and for each address.
type limiter struct {
	most, mostOfOne int

	mu   sync.Mutex
	all  int
	each map[string]int
}

func newLimiter(most, mostOfOne int) *limiter {
	return &limiter{most: most, mostOfOne: mostOfOne, each: make(map[string]int)}
}

// add counts one for an address, unless that is too many. remove, called once, takes it back.
func (l *limiter) add(address string) (remove func(), all, ofOne bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if all, ofOne = l.all >= l.most, l.each[address] >= l.mostOfOne; all || ofOne {
		return nil, all, ofOne
	}
	l.all++
	l.each[address]++
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.all--
		if l.each[address]--; l.each[address] == 0 {
			delete(l.each, address)
		}
	}), false, false
}

// enter counts a request. It fails with a *problem.
func (l *limiter) enter(r *http.Request) (leave func(), err error) {
	leave, all, ofOne := l.add(address(r.RemoteAddr))
	switch {
	case all:
		return nil, &problem{http.StatusServiceUnavailable, fmt.Sprintf("%d pages are open already", l.most), "close others, or wait"}
	case ofOne:
		return nil, &problem{http.StatusTooManyRequests, fmt.Sprintf("%d pages are open from this address already", l.mostOfOne), "close others, or wait"}
	}
	return leave, nil
}

// limitedListener closes connections beyond a limit at once.
type limitedListener struct {
	net.Listener
	limit *limiter
}

func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if remove, _, _ := l.limit.add(address(c.RemoteAddr().String())); remove != nil {
			return &limitedConn{c, remove}, nil
		}
		_ = c.Close()
	}
}

type limitedConn struct {
	net.Conn
	remove func()
}

func (c *limitedConn) Close() error {
	c.remove()
	return c.Conn.Close()
}
