package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
)

const (
	first = 100 * time.Millisecond
	most  = time.Second
)

// fakeServer is a server on pipes whose behaviour a test can change.
type fakeServer struct {
	mu     sync.Mutex
	dials  []time.Time
	handle func(net.Conn) // nil while the server is down
	conns  []net.Conn     // the server's ends
	wg     sync.WaitGroup // of the calls of handle
}

var errDown = errors.New("server is down")

func (s *fakeServer) dial(context.Context) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dials = append(s.dials, time.Now())
	if s.handle == nil {
		return nil, errDown
	}
	client, conn := net.Pipe()
	handle := s.handle
	s.conns = append(s.conns, conn)
	s.wg.Go(func() {
		defer conn.Close()
		handle(conn)
	})
	return client, nil
}

// set changes the behaviour for later dials; nil is a server that is down.
func (s *fakeServer) set(handle func(net.Conn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handle = handle
}

// hangUp closes all connections.
func (s *fakeServer) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.conns {
		conn.Close()
	}
}

// gaps returns the times between the dials so far.
func (s *fakeServer) gaps() (gaps []time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.dials[1:] {
		gaps = append(gaps, s.dials[i+1].Sub(s.dials[i]))
	}
	return gaps
}

// silent reads and sends nothing until the client closes the connection.
func silent(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// fixture is a client of a fake server, with the lines that the client has logged.
type fixture struct {
	*client
	t      *testing.T
	server *fakeServer
	mu     sync.Mutex
	logged []string
}

// newFixture makes a client that is closed with the test. By then no goroutine may be left.
func newFixture(t *testing.T, handle func(net.Conn)) *fixture {
	t.Helper()
	f := &fixture{t: t, server: &fakeServer{handle: handle}}
	f.client = newClient(f.server.dial, exact(first, most), func(format string, args ...any) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.logged = append(f.logged, fmt.Sprintf(format, args...))
	})
	t.Cleanup(func() {
		err := f.close(context.Background())
		if err != nil && !errors.Is(err, fsm.ErrClosed) {
			t.Error(err)
		}
		f.server.wg.Wait()
	})
	return f
}

// lines returns the lines that the client has logged.
func (f *fixture) lines() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.logged)
}

func (f *fixture) fire(s fsm.Signal) {
	f.t.Helper()
	if err := f.machine.Fire(f.t.Context(), s); err != nil {
		f.t.Fatal(err)
	}
}

// wantAt checks the state after d, once all goroutines are blocked.
func (f *fixture) wantAt(d time.Duration, want State) {
	f.t.Helper()
	time.Sleep(d)
	synctest.Wait()
	if got := f.machine.State(); got != want {
		f.t.Fatalf("in %s, want %s; logged %q", got, want, f.lines())
	}
}

func TestClientDoesNotDialBeforeConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, sendTicks)
		f.wantAt(time.Hour, Disconnected)
		if len(f.server.dials) > 0 {
			t.Errorf("dialled %v", f.server.dials)
		}
	})
}

func TestWaitDoublesAfterEachFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil)
		f.fire(Connect)
		time.Sleep(4 * time.Second)
		synctest.Wait()
		want := []time.Duration{first, 2 * first, 4 * first, 8 * first, most, most}
		if got := f.server.gaps(); !slices.Equal(got, want) {
			t.Errorf("dialled after %v, want %v", got, want)
		}
	})
}

func TestGreetingResetsTheBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil)
		f.fire(Connect)
		f.wantAt(5*first, Waiting) // 0, 100, 300, and next at 700 ms
		f.server.set(sendTicks)
		f.wantAt(2*first, Quiet)
		f.server.set(nil)
		f.server.hangUp()
		time.Sleep(first) // and another failed attempt
		synctest.Wait()
		want := []time.Duration{first, 2 * first, 4 * first, first}
		if got := f.server.gaps(); !slices.Equal(got, want) {
			t.Errorf("dialled after %v, want %v", got, want)
		}
	})
}

// A connection without a greeting counts as a failure, so the waits grow.
func TestSilentServerTimesOutWithGrowingWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hungUp := make(chan time.Duration, 99)
		began := time.Now()
		f := newFixture(t, func(conn net.Conn) {
			silent(conn)
			hungUp <- time.Since(began)
		})
		f.fire(Connect)
		f.wantAt(handshakeLimit-1, Handshaking)
		f.wantAt(1, Waiting)
		if after := <-hungUp; after != handshakeLimit {
			t.Errorf("hung up after %v", after)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		want := []time.Duration{handshakeLimit + first, handshakeLimit + 2*first, handshakeLimit + 4*first}
		if got := f.server.gaps(); !slices.Equal(got[:3], want) {
			t.Errorf("dialled after %v, want %v", got, want)
		}
		last := f.machine.History()[2]
		if last.Cause != "timeout after 300ms in handshaking" {
			t.Errorf("cause is %q", last.Cause)
		}
	})
}

func TestWrongGreetingClosesTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(conn net.Conn) {
			fmt.Fprintln(conn, "220 mail")
			silent(conn)
		})
		f.fire(Connect)
		f.wantAt(0, Waiting)
		if !slices.Contains(f.lines(), `lost: "220 mail" is not the greeting: EOF`) {
			t.Errorf("logged %q", f.lines())
		}
	})
}

func TestHangingDialTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil)
		gaveUp := make(chan time.Duration, 99)
		began := time.Now()
		f.dial = func(ctx context.Context) (net.Conn, error) {
			<-ctx.Done()
			gaveUp <- time.Since(began)
			return nil, ctx.Err()
		}
		f.fire(Connect)
		f.wantAt(dialLimit-1, Connecting)
		f.wantAt(1, Waiting)
		if after := <-gaveUp; after != dialLimit {
			t.Errorf("gave up after %v", after)
		}
		f.wantAt(first, Connecting)
	})
}

