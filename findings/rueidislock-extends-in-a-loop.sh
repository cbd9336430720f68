#!/usr/bin/env bash
# github.com/redis/rueidis/rueidislock v1.0.79 with a redis-server of Debian 12 (7.0.15), Go 1.26.
#
# Guess: a lock that is held, and that nobody else wants, costs a request for each of its keys every
#        ExtendInterval. NoLoopTracking, off by default, makes it a little cheaper.
# Seen:  without NoLoopTracking each extension is a change of which the client is told by its own client-side
#        caching, and its answer is to extend again: from the first extension on a lock sends requests without
#        a pause, thousands a second.
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

require github.com/redis/rueidis v1.0.79
END
cat >main.go <<'END'
package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"time"

	"github.com/redis/rueidis"
	"github.com/redis/rueidis/rueidislock"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func main() {
	ctx := context.Background()
	for _, noLoop := range []bool{true, false} {
		locker := must(rueidislock.NewLocker(rueidislock.LockerOption{
			ClientOption: rueidis.ClientOption{
				InitAddress: os.Args[1:],
				DialCtxFn: func(ctx context.Context, path string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
					return d.DialContext(ctx, "unix", path)
				},
			},
			KeyMajority: 1, NoLoopTracking: noLoop, KeyValidity: 10 * time.Second, ExtendInterval: time.Second,
		}))
		// calls returns the number of scripts that the server has run.
		calls := func() int {
			c := locker.Client()
			text := must(c.Do(ctx, c.B().Info().Section("commandstats").Build()).ToString())
			return must(strconv.Atoi(regexp.MustCompile(`evalsha:calls=(\d+)`).FindStringSubmatch(text)[1]))
		}
		held, release, err := locker.WithContext(ctx, "job")
		if err != nil {
			panic(err)
		}
		before := calls()
		time.Sleep(5500 * time.Millisecond)
		n := calls() - before
		fmt.Fprintln(os.Stderr, "requests:", n)
		fmt.Printf("NoLoopTracking %v: held: %v, more than 100 requests in five seconds: %v\n", noLoop, held.Err() == nil, n > 100)
		release()
		locker.Close()
	}
}
END
GOWORK=off GOFLAGS=-mod=mod go run . "$dir/redis.sock" 2> >(grep requests: >&2) | tee seen
diff seen - <<'END'
NoLoopTracking true: held: true, more than 100 requests in five seconds: false
NoLoopTracking false: held: true, more than 100 requests in five seconds: true
END
echo "as found: rueidislock v1.0.79"
