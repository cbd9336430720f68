#!/usr/bin/env bash
# github.com/hibiken/asynq v0.26.0 with a redis-server of Debian 12 (7.0.15), Go 1.26.
#
# Guess: the lock of a task with the option Unique ends when the task has been processed or its TTL has passed, as
#        the documentation says, and also when the task is deleted.
# Seen:  that holds for a task by itself. A task of a group is processed as part of an aggregate, and its lock
#        stays for the rest of the TTL: the same task is refused with "task already exists", though there is none.
#        So it is with the tasks of a queue that was removed with DeleteQueue.
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
	opt := asynq.RedisClientOpt{Network: "unix", Addr: os.Args[1]}
	client, inspector := asynq.NewClient(opt), asynq.NewInspector(opt)
	defer client.Close()
	defer inspector.Close()
	done := make(chan string, 10)
	server := asynq.NewServer(opt, asynq.Config{
		LogLevel: asynq.FatalLevel, TaskCheckInterval: 200 * time.Millisecond,
		GroupMaxSize: 2, GroupGracePeriod: time.Second,
		GroupAggregator: asynq.GroupAggregatorFunc(func(string, []*asynq.Task) *asynq.Task {
			return asynq.NewTask("aggregate", nil)
		}),
	})
	err := server.Start(asynq.HandlerFunc(func(_ context.Context, t *asynq.Task) error {
		done <- t.Type()
		return nil
	}))
	if err != nil {
		panic(err)
	}
	defer server.Shutdown()
	enqueue := func(name string, options ...asynq.Option) {
		_, err := client.Enqueue(asynq.NewTask(name, nil), append(options, asynq.Unique(time.Hour))...)
		fmt.Printf("enqueue %s: %v\n", name, err)
	}
	processed := func() {
		fmt.Println("processed:", <-done)
		time.Sleep(time.Second)
	}

	enqueue("single")
	processed()
	enqueue("single")
	processed()

	enqueue("a", asynq.Group("g"))
	enqueue("b", asynq.Group("g"))
	processed()
	enqueue("a", asynq.Group("g"))

	other := asynq.Queue("other") // which no server works on
	enqueue("waiting", other)
	tasks, err := inspector.ListPendingTasks("other")
	if err != nil {
		panic(err)
	}
	fmt.Println("DeleteTask:", inspector.DeleteTask("other", tasks[0].ID))
	enqueue("waiting", other)
	fmt.Println("DeleteQueue:", inspector.DeleteQueue("other", true))
	enqueue("waiting", other)
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go run . "$dir/redis.sock" 2>/dev/null | tee seen
diff seen - <<'END'
enqueue single: <nil>
processed: single
enqueue single: <nil>
processed: single
enqueue a: <nil>
enqueue b: <nil>
processed: aggregate
enqueue a: task already exists
enqueue waiting: <nil>
DeleteTask: <nil>
enqueue waiting: <nil>
DeleteQueue: <nil>
enqueue waiting: task already exists
END
echo "as found: asynq v0.26.0"
