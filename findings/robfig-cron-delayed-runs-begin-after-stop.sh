#!/usr/bin/env bash
# github.com/robfig/cron/v3 v3.0.1, Go 1.26.
#
# Guess: after Stop no run of a job begins: "Stop stops the cron scheduler", and the context that it returns is done when
#        the job that is running has ended.
# Seen:  with DelayIfStillRunning, runs that had to wait for the one before them begin after Stop, one after the other,
#        until all have had their turn; the context waits for them. A job that is slower than its schedule piles them
#        up without a limit, as each waits for a mutex, out of the scheduler's reach: a job that took twice its
#        interval for a day goes on for another day after Stop. With SkipIfStillRunning none begins.
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
	for _, c := range []struct {
		name    string
		wrapper cron.JobWrapper
	}{
		{"SkipIfStillRunning", cron.SkipIfStillRunning(cron.DiscardLogger)},
		{"DelayIfStillRunning", cron.DelayIfStillRunning(cron.DiscardLogger)},
	} {
		jobs := cron.New(cron.WithSeconds(), cron.WithChain(c.wrapper))
		var begun atomic.Int32
		if _, err := jobs.AddFunc("* * * * * *", func() {
			begun.Add(1)
			time.Sleep(4 * time.Second)
		}); err != nil {
			panic(err)
		}
		jobs.Start()
		time.Sleep(8500 * time.Millisecond)
		stopped := jobs.Stop()
		time.Sleep(100 * time.Millisecond)
		before := begun.Load()
		time.Sleep(14 * time.Second)
		fmt.Printf("%s, a job of 4 s every second: runs that began after Stop, within 14 s: none %v, three or more %v; all over: %v\n",
			c.name, begun.Load() == before, begun.Load() >= before+3, stopped.Err() != nil)
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go build -o finding . 2>/dev/null
timeout 80 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
SkipIfStillRunning, a job of 4 s every second: runs that began after Stop, within 14 s: none true, three or more false; all over: true
DelayIfStillRunning, a job of 4 s every second: runs that began after Stop, within 14 s: none false, three or more true; all over: false
END
echo "as found: robfig/cron v3.0.1"
