#!/usr/bin/env bash
# github.com/alitto/pond/v2 v2.7.1, Go 1.26.
#
# Guess: StopAndWait "stops the pool and waits for all tasks to complete", as the documentation says: those that wait
#        in its queue are run, and so are those of its subpools, which run in its workers.
# Seen:  the queue of the pool is run, and so is that of a subpool that is stopped itself. On StopAndWait of the parent
#        the task of a subpool that is at work ends, and all that wait behind it are dropped with "pool stopped": a
#        subpool hands its next task to the parent only when the one before has ended, and is refused by then.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/alitto/pond/v2 v2.7.1
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/alitto/pond/v2"
)

func run(name string, pool, stopped pond.Pool) {
	begun, end := make(chan bool), make(chan bool)
	pool.Submit(func() { close(begun); <-end })
	<-begun
	var ran atomic.Int32
	var waiting []pond.Task
	for range 5 {
		waiting = append(waiting, pool.Submit(func() { ran.Add(1) }))
	}
	done := make(chan bool)
	go func() { stopped.StopAndWait(); close(done) }()
	time.Sleep(time.Second)
	close(end)
	<-done
	fmt.Printf("%s: %d of 5 waiting tasks were run; the last one: %v\n", name, ran.Load(), waiting[4].Wait())
}

func main() {
	pool := pond.NewPool(1)
	run("queue of the pool", pool, pool)
	subpool := pond.NewPool(4).NewSubpool(1)
	run("queue of a subpool, which is stopped itself", subpool, subpool)
	pool = pond.NewPool(4)
	run("queue of a subpool, whose parent is stopped", pool.NewSubpool(1), pool)
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o program . 2>/dev/null
timeout 80 ./program 2>/dev/null | tee seen
diff seen - <<'END'
queue of the pool: 5 of 5 waiting tasks were run; the last one: <nil>
queue of a subpool, which is stopped itself: 5 of 5 waiting tasks were run; the last one: <nil>
queue of a subpool, whose parent is stopped: 0 of 5 waiting tasks were run; the last one: pool stopped
END
echo "as found: pond v2.7.1"
