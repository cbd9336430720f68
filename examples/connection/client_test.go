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

// site is where a client dials: what answers changes in the course of a test.
type site struct {
	mu    sync.Mutex
	dials []time.Time
	say   func(net.Conn) // nil while nobody is there
	conns []net.Conn     // the far ends
	far   sync.WaitGroup
}

var errNobody = errors.New("nobody is there")

func (s *site) dial(context.Context) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dials = append(s.dials, time.Now())
	if s.say == nil {
		return nil, errNobody
	}
	near, far := net.Pipe()
	say := s.say
	s.conns = append(s.conns, far)
	s.far.Go(func() {
		defer far.Close()
		say(far)
	})
	return near, nil
}

func (s *site) is(say func(net.Conn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.say = say
}

// hangUp cuts all connections.
func (s *site) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, far := range s.conns {
		far.Close()
	}
}

// gaps are the times between the dials so far.
func (s *site) gaps() (gaps []time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.dials[1:] {
		gaps = append(gaps, s.dials[i+1].Sub(s.dials[i]))
	}
	return gaps
}

// silent takes what comes until the other side hangs up.
func silent(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// trial is a client and where it dials.
type trial struct {
	*client
	t    *testing.T
	site *site
	mu   sync.Mutex
	said []string
}

// try makes a client that is closed with the test, at which nothing may be left running.
func try(t *testing.T, say func(net.Conn)) *trial {
	t.Helper()
	tr := &trial{t: t, site: &site{say: say}}
	c, err := newClient(tr.site.dial, exact(first, most), func(format string, args ...any) {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		tr.said = append(tr.said, fmt.Sprintf(format, args...))
	})
	if err != nil {
		t.Fatal(err)
	}
	tr.client = c
	t.Cleanup(func() {
		err := c.close(context.Background())
		if err != nil && !errors.Is(err, fsm.ErrClosed) {
			t.Error(err)
		}
		tr.site.far.Wait()
	})
	return tr
}

// lines returns what the client has said.
func (tr *trial) lines() []string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return slices.Clone(tr.said)
}

func (tr *trial) fire(s fsm.Signal) {
	tr.t.Helper()
	if err := tr.machine.Fire(tr.t.Context(), s); err != nil {
		tr.t.Fatal(err)
	}
}

// wantAt checks where the machine is after some time, and all that happens then.
func (tr *trial) wantAt(d time.Duration, want State) {
	tr.t.Helper()
	time.Sleep(d)
	synctest.Wait()
	if got := tr.machine.State(); got != want {
		tr.t.Fatalf("in %s, want %s; said %q", got, want, tr.lines())
	}
}

func TestNothingIsDialledBeforeItIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := try(t, converse)
		tr.wantAt(time.Hour, Disconnected)
		if len(tr.site.dials) > 0 {
			t.Errorf("dialled %v", tr.site.dials)
		}
	})
}

func TestEachFailureWaitsTwiceAsLongAsTheOneBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := try(t, nil)
		tr.fire(Connect)
		time.Sleep(4 * time.Second)
		synctest.Wait()
		want := []time.Duration{first, 2 * first, 4 * first, 8 * first, most, most}
		if got := tr.site.gaps(); !slices.Equal(got, want) {
			t.Errorf("dialled after %v, want %v", got, want)
		}
	})
}

func TestAGreetingMakesTheWaitsShortAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := try(t, nil)
		tr.fire(Connect)
		tr.wantAt(5*first, Waiting) // 0, 100, 300, and next at 700 ms
		tr.site.is(converse)
		tr.wantAt(2*first, Quiet)
		tr.site.is(nil)
		tr.site.hangUp()
		time.Sleep(first) // and another try in vain
		synctest.Wait()
		want := []time.Duration{first, 2 * first, 4 * first, first}
		if got := tr.site.gaps(); !slices.Equal(got, want) {
			t.Errorf("dialled after %v, want %v", got, want)
		}
	})
}

// A connection alone is no success: a server that does not greet is left in peace for
// longer each time.
func TestASilentServerIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hungUp := make(chan time.Duration, 99)
		began := time.Now()
		tr := try(t, func(conn net.Conn) {
			silent(conn)
			hungUp <- time.Since(began)
		})
		tr.fire(Connect)
		tr.wantAt(handshakeLimit-1, Handshaking)
		tr.wantAt(1, Waiting)
		if after := <-hungUp; after != handshakeLimit {
			t.Errorf("hung up after %v", after)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		want := []time.Duration{handshakeLimit + first, handshakeLimit + 2*first, handshakeLimit + 4*first}
		if got := tr.site.gaps(); !slices.Equal(got[:3], want) {
			t.Errorf("dialled after %v, want %v", got, want)
		}
		last := tr.machine.History()[2]
		if last.Cause != "timeout after 300ms in handshaking" {
			t.Errorf("cause is %q", last.Cause)
		}
	})
}

func TestAWrongGreetingIsALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := try(t, func(conn net.Conn) {
			fmt.Fprintln(conn, "220 mail")
			silent(conn)
		})
		tr.fire(Connect)
		tr.wantAt(0, Waiting)
		if !slices.Contains(tr.lines(), `lost: "220 mail" is no greeting: EOF`) {
			t.Errorf("said %q", tr.lines())
		}
	})
}

func TestADialThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := try(t, nil)
		gaveUp := make(chan time.Duration, 99)
		began := time.Now()
		tr.dial = func(ctx context.Context) (net.Conn, error) {
			<-ctx.Done()
			gaveUp <- time.Since(began)
			return nil, ctx.Err()
		}
		tr.fire(Connect)
		tr.wantAt(dialLimit-1, Connecting)
		tr.wantAt(1, Waiting)
		if after := <-gaveUp; after != dialLimit {
			t.Errorf("gave up after %v", after)
		}
		tr.wantAt(first, Connecting)
	})
}

