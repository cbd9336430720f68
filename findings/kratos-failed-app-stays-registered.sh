#!/usr/bin/env bash
# github.com/go-kratos/kratos/v2 v2.8.3, Go 1.26.
#
# Guess: whatever ends App.Run, it has stopped the servers and taken the instance out of the registry when it returns, as
#        after Stop or a signal.
# Seen:  if a server fails, the others are stopped, but the instance stays registered, and no hook of the stop is called.
#        If an AfterStart hook or the registration fails, Run returns while the servers are serving, the former with
#        the instance registered. Only Stop deregisters, and Run calls it for a signal alone.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/go-kratos/kratos/v2 v2.8.3
END
cat >main.go <<'END'
package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-kratos/kratos/v2"
	"github.com/go-kratos/kratos/v2/registry"
)

// registrar is a registry in memory.
type registrar struct {
	registered atomic.Bool
	err        error
}

func (r *registrar) Register(context.Context, *registry.ServiceInstance) error {
	r.registered.Store(r.err == nil)
	return r.err
}

func (r *registrar) Deregister(context.Context, *registry.ServiceInstance) error {
	r.registered.Store(false)
	return nil
}

// server serves until it is stopped, or fails after a while.
type server struct {
	serving atomic.Bool
	stop    chan struct{}
	fails   time.Duration
}

func (s *server) Start(context.Context) error {
	s.serving.Store(true)
	defer s.serving.Store(false)
	select {
	case <-s.stop:
		return nil
	case <-time.After(s.fails):
		return errors.New("the listener broke")
	}
}

func (s *server) Stop(context.Context) error {
	close(s.stop)
	return nil
}

func main() {
	for _, end := range []string{"Stop", "a server fails", "an AfterStart hook fails", "the registration fails"} {
		r := &registrar{}
		one := &server{stop: make(chan struct{}), fails: time.Hour}
		other := &server{stop: make(chan struct{}), fails: time.Hour}
		var hook error
		switch end {
		case "a server fails":
			other.fails = 2 * time.Second
		case "an AfterStart hook fails":
			hook = errors.New("no cache")
		case "the registration fails":
			r.err = errors.New("no registry")
		}
		var stopHook atomic.Bool
		app := kratos.New(kratos.Name("orders"), kratos.Server(one, other), kratos.Registrar(r),
			kratos.AfterStart(func(context.Context) error { time.Sleep(500 * time.Millisecond); return hook }),
			kratos.BeforeStop(func(context.Context) error { stopHook.Store(true); return nil }))
		if end == "Stop" {
			time.AfterFunc(2*time.Second, func() { app.Stop() })
		}
		err := app.Run()
		time.Sleep(time.Second)
		fmt.Printf("%s: Run returns %v; registered %v, a server serving %v, BeforeStop called %v\n",
			end, err, r.registered.Load(), one.serving.Load(), stopHook.Load())
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 200 go build -o finding . 2>err || cat err
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
Stop: Run returns <nil>; registered false, a server serving false, BeforeStop called true
a server fails: Run returns the listener broke; registered true, a server serving false, BeforeStop called false
an AfterStart hook fails: Run returns no cache; registered true, a server serving true, BeforeStop called false
the registration fails: Run returns no registry; registered false, a server serving true, BeforeStop called false
END
echo "as found: kratos v2.8.3"
