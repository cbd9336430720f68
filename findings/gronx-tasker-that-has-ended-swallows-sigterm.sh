#!/usr/bin/env bash
# github.com/adhocore/gronx v1.20.4 (its pkg/tasker), Go 1.26.
#
# Guess: a Tasker catches SIGINT and SIGTERM while it runs. When Run has returned, after Stop or at the end of
#        Until, signals do again what they did before, and a second Run works.
# Seen:  the signals stay caught for good, and nothing reads them: a process that goes on after its Tasker has ended
#        is not ended by SIGTERM any more, as the handler is never taken off. A second Run returns at once without
#        running a task, with no error.
set -euo pipefail
dir=$(mktemp -d)
trap '[ -z "${pid:-}" ] || kill -9 "$pid" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/adhocore/gronx v1.20.4
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/adhocore/gronx/pkg/tasker"
)

func main() {
	if os.Args[1] == "tasker" {
		var runs atomic.Int32
		t := tasker.New(tasker.Option{Out: "log"})
		t.Task("* * * * * *", func(context.Context) (int, error) {
			runs.Add(1)
			return 0, nil
		})
		done := make(chan struct{})
		go func() { t.Run(); close(done) }()
		for runs.Load() == 0 {
			time.Sleep(50 * time.Millisecond)
		}
		t.Stop()
		<-done
		fmt.Println("first Run has run its task:", runs.Load() > 0)
		before := runs.Load()
		t.Run() // returns by itself
		fmt.Println("second Run has run its task:", runs.Load() > before)
	}
	fmt.Println("goes on")
	time.Sleep(20 * time.Second)
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o program . 2>/dev/null
for mode in plain tasker; do
	./program $mode >out 2>/dev/null & pid=$!
	for _ in $(seq 200); do ! grep -q "goes on" out || break; sleep 0.1; done
	sleep 1
	kill -TERM $pid
	sleep 4
	result=ended
	if kill -0 $pid 2>/dev/null; then result="goes on for 4 s"; fi
	kill -9 $pid 2>/dev/null || true
	wait $pid 2>/dev/null || true
	sed "s/^/$mode: /" out
	echo "$mode: after SIGTERM: $result"
done | tee seen
diff seen - <<'END'
plain: goes on
plain: after SIGTERM: ended
tasker: first Run has run its task: true
tasker: second Run has run its task: false
tasker: goes on
tasker: after SIGTERM: goes on for 4 s
END
echo "as found: gronx v1.20.4"
