#!/usr/bin/env bash
# github.com/reugn/go-quartz v0.15.2, Go 1.26.
#
# Guess: a job with a RunOnceTrigger that is paused before it is due runs once after ResumeJob, as a job with another
#        trigger goes on then.
# Seen:  ResumeJob fails with "trigger has expired", and the job is no longer there: it never runs, and there is nothing
#        to resume a second time. The trigger counts as expired from the moment at which its time is worked out, not
#        at which it fires; ResumeJob takes the job out of the queue before it asks the trigger for its next time.
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
	scheduler, err := quartz.NewStdScheduler(quartz.WithOutdatedThreshold(time.Minute))
	if err != nil {
		panic(err)
	}
	scheduler.Start(context.Background())
	defer scheduler.Stop()
	for name, trigger := range map[string]quartz.Trigger{
		"RunOnceTrigger": quartz.NewRunOnceTrigger(2 * time.Second),
		"SimpleTrigger":  quartz.NewSimpleTrigger(2 * time.Second),
	} {
		var runs atomic.Int32
		work := job.NewFunctionJob(func(context.Context) (int, error) { return int(runs.Add(1)), nil })
		key := quartz.NewJobKey(name)
		if err := scheduler.ScheduleJob(quartz.NewJobDetail(work, key), trigger); err != nil {
			panic(err)
		}
		paused, resumed := scheduler.PauseJob(key), scheduler.ResumeJob(key)
		time.Sleep(6 * time.Second)
		_, err := scheduler.GetScheduledJob(key)
		fmt.Printf("%s: paused with error %v, resumed with error %v; has run: %v; later: %v\n",
			name, paused, resumed, runs.Load() > 0, err)
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go build -o finding . 2>/dev/null
timeout 60 ./finding 2>/dev/null | sort | tee seen
diff seen - <<'END'
RunOnceTrigger: paused with error <nil>, resumed with error trigger has expired; has run: false; later: illegal state: job not found
SimpleTrigger: paused with error <nil>, resumed with error <nil>; has run: true; later: <nil>
END
echo "as found: go-quartz v0.15.2"
