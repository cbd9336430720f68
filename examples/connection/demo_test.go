package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/examples/internal/program"
)

// patience is the time after which a test gives up.
const patience = 60 * time.Second

func TestClientReconnectsToARestartedServer(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var address atomic.Value
	start := func() *server {
		s, err := startServer(false)
		if err != nil {
			t.Fatal(err)
		}
		address.Store(s.address())
		return s
	}
	dial := func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", address.Load().(string))
	}
	received := make(chan struct{}, 1<<10)
	c := newClient(dial, newBackoff(first, most), func(format string, _ ...any) {
		if strings.HasPrefix(format, "received") {
			received <- struct{}{}
		}
	})
	s := start()
	if err := subscribe(ctx, c); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		<-received
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.machine.Wait(ctx, Waiting); err != nil {
			t.Fatal(err)
		}
		s = start()
		if leaf, err := c.machine.Wait(ctx, Ready); err != nil || leaf != Subscribed {
			t.Fatalf("in %s: %v", leaf, err)
		}
		for len(received) > 0 {
			<-received // from the stopped server
		}
	}
	<-received
	if err := c.close(ctx); err != nil {
		t.Error(err)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

func TestSilentServerTimesOut(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := startServer(true)
	if err != nil {
		t.Fatal(err)
	}
	dial := func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", s.address())
	}
	c := newClient(dial, newBackoff(first, most), func(string, ...any) {})
	if err := c.machine.Fire(ctx, Connect); err != nil {
		t.Fatal(err)
	}
	for _, state := range []State{Handshaking, Waiting} {
		if leaf, err := c.machine.Wait(ctx, state, Ready); err != nil || leaf != state {
			t.Errorf("in %s, want %s: %v", leaf, state, err)
		}
	}
	if err := errors.Join(s.stop(), c.close(ctx)); err != nil {
		t.Error(err)
	}
}

func TestProgramEndsAfterFor(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := example.Execute(t.Context(), []string{"-for", "50ms"}, program.Streams{Out: &stdout, Err: &stderr}); code != program.ExitOK || stderr.Len() > 0 {
		t.Errorf("exit %d: %s", code, &stderr)
	}
	if !strings.HasSuffix(stdout.String(), " -> closed: close\n") {
		t.Errorf("ends with %s", &stdout)
	}
}

// until is a buffer that calls end when a text with line is written to it.
type until struct {
	bytes.Buffer
	line string
	end  context.CancelFunc
}

func (u *until) Write(text []byte) (int, error) {
	if strings.Contains(string(text), u.line) {
		u.end()
	}
	return u.Buffer.Write(text)
}

func TestProgramWritesEachStep(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stdout := until{line: "received tick", end: cancel}
	if code := example.Execute(ctx, []string{"-for", patience.String()}, program.Streams{Out: &stdout, Err: io.Discard}); code != program.ExitOK {
		t.Errorf("exit %d", code)
	}
	for _, line := range []string{
		`the server is down`, `disconnected -> connecting: connect`, `lost: dial .*`, `connecting -> waiting: lost`,
		`next attempt in \d+ms`, `waiting -> connecting: timeout after backoff in waiting`, `the server is up`,
		`quiet -> subscribed: subscribe`, `received tick 1`, `\w+ -> closed: close`,
	} {
		if !regexp.MustCompile(`(?m)^ *\d+ ms  ` + line + `$`).Match(stdout.Bytes()) {
			t.Errorf("no line %q in\n%s", line, &stdout)
		}
	}
}

func TestProgramEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	if code := example.Execute(ctx, nil, program.Streams{Out: &stdout, Err: &stderr}); code != program.ExitOK || stderr.Len() > 0 {
		t.Errorf("exit %d: %s", code, &stderr)
	}
}
