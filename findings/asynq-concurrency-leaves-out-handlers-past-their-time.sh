#!/usr/bin/env bash
# github.com/hibiken/asynq v0.26.0 with a redis-server of Debian 12 (7.0.15), Go 1.26.
#
# Guess: with Concurrency 1, the "maximum number of concurrent processing of tasks", one handler is at work at a time,
#        also while one goes on after its Timeout because it cannot be interrupted.
# Seen:  a handler stops counting when its Timeout has passed: the next task is started beside it, and the one after
#        that. The processor gives the place back when the context ends, and does not wait for the handler. Shutdown
#        does not wait for them either, and returns while they are at work.
set -euo pipefail
command -v redis-server >/dev/null || { echo "install the Debian package redis-server" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
until [ -S "$dir/redis.sock" ]; do sleep 0.1; done
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/hibiken/asynq v0.26.0
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
)

func main() {
	redis := asynq.RedisClientOpt{Network: "unix", Addr: os.Args[1]}
	client := asynq.NewClient(redis)
	for _, timeout := range []time.Duration{time.Hour, time.Second} {
		server := asynq.NewServer(redis, asynq.Config{Concurrency: 1, LogLevel: asynq.FatalLevel, ShutdownTimeout: time.Minute,
			RetryDelayFunc: func(int, error, *asynq.Task) time.Duration { return time.Hour }})
		var started, atWork, most atomic.Int32
		handler := asynq.HandlerFunc(func(context.Context, *asynq.Task) error {
			started.Add(1)
			most.Store(max(most.Load(), atWork.Add(1)))
			time.Sleep(6 * time.Second) // something that cannot be interrupted
			atWork.Add(-1)
			return nil
		})
		for range 3 {
			if _, err := client.Enqueue(asynq.NewTask("call", nil), asynq.Timeout(timeout)); err != nil {
				panic(err)
			}
		}
		if err := server.Start(handler); err != nil {
			panic(err)
		}
		for started.Load() < 3 {
			time.Sleep(10 * time.Millisecond)
		}
		server.Shutdown()
		fmt.Printf("Concurrency 1, handlers of 6 s, Timeout %v: more than one at work at once: %v, after Shutdown: %v\n",
			timeout, most.Load() > 1, atWork.Load() > 0)
		time.Sleep(8 * time.Second)
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go build -o finding . 2>/dev/null
timeout 80 ./finding "$dir/redis.sock" 2>/dev/null | tee seen
diff seen - <<'END'
Concurrency 1, handlers of 6 s, Timeout 1h0m0s: more than one at work at once: false, after Shutdown: false
Concurrency 1, handlers of 6 s, Timeout 1s: more than one at work at once: true, after Shutdown: true
END
echo "as found: asynq v0.26.0"
