#!/usr/bin/env bash
# github.com/redis/go-redis/v9 v9.23.0 with redis-server and redis-sentinel of Debian 12
# (7.0.15), Go 1.26.
#
# Guess: Close of a client ends what the client started, as that of NewFailoverClient does.
# Seen:  Close of a NewFailoverClusterClient leaves the goroutine that listens to the
#        sentinel, and its connection: each client that is opened and closed leaves one more.
set -euo pipefail
command -v redis-server >/dev/null || { echo "install the Debian package redis-server" >&2; exit 1; }
command -v python3 >/dev/null || { echo "install the Debian package python3" >&2; exit 1; }
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
read -r port sentinel < <(python3 - <<'END'
import socket
all = [socket.socket() for _ in range(2)]
for s in all: s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in all))
END
)
redis-server --bind 127.0.0.1 --port "$port" --save '' --dir "$dir" >/dev/null &
until redis-cli -p "$port" ping >/dev/null 2>&1; do sleep 0.1; done
printf 'bind 127.0.0.1\nport %s\ndir %s\nsentinel monitor main 127.0.0.1 %s 1\n' "$sentinel" "$dir" "$port" >sentinel.conf
redis-server sentinel.conf --sentinel >/dev/null &
until redis-cli -p "$sentinel" ping >/dev/null 2>&1; do sleep 0.1; done
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/redis/go-redis/v9 v9.23.0
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// listening counts the goroutines that listen to a sentinel.
func listening() int {
	time.Sleep(3 * time.Second) // those that are to end have ended
	stacks := make([]byte, 1<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), ".(*sentinelFailover).listen(")
}

func main() {
	ctx := context.Background()
	options := &redis.FailoverOptions{MasterName: "main", SentinelAddrs: os.Args[1:]}
	for name, open := range map[string]func() redis.UniversalClient{
		"NewFailoverClient":        func() redis.UniversalClient { return redis.NewFailoverClient(options) },
		"NewFailoverClusterClient": func() redis.UniversalClient { return redis.NewFailoverClusterClient(options) },
	} {
		before := listening()
		for range 5 {
			client := open()
			if err := client.Ping(ctx).Err(); err != nil {
				panic(err)
			}
			if err := client.Close(); err != nil {
				panic(err)
			}
		}
		fmt.Println(name, "opened and closed five times, goroutines left:", listening()-before)
	}
}
END
GOWORK=off GOFLAGS=-mod=mod go run . "127.0.0.1:$sentinel" 2>/dev/null | sort | tee seen
diff seen - <<'END'
NewFailoverClient opened and closed five times, goroutines left: 0
NewFailoverClusterClient opened and closed five times, goroutines left: 5
END
echo "as found: go-redis v9.23.0"
