#!/usr/bin/env bash
# github.com/alicebob/miniredis/v2 v2.40.0 with a redis-server of Debian 12 (7.0.15), Go 1.26.
#
# Guess: a worker's pending entries of a stream are on miniredis what they are on Redis: XCLAIM with JUSTID, the
#        heartbeat of a worker, is no delivery, and XAUTOCLAIM names the entries that have been deleted.
# Seen:  each JUSTID counts as a delivery, so a limit of deliveries gives up an entry that is well. Deleted entries
#        are taken off the list but not named, and a worker that reads its own list does not see them either: what
#        it does about a job that was deleted under it never runs in a test.
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

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

func main() {
	ctx := context.Background()
	mini, err := miniredis.Run()
	if err != nil {
		panic(err)
	}
	defer mini.Close()
	for _, s := range []struct {
		name string
		opt  *redis.Options
	}{
		{"miniredis", &redis.Options{Addr: mini.Addr(), Protocol: 2}},
		{"Redis", &redis.Options{Network: "unix", Addr: os.Args[1], Protocol: 2}},
	} {
		c := redis.NewClient(s.opt)
		do := func(args ...any) any {
			v, err := c.Do(ctx, args...).Result()
			if err != nil {
				panic(err)
			}
			return v
		}
		do("XGROUP", "CREATE", "jobs", "g", "0", "MKSTREAM")
		do("XADD", "jobs", "1-0", "a", "b")
		do("XADD", "jobs", "2-0", "a", "b")
		do("XREADGROUP", "GROUP", "g", "w1", "STREAMS", "jobs", ">")
		for range 3 {
			do("XCLAIM", "jobs", "g", "w1", 0, "1-0", "JUSTID")
		}
		list := c.XPendingExt(ctx, &redis.XPendingExtArgs{Stream: "jobs", Group: "g", Start: "1-0", End: "1-0", Count: 1}).Val()
		fmt.Printf("%s: deliveries after three heartbeats: %d\n", s.name, list[0].RetryCount)
		do("XDEL", "jobs", "2-0")
		fmt.Printf("%s: own entries: %v\n", s.name, do("XREADGROUP", "GROUP", "g", "w1", "STREAMS", "jobs", "0"))
		fmt.Printf("%s: deleted ones: %v\n", s.name, do("XAUTOCLAIM", "jobs", "g", "w2", 0, "0", "JUSTID").([]any)[2])
		c.Close()
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go run . "$dir/redis.sock" 2>/dev/null | tee seen
diff seen - <<'END'
miniredis: deliveries after three heartbeats: 4
miniredis: own entries: [[jobs [[1-0 [a b]]]]]
miniredis: deleted ones: []
Redis: deliveries after three heartbeats: 1
Redis: own entries: [[jobs [[1-0 [a b]] [2-0 <nil>]]]]
Redis: deleted ones: [2-0]
END
echo "as found: miniredis v2.40.0"
