#!/usr/bin/env bash
# github.com/go-redis/cache/v9 v9.0.0, go-redis v9.23.0 with a redis-server of Debian 12 (7.0.15), Go 1.26.
#
# Guess: an item with a TTL below a second lives that long, or at most a second: TTL is "the cache expiration time",
#        go-redis sends such a time as PX, and "default TTL is 1 hour" is for an item without one.
# Seen:  it stays for an hour: of a TTL below a second the package writes "too short TTL" to the standard logger and
#        takes the default, and Set returns no error. A lock with SetNX whose TTL is computed, such as the rest of a
#        deadline, is shut for an hour when little is left. One of exactly a second, or 1500 ms, is kept as it is.
set -euo pipefail
command -v redis-server >/dev/null || { echo "install the Debian package redis-server" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
for _ in $(seq 100); do [ -S "$dir/redis.sock" ] && break; sleep 0.1; done
cat >go.mod <<'END'
module finding

go 1.26.0

require (
	github.com/go-redis/cache/v9 v9.0.0
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

	"github.com/go-redis/cache/v9"
	"github.com/redis/go-redis/v9"
)

func main() {
	ctx := context.Background()
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: os.Args[1]})
	c := cache.New(&cache.Options{Redis: client})
	for _, ttl := range []time.Duration{2500 * time.Millisecond, time.Second, 999 * time.Millisecond, 200 * time.Millisecond} {
		key := "lock " + ttl.String()
		err := c.Set(&cache.Item{Key: key, Value: "me", TTL: ttl, SetNX: true})
		left := client.PTTL(ctx, key).Val()
		fmt.Printf("TTL %v: Set returns %v, not longer than asked for: %t, more than 59 minutes: %t\n", ttl, err, left <= ttl, left > 59*time.Minute)
	}
	time.Sleep(3 * time.Second)
	fmt.Println("keys after three seconds:", client.DBSize(ctx).Val())
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go build -p 1 -o finding . 2>err || { cat err; exit 1; }
timeout 30 ./finding "$dir/redis.sock" 2>log | tee seen
diff seen - <<'END'
TTL 2.5s: Set returns <nil>, not longer than asked for: true, more than 59 minutes: false
TTL 1s: Set returns <nil>, not longer than asked for: true, more than 59 minutes: false
TTL 999ms: Set returns <nil>, not longer than asked for: false, more than 59 minutes: true
TTL 200ms: Set returns <nil>, not longer than asked for: false, more than 59 minutes: true
keys after three seconds: 2
END
grep 'too short TTL' log
echo "as found: go-redis/cache v9.0.0"
