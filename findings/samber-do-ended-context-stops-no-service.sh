#!/usr/bin/env bash
# github.com/samber/do/v2 v2.0.0, Go 1.26.
#
# Guess: ShutdownOnSignalsWithContext stops the services when a signal comes or the context of the program ends: it
#        waits for both, and "gracefully stops services". A lock that a service holds is given up either way.
# Seen:  if the context ends, no service is stopped: each has "context canceled" in the report, its Shutdown is never
#        called, and a Shutdown afterwards finds no service any more. The ended context is handed on to the services,
#        which are taken out of the container first, and are then left out as the context has ended. In the same way
#        ShutdownWithContext leaves out those that are due after its time is up.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/samber/do/v2 v2.0.0
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/samber/do/v2"
)

var stopped []string

// lease stands for what is held on another server, and worker for its user.
type lease struct{}

func (*lease) Shutdown() error { stopped = append(stopped, "lease"); return nil }

type worker struct{ slow time.Duration }

func (w *worker) Shutdown() error { time.Sleep(w.slow); stopped = append(stopped, "worker"); return nil }

func app(slow time.Duration) *do.RootScope {
	stopped = nil
	injector := do.New()
	do.Provide(injector, func(do.Injector) (*lease, error) { return &lease{}, nil })
	do.Provide(injector, func(i do.Injector) (*worker, error) {
		do.MustInvoke[*lease](i)
		return &worker{slow}, nil
	})
	do.MustInvoke[*worker](injector)
	return injector
}

func say(what string, report *do.ShutdownReport) {
	fmt.Printf("%s: stopped %v, success %v, errors %d\n", what, stopped, report.Succeed, len(report.Errors))
}

func main() {
	injector := app(0)
	go func() {
		time.Sleep(5 * time.Second)
		syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	}()
	_, report := injector.ShutdownOnSignalsWithContext(context.Background(), syscall.SIGUSR1)
	say("a signal comes", report)

	injector = app(0)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	_, report = injector.ShutdownOnSignalsWithContext(ctx, syscall.SIGUSR1)
	cancel()
	say("the context ends", report)
	say("Shutdown after that", injector.Shutdown())

	injector = app(15 * time.Second)
	ctx, cancel = context.WithTimeout(context.Background(), 5*time.Second)
	say("ShutdownWithContext of 5 s, the worker takes 15 s", injector.ShutdownWithContext(ctx))
	cancel()
	say("Shutdown after that", injector.Shutdown())
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 300 go build -o finding . 2>err || cat err
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
a signal comes: stopped [worker lease], success true, errors 0
the context ends: stopped [], success false, errors 2
Shutdown after that: stopped [], success true, errors 0
ShutdownWithContext of 5 s, the worker takes 15 s: stopped [worker], success false, errors 1
Shutdown after that: stopped [worker], success true, errors 0
END
echo "as found: samber/do v2.0.0"
