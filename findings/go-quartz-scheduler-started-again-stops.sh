#!/usr/bin/env bash
# github.com/reugn/go-quartz v0.15.2, Go 1.26.
#
# Guess: a scheduler that was stopped and is started again at once, as by a leader that has lost and regained its lease,
#        runs its jobs.
# Seen:  it stops by itself some microseconds later, without an error, and runs nothing any more. Each Start leaves a
#        goroutine that waits for the end of its context and then calls Stop, which stops whatever run is on by then.
#        With a pause between Stop and Start the goroutine finds nothing to stop.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/reugn/go-quartz v0.15.2
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/reugn/go-quartz/job"
	"github.com/reugn/go-quartz/quartz"
)

func main() {
	for _, pause := range []time.Duration{0, time.Second} {
		stopped, idle := 0, 0
		for range 5 {
			scheduler, err := quartz.NewStdScheduler(quartz.WithOutdatedThreshold(time.Minute))
			if err != nil {
				panic(err)
			}
			var runs atomic.Int32
			work := job.NewFunctionJob(func(context.Context) (int, error) { return int(runs.Add(1)), nil })
			detail := quartz.NewJobDetail(work, quartz.NewJobKey("work"))
			if err := scheduler.ScheduleJob(detail, quartz.NewSimpleTrigger(100*time.Millisecond)); err != nil {
				panic(err)
			}
			scheduler.Start(context.Background())
			scheduler.Stop()
			time.Sleep(pause)
			before := runs.Load()
			scheduler.Start(context.Background())
			time.Sleep(time.Second)
			if !scheduler.IsStarted() {
				stopped++
			}
			if runs.Load() == before {
				idle++
			}
			scheduler.Stop()
		}
		fmt.Printf("Start %v after Stop: most of five schedulers have stopped again: %v, and run no job: %v\n",
			pause, stopped > 2, idle > 2)
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go build -o finding . 2>/dev/null
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
Start 0s after Stop: most of five schedulers have stopped again: true, and run no job: true
Start 1s after Stop: most of five schedulers have stopped again: false, and run no job: false
END
echo "as found: go-quartz v0.15.2"
