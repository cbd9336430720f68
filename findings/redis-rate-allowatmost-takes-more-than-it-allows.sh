#!/usr/bin/env bash
# github.com/go-redis/redis_rate/v10 v10.0.1 with a redis-server of Debian 12 (7.0.15), Go 1.26.
#
# Guess: AllowAtMost takes as many as it says it allows, in Allowed, and leaves the rest for the next call: calls in
#        a row are allowed the rate of the limit. RetryAfter of AllowN is how long it takes until the same call succeeds.
# Seen:  if less is left than asked for, AllowAtMost takes all of it, also the part of one that is there, and says the
#        whole number: at 1 a second, calls every 1.5 s are allowed 2 of 3. AllowN of more than Burst is never allowed,
#        and names a RetryAfter each time, after which it is refused with the same.
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
	github.com/go-redis/redis_rate/v10 v10.0.1
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

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
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
	limiter := redis_rate.NewLimiter(client)
	limit := redis_rate.Limit{Rate: 1, Period: time.Second, Burst: 5}

	must(limiter.AllowN(ctx, "a", limit, 5)) // all that there is
	start, allowed := time.Now(), 0
	for range 10 {
		time.Sleep(1500 * time.Millisecond)
		allowed += must(limiter.AllowAtMost(ctx, "a", limit, 5)).Allowed
	}
	due := time.Since(start).Seconds()
	fmt.Printf("AllowAtMost: allowed %d in %.1f s\n", allowed, due)
	fmt.Println("under 3/4 of the rate:", float64(allowed) < 0.75*due)

	must(limiter.AllowN(ctx, "b", limit, 5))
	start, allowed = time.Now(), 0
	for range 10 {
		time.Sleep(1500 * time.Millisecond)
		for must(limiter.Allow(ctx, "b", limit)).Allowed == 1 {
			allowed++
		}
	}
	due = time.Since(start).Seconds()
	fmt.Printf("Allow: allowed %d in %.1f s\n", allowed, due)
	fmt.Println("under 3/4 of the rate:", float64(allowed) < 0.75*due)

	for range 3 {
		result := must(limiter.AllowN(ctx, "c", limit, 7))
		fmt.Println("AllowN of 7:", result.Allowed, "RetryAfter in seconds:", result.RetryAfter.Round(10*time.Millisecond).Seconds())
		time.Sleep(result.RetryAfter + 500*time.Millisecond)
	}
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o program . 2>/dev/null
timeout 80 ./program "$dir/redis.sock" 2>/dev/null | tee all
grep -v ' in [0-9.]* s$' all >seen
diff seen - <<'END'
under 3/4 of the rate: true
under 3/4 of the rate: false
AllowN of 7: 0 RetryAfter in seconds: 2
AllowN of 7: 0 RetryAfter in seconds: 2
AllowN of 7: 0 RetryAfter in seconds: 2
END
echo "as found: redis_rate v10.0.1"
