#!/usr/bin/env bash
# github.com/redis/go-redis/v9 v9.23.0 with a redis-server of Debian 12 (7.0.15), Go 1.26.
#
# Guess: the client that WithTimeout returns is the same client with another limit: hooks that were added before, such
#        as those for traces and metrics, go on seeing its commands.
# Seen:  it has no hooks. Commands and pipelines go by them, while Conn of the same client, asked for alike, has them.
#        A hook has to be added to each client that WithTimeout returns.
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
	"fmt"
	"os"
	"time"

	"github.com/redis/go-redis/v9"
)

// counter is a hook that counts what it sees.
type counter struct{ commands, pipelines int }

func (c *counter) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *counter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == "set" {
			c.commands++
		}
		return next(ctx, cmd)
	}
}

func (c *counter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if cmds[0].Name() == "set" {
			c.pipelines++
		}
		return next(ctx, cmds)
	}
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: os.Args[1]})
	defer client.Close()
	seen := new(counter)
	client.AddHook(seen)
	use := func(name string, c redis.Cmdable) {
		*seen = counter{}
		if err := c.Set(ctx, "key", "value", 0).Err(); err != nil {
			panic(err)
		}
		if _, err := c.Pipelined(ctx, func(p redis.Pipeliner) error { return p.Set(ctx, "key", "value", 0).Err() }); err != nil {
			panic(err)
		}
		fmt.Printf("%s: the hook saw %d of 1 commands and %d of 1 pipelines\n", name, seen.commands, seen.pipelines)
	}
	use("client", client)
	conn := client.Conn()
	use("Conn", conn)
	conn.Close()
	limited := client.WithTimeout(time.Second)
	use("WithTimeout", limited)
	limited.AddHook(seen)
	use("WithTimeout, hook added again", limited)
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o finding . 2>/dev/null
timeout 60 ./finding "$dir/redis.sock" 2>/dev/null | tee seen
diff seen - <<'END'
client: the hook saw 1 of 1 commands and 1 of 1 pipelines
Conn: the hook saw 1 of 1 commands and 1 of 1 pipelines
WithTimeout: the hook saw 0 of 1 commands and 0 of 1 pipelines
WithTimeout, hook added again: the hook saw 1 of 1 commands and 1 of 1 pipelines
END
echo "as found: go-redis v9.23.0"
