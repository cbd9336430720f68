#!/usr/bin/env bash
# github.com/redis/rueidis v1.0.79 with a redis-server of Debian 12 (7.0.15), Go 1.26.
#
# Guess: a DoCache that is called after the client's own write has been answered finds what was written: server,
#        answer and invalidation are on one connection, and only writes of others take a moment to be heard of.
# Seen:  Redis sends the invalidation behind the answer, and rueidis hands out the answer before it has read on. Of
#        such reads by the goroutine that wrote, one in ten or so has the value from before; after a transaction and
#        after a script as well. A holder that writes its state and reads it back can find that of before.
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
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{os.Args[1]},
		DialCtxFn: func(ctx context.Context, path string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
			return d.DialContext(ctx, "unix", path)
		},
	})
	if err != nil {
		panic(err)
	}
	for _, by := range []struct {
		name  string
		write func(value string) error
	}{
		{"SET", func(value string) error {
			return c.Do(ctx, c.B().Set().Key("key").Value(value).Build()).Error()
		}},
		{"transaction", func(value string) error {
			return c.DoMulti(ctx, c.B().Multi().Build(), c.B().Set().Key("key").Value(value).Build(), c.B().Exec().Build())[2].Error()
		}},
		{"script", func(value string) error {
			return c.Do(ctx, c.B().Eval().Script("return redis.call('SET', KEYS[1], ARGV[1])").Numkeys(1).Key("key").Arg(value).Build()).Error()
		}},
	} {
		const rounds = 20000
		old := 0
		for i := range rounds {
			c.DoCache(ctx, c.B().Get().Key("key").Cache(), time.Minute) // has the value in the cache
			if err := by.write(strconv.Itoa(i)); err != nil {
				panic(err)
			}
			if seen, _ := c.DoCache(ctx, c.B().Get().Key("key").Cache(), time.Minute).ToString(); seen != strconv.Itoa(i) {
				old++
			}
		}
		fmt.Fprintf(os.Stderr, "%s: %d of %d reads have the value from before\n", by.name, old, rounds)
		fmt.Printf("reads after the client's own %s find the value from before: %v\n", by.name, old > 0)
	}
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o finding . 2>/dev/null
timeout 60 ./finding "$dir/redis.sock" | tee seen
diff seen - <<'END'
reads after the client's own SET find the value from before: true
reads after the client's own transaction find the value from before: true
reads after the client's own script find the value from before: true
END
echo "as found: rueidis v1.0.79"
