#!/usr/bin/env bash
# github.com/go-redis/cache/v9 v9.0.0, go-redis v9.23.0 with a redis-server of Debian 12 (7.0.15), Go 1.26.
#
# Guess: Set of an item with SetNX, "only sets the key if it does not already exist", leaves everything as it is if the
#        key is there, and its error says so. SetXX of a key that is not there alike.
# Seen:  both return no error: Set drops the reply of SET NX and keeps its error alone, and nothing else tells whether
#        the item was set. With a local cache it is worse, as Set fills that before it asks Redis: for the TTL of the
#        local cache Get and Exists answer the one who was refused with its own value, for SetXX even of a key that
#        does not exist. Each process then takes itself for the holder.
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
	open := func() *cache.Cache {
		return cache.New(&cache.Options{Redis: client, LocalCache: cache.NewTinyLFU(100, 10*time.Minute)})
	}
	a, b := open(), open()
	fmt.Println("process a sets with SetNX:", a.Set(&cache.Item{Key: "lock", Value: "process a", TTL: time.Minute, SetNX: true}))
	fmt.Println("process b sets with SetNX:", b.Set(&cache.Item{Key: "lock", Value: "process b", TTL: time.Minute, SetNX: true}))
	var holder, onServer string
	err := b.Get(ctx, "lock", &holder)
	fmt.Println("process b Get:", err, holder)
	err = b.GetSkippingLocalCache(ctx, "lock", &onServer)
	fmt.Println("process b GetSkippingLocalCache:", err, onServer)
	fmt.Println("process b sets another key with SetXX:", b.Set(&cache.Item{Key: "gone", Value: "process b", TTL: time.Minute, SetXX: true}))
	fmt.Println("process b Exists:", b.Exists(ctx, "gone"), "- on the server:", client.Exists(ctx, "gone").Val())
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go build -p 1 -o finding . 2>err || { cat err; exit 1; }
timeout 30 ./finding "$dir/redis.sock" | tee seen
diff seen - <<'END'
process a sets with SetNX: <nil>
process b sets with SetNX: <nil>
process b Get: <nil> process b
process b GetSkippingLocalCache: <nil> process a
process b sets another key with SetXX: <nil>
process b Exists: true - on the server: 0
END
echo "as found: go-redis/cache v9.0.0"