// The first connection is quiet until the owner subscribes. After that each is
// subscribed as soon as the server has greeted.
func TestWhatWasSubscribedIsSubscribedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := make(chan string, 99)
		tr := try(t, func(conn net.Conn) {
			fmt.Fprintln(conn, greeting)
			for lines := bufio.NewScanner(conn); lines.Scan(); {
				asked <- lines.Text()
			}
		})
		tr.fire(Connect)
		tr.wantAt(0, Quiet)
		tr.site.hangUp()
		tr.wantAt(0, Waiting)
		tr.wantAt(first, Quiet)
		if len(asked) > 0 {
			t.Errorf("asked for %q unasked", <-asked)
		}
		tr.fire(Subscribe)
		tr.site.hangUp()
		tr.wantAt(0, Waiting)
		tr.wantAt(first, Subscribed)
		tr.site.is(silent)
		tr.site.hangUp()
		tr.wantAt(first, Handshaking)
		tr.site.is(converse)
		tr.wantAt(handshakeLimit+2*first, Subscribed) // also with a failure in between
		if len(asked) != 2 || <-asked != subscription || <-asked != subscription {
			t.Error("asked for something else than ticks, twice")
		}
		tr.wantAt(tick, Subscribed)
		if !slices.Contains(tr.lines(), "received tick 2") {
			t.Errorf("said %q", tr.lines())
		}
	})
}

// A server that does not take what is asked of it has not got the client for ever.
func TestASubscriptionThatCannotBeWrittenIsALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := try(t, func(conn net.Conn) {
			fmt.Fprintln(conn, greeting)
			time.Sleep(time.Hour) // reads nothing
		})
		tr.fire(Connect)
		tr.wantAt(0, Quiet)
		began := time.Now()
		err := tr.machine.Fire(t.Context(), Subscribe)
		var refused *fsm.TransitionError[State]
		if !errors.As(err, &refused) || !refused.Moved || time.Since(began) != writeLimit {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		tr.site.hangUp()
		tr.wantAt(0, Waiting)
		tr.wantAt(first, Subscribed) // and asks again
		tr.wantAt(writeLimit, Waiting)
	})
}

// What comes of an attempt after it was given up is not taken for that of the next.
func TestAnEarlierAttemptIsNoMoreHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := try(t, converse)
		release := make(chan struct{})
		dialled := make(chan net.Conn, 2)
		tr.dial = func(ctx context.Context) (net.Conn, error) {
			conn, _ := tr.site.dial(ctx)
			dialled <- conn
			if len(dialled) == 1 {
				<-release // though ctx has ended
			} else {
				<-ctx.Done()
			}
			return conn, nil
		}
		tr.fire(Connect)
		tr.wantAt(dialLimit+first, Connecting)
		close(release)
		tr.wantAt(0, Connecting)
		if _, err := (<-dialled).Write(nil); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("the late connection was not closed: %v", err)
		}
		for _, e := range []fsm.Event[*link]{Connected, Lost} {
			if err := fsm.Fire(t.Context(), tr.machine, e, new(link)); !errors.Is(err, fsm.ErrVetoed) {
				t.Errorf("%s of another attempt: %v", e.Name(), err)
			}
		}
		tr.wantAt(0, Connecting)
	})
}

// Between the moment when the owner is told of a connection and that when it subscribes
// the connection may be lost.
func TestTheOwnerSubscribesToTheNextConnectionIfThatIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := try(t, converse)
		lost := false
		tr.told = func(_ string, args ...any) {
			if !lost && len(args) == 3 && args[1] == Quiet { // in the turn that leads there
				lost = true
				go tr.machine.Transition(context.Background(), Waiting)
				time.Sleep(time.Nanosecond) // until that is first in the queue
			}
		}
		if err := own(t.Context(), tr.client); err != nil {
			t.Error(err)
		}
		tr.wantAt(0, Subscribed)
		if !lost || len(tr.site.dials) != 2 {
			t.Errorf("dialled %d times", len(tr.site.dials))
		}
	})
}

// Whatever it is at, a client that is closed stops at once and for good.
func TestCloseEndsAllThatRuns(t *testing.T) {
	for state, say := range map[State]func(net.Conn){Waiting: nil, Handshaking: silent, Quiet: converse, Subscribed: converse} {
		synctest.Test(t, func(t *testing.T) {
			tr := try(t, say)
			tr.fire(Connect)
			synctest.Wait()
			if state == Subscribed {
				tr.fire(Subscribe)
			}
			tr.wantAt(0, state)
			began := time.Now()
			if err := tr.close(t.Context()); err != nil || tr.machine.State() != Closed || time.Since(began) != 0 {
				t.Errorf("closed from %s: %v, in %s after %v", state, err, tr.machine.State(), time.Since(began))
			}
			dials := len(tr.site.dials)
			tr.wantAt(time.Hour, Closed)
			if len(tr.site.dials) != dials {
				t.Errorf("dialled again after %s was closed", state)
			}
		})
	}
}

func TestCloseReturnsWhenTheDialHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := try(t, nil)
		tr.dial = func(ctx context.Context) (net.Conn, error) {
			<-ctx.Done()
			time.Sleep(time.Second)
			return nil, ctx.Err()
		}
		tr.fire(Connect)
		tr.wantAt(0, Connecting)
		began := time.Now()
		if err := tr.close(t.Context()); err != nil || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestCloseTakesNoNoticeOfAContextThatHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := try(t, converse)
		tr.fire(Connect)
		tr.wantAt(0, Quiet)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := tr.close(ctx); err != nil || tr.machine.State() != Closed {
			t.Errorf("%v, in %s", err, tr.machine.State())
		}
	})
}
