#!/usr/bin/env bash
# github.com/tedsuo/ifrit v0.0.0-20230516164442-7862c310ad26, Go 1.26.
#
# Guess: a Restarter is ready when the runner that it has started again is ready, so that an ordered group goes on
#        with its next member. A runner that has failed at its first try is what a Restarter is for.
# Seen:  that holds only if the first run got ready before it failed. If it failed before, the Restarter is never
#        ready: it goes on listening to the ready channel of the first run. Its runner is at work, and the members
#        behind it in the group are never started.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/tedsuo/ifrit v0.0.0-20230516164442-7862c310ad26
END
cat >main.go <<'END'
package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/tedsuo/ifrit"
	"github.com/tedsuo/ifrit/grouper"
	"github.com/tedsuo/ifrit/restart"
)

func work(signals <-chan os.Signal, ready chan<- struct{}) error {
	close(ready)
	<-signals
	return nil
}

func main() {
	for _, readyBefore := range []bool{true, false} {
		runs, atWork, next := make(chan int, 10), make(chan bool, 1), make(chan bool, 1)
		run := 0
		restarter := restart.Restarter{
			Runner: ifrit.RunFunc(func(signals <-chan os.Signal, ready chan<- struct{}) error {
				run++
				runs <- run
				if run == 1 {
					if readyBefore {
						close(ready)
						time.Sleep(time.Second)
					}
					return errors.New("the lock is taken")
				}
				atWork <- true
				return work(signals, ready)
			}),
			Load: func(r ifrit.Runner, err error) ifrit.Runner { return r },
		}
		group := ifrit.Background(grouper.NewOrdered(os.Interrupt, grouper.Members{
			{Name: "lock", Runner: restarter},
			{Name: "next", Runner: ifrit.RunFunc(func(signals <-chan os.Signal, ready chan<- struct{}) error {
				next <- true
				return work(signals, ready)
			})},
		}))
		<-atWork // the second run, which has closed its ready channel by the time of the pause below
		fmt.Printf("first run ready before it failed: %v; second run at work; ", readyBefore)
		select {
		case <-next:
			fmt.Println("next member started")
		case <-time.After(5 * time.Second):
			fmt.Println("next member not started after 5 s")
		}
		group.Signal(os.Interrupt)
		fmt.Println("group ended:", <-group.Wait(), "after", len(runs), "runs")
	}
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o program . 2>/dev/null
timeout 80 ./program 2>/dev/null | tee seen
diff seen - <<'END'
first run ready before it failed: true; second run at work; next member started
group ended: <nil> after 2 runs
first run ready before it failed: false; second run at work; next member not started after 5 s
group ended: <nil> after 2 runs
END
echo "as found: ifrit 7862c310ad26"
