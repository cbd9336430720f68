#!/usr/bin/env bash
# github.com/thejerf/suture/v4 v4.0.6, Go 1.26.
#
# Guess: the report of the root names every service in the tree that did not stop: "Calling this on a supervisor will
#        return a report for the whole supervisor tree under it", says the documentation of UnstoppedServiceReport.
# Seen:  it names the root's own services alone. A service of a supervisor below that goes on after the end of Serve
#        is not in the report, which is nil: the process may let its locks go while that service is at work. Only the
#        report of the lower supervisor has it. A supervisor keeps what its own stop left over and asks no other.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/thejerf/suture/v4 v4.0.6
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/thejerf/suture/v4"
)

// worker takes eight seconds to stop.
type worker struct {
	started chan struct{}
	running atomic.Bool
}

func (w *worker) String() string { return "worker" }

func (w *worker) Serve(ctx context.Context) error {
	w.running.Store(true)
	close(w.started)
	<-ctx.Done()
	time.Sleep(8 * time.Second)
	w.running.Store(false)
	return ctx.Err()
}

func names(s *suture.Supervisor) []string {
	report, err := s.UnstoppedServiceReport()
	if err != nil {
		panic(err)
	}
	var names []string
	for _, unstopped := range report {
		names = append(names, unstopped.Name)
	}
	return names
}

func main() {
	spec := func(timeout time.Duration) suture.Spec {
		return suture.Spec{Timeout: timeout, EventHook: func(suture.Event) {}}
	}
	for _, depth := range []string{"of the root itself", "of a supervisor below"} {
		w := &worker{started: make(chan struct{})}
		root, jobs := suture.New("root", spec(4*time.Second)), suture.New("jobs", spec(500*time.Millisecond))
		root.Add(jobs)
		if depth == "of the root itself" {
			root.Add(w)
		} else {
			jobs.Add(w)
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := root.ServeBackground(ctx)
		<-w.started
		cancel()
		<-ended
		fmt.Printf("service %s, after Serve: at work %v, root's report %v, the lower one's %v\n",
			depth, w.running.Load(), names(root), names(jobs))
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go build -o finding . 2>/dev/null
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
service of the root itself, after Serve: at work true, root's report [worker], the lower one's []
service of a supervisor below, after Serve: at work true, root's report [], the lower one's [worker]
END
echo "as found: suture v4.0.6"
