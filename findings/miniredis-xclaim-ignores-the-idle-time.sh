#!/usr/bin/env bash
# github.com/alicebob/miniredis/v2 v2.40.0 and a redis-server of Debian 12 (7.0.15), go-redis v9.23.0, Go 1.26.
#
# Guess: XCLAIM of miniredis takes an entry only if it has been pending for the idle time that is given, as in Redis and
#        as its own XAUTOCLAIM does.
# Seen:  it reads the idle time and takes the entry whatever it is, from a consumer that has just read it. Tests of a
#        queue pass without the guard, or fail with it.
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

require (
	github.com/alicebob/miniredis/v2 v2.40.0
	github.com/redis/go-redis/v9 v9.23.0
)
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	mini := miniredis.NewMiniRedis()
	if err := mini.Start(); err != nil {
		panic(err)
	}
	defer mini.Close()
	for _, server := range []struct {
		name string
		opts redis.Options
	}{
		{"Redis", redis.Options{Network: "unix", Addr: os.Args[1]}},
		{"miniredis", redis.Options{Addr: mini.Addr()}},
	} {
		c := redis.NewClient(&server.opts)
		c.XGroupCreateMkStream(ctx, "jobs", "group", "0")
		c.XAdd(ctx, &redis.XAddArgs{Stream: "jobs", ID: "1-1", Values: []string{"job", "1"}})
		c.XReadGroup(ctx, &redis.XReadGroupArgs{Group: "group", Consumer: "at work", Streams: []string{"jobs", ">"}})
		auto, _ := c.XAutoClaimJustID(ctx, &redis.XAutoClaimArgs{Stream: "jobs", Group: "group", Consumer: "other", MinIdle: time.Hour, Start: "0"}).Val()
		claimed := c.XClaim(ctx, &redis.XClaimArgs{Stream: "jobs", Group: "group", Consumer: "other", MinIdle: time.Hour, Messages: []string{"1-1"}}).Val()
		fmt.Printf("%s: idle for an hour: XAUTOCLAIM %d, XCLAIM %d\n", server.name, len(auto), len(claimed))
	}
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o finding . 2>/dev/null
timeout 60 ./finding "$dir/redis.sock" 2>/dev/null | tee seen
diff seen - <<'END'
Redis: idle for an hour: XAUTOCLAIM 0, XCLAIM 0
miniredis: idle for an hour: XAUTOCLAIM 0, XCLAIM 1
END
echo "as found: miniredis v2.40.0"
