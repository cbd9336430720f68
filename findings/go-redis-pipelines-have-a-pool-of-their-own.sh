#!/usr/bin/env bash
# github.com/redis/go-redis/v9 v9.23.0 with a redis-server of Debian 12 (7.0.15), Go 1.26.
#
# Guess: PoolSize bounds the connections of a client. With PoolSize 1 and that connection
#        taken, a pipeline waits for PoolTimeout as a single command does.
# Seen:  the command fails with a pool timeout. The pipeline goes through: a client has a
#        second pool for pipelines, whether or not PipelinePoolSize is set, so it can have
#        more connections than PoolSize says.
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

require github.com/redis/go-redis/v9 v9.23.0
END
cat >main.go <<'END'
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/redis/go-redis/v9"
)

func main() {
	ctx := context.Background()
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: os.Args[1], PoolSize: 1, PoolTimeout: 50 * time.Millisecond})
	defer client.Close()
	conn := client.Conn() // takes the only connection
	defer conn.Close()
	if err := conn.Ping(ctx).Err(); err != nil {
		panic(err)
	}
	err := client.Ping(ctx).Err()
	fmt.Println("command: pool timeout", errors.Is(err, redis.ErrPoolTimeout))
	pipe := client.Pipeline()
	pong := pipe.Ping(ctx)
	_, err = pipe.Exec(ctx)
	fmt.Println("pipeline:", pong.Val(), err)
}
END
GOWORK=off GOFLAGS=-mod=mod go run . "$dir/redis.sock" 2>/dev/null | tee seen
diff seen - <<'END'
command: pool timeout true
pipeline: PONG <nil>
END
echo "as found: go-redis v9.23.0"
