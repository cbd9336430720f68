#!/usr/bin/env bash
# github.com/cschleiden/go-workflows v1.2.0 with its SQLite backend, Go 1.26.
#
# Guess: a worker takes no task that another has locked, and a timer ends when it is due, whatever TZ each has.
# Seen:  a worker in a zone east of the first one's takes a locked activity while it runs there: it is carried out
#        twice at once, and the first one's outcome is thrown away. A timer of a minute ends at once. With the same
#        zone neither happens. (Times are stored as text with the local offset, "... 20:00:00 +0100 CET", and
#        compared as text, so an hour of offset counts as an hour.)
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/cschleiden/go-workflows v1.2.0
END
cat >main.go <<'END'
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
	_ "time/tzdata"

	"github.com/cschleiden/go-workflows/backend"
	"github.com/cschleiden/go-workflows/backend/sqlite"
	"github.com/cschleiden/go-workflows/client"
	"github.com/cschleiden/go-workflows/core"
	"github.com/cschleiden/go-workflows/worker"
	"github.com/cschleiden/go-workflows/workflow"
)

var ready = func() bool { _, err := os.Stat("ready"); return err == nil }

func work(context.Context) (string, error) {
	fmt.Println("begun")
	for end := time.Now().Add(30 * time.Second); !ready() && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
	}
	time.Sleep(3 * time.Second)
	return os.Args[1], nil
}

func job(ctx workflow.Context) (string, error) {
	return workflow.ExecuteActivity[string](ctx, workflow.DefaultActivityOptions, work).Get(ctx)
}

func pause(ctx workflow.Context) error { return workflow.Sleep(ctx, time.Minute) }

func one() {
	ctx := context.Background()
	quiet := backend.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil)))
	store := sqlite.NewSqliteBackend("jobs.db", sqlite.WithBackendOptions(quiet))
	w := worker.New(store, nil)
	check(w.RegisterWorkflow(job), w.RegisterWorkflow(pause), w.RegisterActivity(work), w.Start(ctx))
	if os.Args[1] == "second" {
		check(os.WriteFile("ready", nil, 0o600))
		io.Copy(io.Discard, os.Stdin)
		return
	}
	c := client.New(store)
	timer, err := c.CreateWorkflowInstance(ctx, client.WorkflowInstanceOptions{InstanceID: "timer"}, pause)
	check(err)
	instance, err := c.CreateWorkflowInstance(ctx, client.WorkflowInstanceOptions{InstanceID: "job"}, job)
	check(err)
	result, err := client.GetWorkflowResult[string](ctx, c, instance, 40*time.Second)
	fmt.Println("result of the", result, "worker", err)
	state, err := c.GetWorkflowInstanceState(ctx, timer)
	fmt.Println("timer of a minute has ended:", state == core.WorkflowInstanceStateFinished, err)
}

func check(errs ...error) {
	for _, err := range errs {
		if err != nil {
			panic(err)
		}
	}
}

func main() {
	if len(os.Args) > 1 {
		one()
		return
	}
	for _, zone := range []string{"UTC", "Europe/Berlin"} {
		dir, err := os.MkdirTemp(".", "store")
		check(err)
		start := func(name, zone string) (*exec.Cmd, io.Closer, *bufio.Scanner) {
			c := exec.Command("/proc/self/exe", name)
			c.Dir, c.Env = dir, append(os.Environ(), "TZ="+zone)
			in, _ := c.StdinPipe()
			out, _ := c.StdoutPipe()
			check(c.Start())
			return c, in, bufio.NewScanner(out)
		}
		first, in, lines := start("first", "UTC")
		lines.Scan()
		second, in2, lines2 := start("second", zone)
		begun, other := 1, 0
		var wait sync.WaitGroup
		wait.Go(func() {
			for lines2.Scan() {
				other++
			}
		})
		var rest []string
		for lines.Scan() {
			rest = append(rest, lines.Text())
		}
		in2.Close()
		wait.Wait()
		in.Close()
		check(first.Wait(), second.Wait())
		fmt.Printf("second worker in %s: activity begun %d times by the first worker, %d by the second\n  %s\n",
			zone, begun, other, strings.Join(rest, "\n  "))
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 300 go build -o finding . 2>/dev/null
timeout 85 ./finding | tee seen
diff seen - <<'END'
second worker in UTC: activity begun 1 times by the first worker, 0 by the second
  result of the first worker <nil>
  timer of a minute has ended: false <nil>
second worker in Europe/Berlin: activity begun 1 times by the first worker, 1 by the second
  result of the second worker <nil>
  timer of a minute has ended: true <nil>
END
echo "as found: go-workflows v1.2.0"
