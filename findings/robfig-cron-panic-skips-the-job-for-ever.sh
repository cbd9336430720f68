#!/usr/bin/env bash
# github.com/robfig/cron/v3 v3.0.1, Go 1.26.
#
# Guess: a cron with Recover for all jobs, and SkipIfStillRunning for one of them as its documentation shows it, logs a
#        panic of that job and runs it again at its next time.
# Seen:  the job is never run again. SkipIfStillRunning gives its token back after the job has returned, not in a
#        defer: a panic goes past that, Recover outside stops it, and each later run is skipped as if the first were
#        still at work. With DelayIfStillRunning, which has a defer, or with Recover inside, it runs again.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/robfig/cron/v3 v3.0.1
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/robfig/cron/v3"
)

func main() {
	recover, skip, delay := cron.Recover(cron.DiscardLogger), cron.SkipIfStillRunning(cron.DiscardLogger),
		cron.DelayIfStillRunning(cron.DiscardLogger)
	for _, c := range []struct {
		name      string
		all, this []cron.JobWrapper
	}{
		{"Recover for all, SkipIfStillRunning for the job", []cron.JobWrapper{recover}, []cron.JobWrapper{skip}},
		{"Recover for all, DelayIfStillRunning for the job", []cron.JobWrapper{recover}, []cron.JobWrapper{delay}},
		{"SkipIfStillRunning for all, Recover for the job", []cron.JobWrapper{skip}, []cron.JobWrapper{recover}},
	} {
		jobs := cron.New(cron.WithSeconds(), cron.WithChain(c.all...))
		var runs atomic.Int32
		job := cron.FuncJob(func() {
			if runs.Add(1) == 1 {
				panic("only once")
			}
		})
		if _, err := jobs.AddJob("* * * * * *", cron.NewChain(c.this...).Then(job)); err != nil {
			panic(err)
		}
		jobs.Start()
		time.Sleep(8 * time.Second)
		<-jobs.Stop().Done()
		fmt.Printf("%s: runs again after a panic: %v\n", c.name, runs.Load() > 1)
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go build -o finding . 2>/dev/null
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
Recover for all, SkipIfStillRunning for the job: runs again after a panic: false
Recover for all, DelayIfStillRunning for the job: runs again after a panic: true
SkipIfStillRunning for all, Recover for the job: runs again after a panic: true
END
echo "as found: robfig/cron v3.0.1"
