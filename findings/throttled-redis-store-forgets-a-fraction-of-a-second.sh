#!/usr/bin/env bash
# github.com/throttled/throttled/v2 v2.15.0 (its stores in memory and for go-redis v9), Redis 7.0.15 of Debian 12, Go 1.26.
#
# Guess: a limit of one in 1.9 s lets one through every 1.9 s, with the store in Redis as with the one in memory. That
#        "updating operations reset the TTL rounded down to the nearest second" is a matter of cleaning up.
# Seen:  the key is all that is known of the last request, and it ends with the fraction of a second missing: with
#        Redis the next request is let through after 1 s, nearly twice the rate. A burst is given again so early, too.
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
	github.com/redis/go-redis/v9 v9.23.0
	github.com/throttled/throttled/v2 v2.15.0
)
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/throttled/throttled/v2"
	goredisstore "github.com/throttled/throttled/v2/store/goredisstore.v9"
	"github.com/throttled/throttled/v2/store/memstore"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func main() {
	ctx := context.Background()
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: os.Args[1]})
	quota := throttled.RateQuota{MaxRate: throttled.PerDuration(1, 1900*time.Millisecond)}
	for name, store := range map[string]throttled.GCRAStoreCtx{
		"memory": must(memstore.NewCtx(0)), "redis": must(goredisstore.NewCtx(client, "limit:")),
	} {
		limiter := must(throttled.NewGCRARateLimiterCtx(store, quota))
		start, through := time.Now(), 0
		for time.Since(start) < 19*time.Second {
			limited, _, err := limiter.RateLimitCtx(ctx, "key", 1)
			if err != nil {
				panic(err)
			}
			if !limited {
				through++
			}
			time.Sleep(20 * time.Millisecond)
		}
		fmt.Println(name, through)
	}
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o program . 2>/dev/null
timeout 80 ./program "$dir/redis.sock" 2>/dev/null | sort | tee seen
memory=$(awk '$1 == "memory" { print $2 }' seen)
redis=$(awk '$1 == "redis" { print $2 }' seen)
[ "$memory" -ge 8 ] && [ "$memory" -le 11 ] || { echo "changed: memory" >&2; exit 1; }
[ "$redis" -ge 13 ] || { echo "changed: redis" >&2; exit 1; }
echo "as found: throttled v2.15.0: ten requests in 19 s with the store in memory, many more with Redis"
