#!/usr/bin/env bash
# github.com/reugn/go-quartz v0.15.2, Go 1.26.
#
# Guess: a job that has failed and waits for its next try is not tried again once it is paused, which "suspends the job
#        from being executed by the scheduler", or deleted.
# Seen:  it is tried again until it succeeds or has had all its tries. They are made in a loop within the run that
#        failed, which knows nothing of PauseJob, DeleteJob and Clear; only Stop ends it. With a RetryInterval of
#        minutes a job can be at work long after it was deleted.
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
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/reugn/go-quartz/job"
	"github.com/reugn/go-quartz/quartz"
)

func main() {
	for _, end := range []string{"PauseJob", "DeleteJob", "Clear", "Stop"} {
		scheduler, err := quartz.NewStdScheduler(quartz.WithOutdatedThreshold(time.Minute))
		if err != nil {
			panic(err)
		}
		scheduler.Start(context.Background())
		var runs atomic.Int32
		work := job.NewFunctionJob(func(context.Context) (int, error) {
			runs.Add(1)
			return 0, errors.New("failed")
		})
		options := quartz.NewDefaultJobDetailOptions()
		options.MaxRetries, options.RetryInterval = 3, 2*time.Second
		key := quartz.NewJobKey("work")
		// The job is due every hour, for the first time in a second.
		started := time.Now().Add(time.Second)
		trigger := quartz.NewSimpleTrigger(time.Hour)
		first := &firstAt{trigger, started.UnixNano()}
		if err := scheduler.ScheduleJob(quartz.NewJobDetailWithOptions(work, key, options), first); err != nil {
			panic(err)
		}
		for runs.Load() == 0 {
			time.Sleep(10 * time.Millisecond)
		}
		switch end {
		case "PauseJob":
			err = scheduler.PauseJob(key)
		case "DeleteJob":
			err = scheduler.DeleteJob(key)
		case "Clear":
			err = scheduler.Clear()
		case "Stop":
			scheduler.Stop()
		}
		before := runs.Load()
		time.Sleep(12 * time.Second)
		fmt.Printf("%s after the first of four tries: %v; tries after that: %d\n", end, err, runs.Load()-before)
		scheduler.Stop()
	}
}

// firstAt is a trigger that fires at a time, and then as another one does.
type firstAt struct {
	quartz.Trigger
	at int64
}

func (f *firstAt) NextFireTime(prev int64) (int64, error) {
	if at := f.at; at != 0 {
		f.at = 0
		return at, nil
	}
	return f.Trigger.NextFireTime(prev)
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go build -o finding . 2>err || cat err
timeout 80 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
PauseJob after the first of four tries: <nil>; tries after that: 3
DeleteJob after the first of four tries: <nil>; tries after that: 3
Clear after the first of four tries: <nil>; tries after that: 3
Stop after the first of four tries: <nil>; tries after that: 0
END
echo "as found: go-quartz v0.15.2"
