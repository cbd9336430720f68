#!/usr/bin/env bash
# github.com/hibiken/asynq v0.26.0 with a redis-server of Debian 12 (7.0.15), Go 1.26.
#
# Guess: a task that was enqueued with Timeout(0) has no limit: "Zero duration means no limit".
# Seen:  it has the limit of a task without the option, 30 minutes. Enqueue cannot tell the two apart, as 0 stands for
#        "not given". A longer task is cancelled then, counts as failed, and is started again, beside its first run if
#        that one does not look at its context. Only a long Timeout or a far Deadline makes room for it.
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
	"time"

	"github.com/hibiken/asynq"
)

func main() {
	redis := asynq.RedisClientOpt{Network: "unix", Addr: os.Args[1]}
	client := asynq.NewClient(redis)
	server := asynq.NewServer(redis, asynq.Config{Concurrency: 1, LogLevel: asynq.FatalLevel})
	seen := make(chan string, 10)
	handler := asynq.HandlerFunc(func(ctx context.Context, task *asynq.Task) error {
		deadline, limited := ctx.Deadline()
		seen <- fmt.Sprintf("%s: a limit: %v, in half an hour: %v", task.Type(), limited,
			limited && time.Until(deadline) > 20*time.Minute && time.Until(deadline) < 31*time.Minute)
		return nil
	})
	if err := server.Start(handler); err != nil {
		panic(err)
	}
	for name, options := range map[string][]asynq.Option{
		"no option":         nil,
		"Timeout(0)":        {asynq.Timeout(0)},
		"Timeout(100 days)": {asynq.Timeout(2400 * time.Hour)},
	} {
		if _, err := client.Enqueue(asynq.NewTask(name, nil), options...); err != nil {
			panic(err)
		}
	}
	for range 3 {
		fmt.Println(<-seen)
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go build -o finding . 2>/dev/null
timeout 60 ./finding "$dir/redis.sock" 2>/dev/null | sort | tee seen
diff seen - <<'END'
Timeout(0): a limit: true, in half an hour: true
Timeout(100 days): a limit: true, in half an hour: false
no option: a limit: true, in half an hour: true
END
echo "as found: asynq v0.26.0"
