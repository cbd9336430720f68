#!/usr/bin/env bash
# github.com/gomodule/redigo v1.9.3 with a redis-server of Debian 12 (7.0.15), Go 1.26.
#
# Guess: Close of a pooled connection ends what would be in the way of its next user: a subscription, a MULTI, a WATCH.
#        One to a shard channel, SSUBSCRIBE, is a subscription like another.
# Seen:  SUBSCRIBE is ended and SSUBSCRIBE is not: the connection goes back to the pool subscribed. Its next user gets
#        an error for each command, and so does everybody who gets it after that, as such an error does not take the
#        connection out of the pool. The pool knows the commands that change a connection from a list without this one.
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

require github.com/gomodule/redigo v1.9.3
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/gomodule/redigo/redis"
)

func main() {
	for _, command := range []string{"SUBSCRIBE", "SSUBSCRIBE"} {
		pool := &redis.Pool{MaxActive: 1, MaxIdle: 1, Dial: func() (redis.Conn, error) { return redis.Dial("unix", os.Args[1]) }}
		waiter := pool.Get()
		answer, err := redis.Values(waiter.Do(command, "released"))
		if err != nil {
			panic(err)
		}
		fmt.Printf("%s: %s; Close: %v\n", command, answer[0], waiter.Close())
		for range 2 {
			next := pool.Get()
			answer, err := redis.String(next.Do("SET", "lock", "mine"))
			if err != nil {
				answer, _, _ = strings.Cut(err.Error(), ":")
			}
			fmt.Printf("  next user: SET: %s; Close: %v\n", answer, next.Close())
		}
		pool.Close()
	}
}
END
GOWORK=off GOFLAGS=-mod=mod go build -o program . 2>/dev/null
timeout 80 ./program "$dir/redis.sock" 2>/dev/null | tee seen
diff seen - <<'END'
SUBSCRIBE: subscribe; Close: <nil>
  next user: SET: OK; Close: <nil>
  next user: SET: OK; Close: <nil>
SSUBSCRIBE: ssubscribe; Close: <nil>
  next user: SET: ERR Can't execute 'set'; Close: <nil>
  next user: SET: ERR Can't execute 'set'; Close: <nil>
END
echo "as found: redigo v1.9.3"
