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
)

// patience is how long a test waits for what has to come.
const patience = 60 * time.Second

func TestAClientFindsItsServerAgain(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var at atomic.Value
	up := func() *server {
		s, err := serve(false)
		if err != nil {
			t.Fatal(err)
		}
		at.Store(s.address())
		return s
	}
	dial := func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", at.Load().(string))
	}
	received := make(chan struct{}, 1<<10)
	c, err := newClient(dial, newBackoff(first, most), func(format string, _ ...any) {
		if strings.HasPrefix(format, "received") {
			received <- struct{}{}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	s := up()
	if err := own(ctx, c); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		<-received
		if err := s.down(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.machine.Wait(ctx, Waiting); err != nil {
			t.Fatal(err)
		}
		s = up()
		if leaf, err := c.machine.Wait(ctx, Ready); err != nil || leaf != Subscribed {
			t.Fatalf("in %s: %v", leaf, err)
		}
		for len(received) > 0 {
			<-received // of the life before
		}
	}
	<-received
	if err := c.close(ctx); err != nil {
		t.Error(err)
	}
	if err := s.down(); err != nil {
		t.Error(err)
	}
}

func TestAMuteServerIsGivenUp(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := serve(true)
	if err != nil {
		t.Fatal(err)
	}
	dial := func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", s.address())
	}
	c, err := newClient(dial, newBackoff(first, most), func(string, ...any) {})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.machine.Fire(ctx, Connect); err != nil {
		t.Fatal(err)
	}
	for _, state := range []State{Handshaking, Waiting} {
		if leaf, err := c.machine.Wait(ctx, state, Ready); err != nil || leaf != state {
			t.Errorf("in %s, want %s: %v", leaf, state, err)
		}
	}
	if err := errors.Join(s.down(), c.close(ctx)); err != nil {
		t.Error(err)
	}
}

func TestTheProgramEndsByItself(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"-for", "50ms"}, &stdout, &stderr); code != exitOK || stderr.Len() > 0 {
		t.Errorf("exit %d: %s", code, &stderr)
	}
	if !strings.HasSuffix(stdout.String(), " -> closed: close\n") {
		t.Errorf("ends with %s", &stdout)
	}
}

// until is an output that ends a program when it has seen a line.
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

func TestTheProgramSaysWhatHappens(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stdout := until{line: "received tick", end: cancel}
	if code := run(ctx, []string{"-for", patience.String()}, &stdout, io.Discard); code != exitOK {
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

func TestTheProgramEndsWhenItIsTold(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	if code := run(ctx, nil, &stdout, &stderr); code != exitOK || stderr.Len() > 0 {
		t.Errorf("exit %d: %s", code, &stderr)
	}
}
