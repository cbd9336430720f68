#!/usr/bin/env bash
# github.com/bsm/redislock v0.9.4 with a redis-server of Debian 12 (7.0.15), Go 1.26.
#
# Guess: Obtain with a Token of one's own takes a key that is free, or that is locked with that
#        token, so it can be used beside any other value under the key.
# Seen:  it takes every key whose value begins with the token. A lock with the token "job-1"
#        takes the key from a holder with the token "job-10", whose refresh and release then fail,
#        and from a value that another program put there. Random tokens, the default, do not.
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
	github.com/bsm/redislock v0.9.4
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

	"github.com/bsm/redislock"
	"github.com/redis/go-redis/v9"
)

func main() {
	ctx := context.Background()
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: os.Args[1]})
	defer client.Close()
	obtain := func(key, token string) *redislock.Lock {
		lock, err := redislock.Obtain(ctx, client, key, time.Minute, &redislock.Options{Token: token})
		fmt.Printf("%s with token %q: %v\n", key, token, err)
		return lock
	}
	ten := obtain("a", "job-10")
	obtain("a", "job-2")
	obtain("a", "job-1")
	fmt.Println("refresh of the first holder:", ten.Refresh(ctx, time.Minute, nil))

	if err := client.Set(ctx, "b", "job-1 is done", 0).Err(); err != nil {
		panic(err)
	}
	obtain("b", "")
	obtain("b", "job-1")
}
END
GOWORK=off GOFLAGS=-mod=mod go run . "$dir/redis.sock" 2>/dev/null | tee seen
diff seen - <<'END'
a with token "job-10": <nil>
a with token "job-2": redislock: not obtained
a with token "job-1": <nil>
refresh of the first holder: redislock: not obtained
b with token "": redislock: not obtained
b with token "job-1": <nil>
END
echo "as found: redislock v0.9.4"