// The first connection is quiet until Subscribe. After that the client subscribes each
// connection as soon as the server has greeted.
func TestClientSubscribesAgainOnlyIfItWasSubscribed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		received := make(chan string, 99)
		f := newFixture(t, func(conn net.Conn) {
			fmt.Fprintln(conn, greeting)
			for lines := bufio.NewScanner(conn); lines.Scan(); {
				received <- lines.Text()
			}
		})
		f.fire(Connect)
		f.wantAt(0, Quiet)
		f.server.hangUp()
		f.wantAt(0, Waiting)
		f.wantAt(first, Quiet)
		if len(received) > 0 {
			t.Errorf("subscribed with %q before Subscribe", <-received)
		}
		f.fire(Subscribe)
		f.server.hangUp()
		f.wantAt(0, Waiting)
		f.wantAt(first, Subscribed)
		f.server.set(silent)
		f.server.hangUp()
		f.wantAt(first, Handshaking)
		f.server.set(sendTicks)
		f.wantAt(handshakeLimit+2*first, Subscribed) // also with a failure in between
		if len(received) != 2 || <-received != subscription || <-received != subscription {
			t.Error("want two subscriptions and no other line")
		}
		f.wantAt(tick, Subscribed)
		if !slices.Contains(f.lines(), "received tick 2") {
			t.Errorf("logged %q", f.lines())
		}
	})
}

// A server that does not read cannot block the client for longer than writeLimit.
func TestSubscriptionFailsAtTheWriteLimitAndIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(conn net.Conn) {
			fmt.Fprintln(conn, greeting)
			time.Sleep(time.Hour) // reads nothing
		})
		f.fire(Connect)
		f.wantAt(0, Quiet)
		began := time.Now()
		err := f.machine.Fire(t.Context(), Subscribe)
		var refused *fsm.TransitionError[State]
		if !errors.As(err, &refused) || !refused.Moved || time.Since(began) != writeLimit {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		f.server.hangUp()
		f.wantAt(0, Waiting)
		f.wantAt(first, Subscribed) // subscribes again
		f.wantAt(writeLimit, Waiting)
	})
}

// A late result of a stopped attempt must not count as a result of the next attempt.
func TestEventsOfAStoppedAttemptAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, sendTicks)
		release := make(chan struct{})
		dialled := make(chan net.Conn, 2)
		f.dial = func(ctx context.Context) (net.Conn, error) {
			conn, _ := f.server.dial(ctx)
			dialled <- conn
			if len(dialled) == 1 {
				<-release // even after ctx has ended
			} else {
				<-ctx.Done()
			}
			return conn, nil
		}
		f.fire(Connect)
		f.wantAt(dialLimit+first, Connecting)
		close(release)
		f.wantAt(0, Connecting)
		if _, err := (<-dialled).Write(nil); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("the late connection was not closed: %v", err)
		}
		for _, e := range []fsm.Event[*attempt]{Connected, Lost} {
			if err := fsm.Fire(t.Context(), f.machine, e, new(attempt)); !errors.Is(err, fsm.ErrVetoed) {
				t.Errorf("%s of another attempt: %v", e.Name(), err)
			}
		}
		f.wantAt(0, Connecting)
	})
}

// The connection may be lost between Wait and Fire.
func TestSubscribeTriesTheNextConnectionAfterALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, sendTicks)
		lost := false
		f.logf = func(_ string, args ...any) {
			if !lost && len(args) == 3 && args[1] == Quiet { // in the turn of the change to Quiet
				lost = true
				go f.machine.Transition(context.Background(), Waiting)
				time.Sleep(time.Nanosecond) // until the goroutine is first in the queue
			}
		}
		if err := subscribe(t.Context(), f.client); err != nil {
			t.Error(err)
		}
		f.wantAt(0, Subscribed)
		if !lost || len(f.server.dials) != 2 {
			t.Errorf("dialled %d times", len(f.server.dials))
		}
	})
}

func TestCloseStopsAtOnceInEveryState(t *testing.T) {
	for state, handle := range map[State]func(net.Conn){Waiting: nil, Handshaking: silent, Quiet: sendTicks, Subscribed: sendTicks} {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, handle)
			f.fire(Connect)
			synctest.Wait()
			if state == Subscribed {
				f.fire(Subscribe)
			}
			f.wantAt(0, state)
			began := time.Now()
			if err := f.close(t.Context()); err != nil || f.machine.State() != Closed || time.Since(began) != 0 {
				t.Errorf("closed from %s: %v, in %s after %v", state, err, f.machine.State(), time.Since(began))
			}
			dials := len(f.server.dials)
			f.wantAt(time.Hour, Closed)
			if len(f.server.dials) != dials {
				t.Errorf("dialled again after %s was closed", state)
			}
		})
	}
}

func TestCloseWaitsForTheDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil)
		f.dial = func(ctx context.Context) (net.Conn, error) {
			<-ctx.Done()
			time.Sleep(time.Second)
			return nil, ctx.Err()
		}
		f.fire(Connect)
		f.wantAt(0, Connecting)
		began := time.Now()
		if err := f.close(t.Context()); err != nil || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestCloseWorksWithAnEndedContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, sendTicks)
		f.fire(Connect)
		f.wantAt(0, Quiet)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := f.close(ctx); err != nil || f.machine.State() != Closed {
			t.Errorf("%v, in %s", err, f.machine.State())
		}
	})
}
