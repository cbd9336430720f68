#!/usr/bin/env bash
# github.com/alicebob/miniredis/v2 v2.40.0 with a redis-server of Debian 12 (7.0.15), Go 1.26.
#
# Guess: a number that a script joins with "..", or gives to tostring, reads the same on miniredis, as it does
#        when the script returns the number or hands it to redis.call.
# Seen:  miniredis writes all digits of a whole number. Redis writes 14 of them, and so drops the last two of the
#        microseconds since 1970. A test on miniredis sees a new token each microsecond; on Redis two clients of
#        the same 100 microseconds have the same one.
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
		// token is what a script makes of the two words of TIME.
		token := func(micros string) any {
			return c.Eval(ctx, "return 'job:' .. (tonumber(ARGV[1]) * 1000000 + tonumber(ARGV[2]))", nil, "1785000000", micros).Val()
		}
		fmt.Printf("%s: %v and %v\n", s.name, token("123401"), token("123449"))
		c.Close()
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go run . "$dir/redis.sock" 2>/dev/null | tee seen
diff seen - <<'END'
miniredis: job:1785000000123401 and job:1785000000123449
Redis: job:1.7850000001234e+15 and job:1.7850000001234e+15
END
echo "as found: miniredis v2.40.0"
