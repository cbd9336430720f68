#!/usr/bin/env bash
# github.com/centrifugal/centrifuge v0.40.1, Redis 7.0.15, Go 1.26.
#
# Guess: MapPublish with KeyModeIfNew, documented for distributed locks and the claim of resources, is got by one of two; with
#        KeyModeIfExists, documented for the renewal of presence, it does nothing for a key that is gone. It does so with
#        RedisMapBroker as with MemoryMapBroker, in each mode of the channel.
# Seen:  in a channel of MapModeEphemeral, the mode for what lives by its TTL alone, the key mode has no effect with Redis:
#        both get the lock, the second puts its value over the first's, and a renewal brings back what is gone; no error.
#        The Lua script looks at the key mode within the part for channels with a history. The memory broker, that of a
#        test, and channels of MapModeRecoverable do as documented. CAS and versions are refused in this mode with an error.
set -euo pipefail
command -v redis-server >/dev/null || { echo "install the Debian package redis-server" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/centrifugal/centrifuge v0.40.1
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/centrifugal/centrifuge"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, broker := range []string{"memory", "Redis"} {
		node := must(centrifuge.New(centrifuge.Config{Map: centrifuge.MapConfig{
			GetMapChannelOptions: func(channel string) centrifuge.MapChannelOptions {
				mode := centrifuge.MapModeRecoverable
				if strings.HasPrefix(channel, "ephemeral") {
					mode = centrifuge.MapModeEphemeral
				}
				return centrifuge.MapChannelOptions{Mode: mode, KeyTTL: time.Minute}
			}}}))
		if broker == "memory" {
			node.SetMapBroker(must(centrifuge.NewMemoryMapBroker(node, centrifuge.MemoryMapBrokerConfig{})))
		} else {
			shard := must(centrifuge.NewRedisShard(node, centrifuge.RedisShardConfig{Address: "unix://" + os.Args[1]}))
			node.SetMapBroker(must(centrifuge.NewRedisMapBroker(node, centrifuge.RedisMapBrokerConfig{Shards: []*centrifuge.RedisShard{shard}})))
		}
		if err := node.Run(); err != nil {
			panic(err)
		}
		for _, channel := range []string{"recoverable", "ephemeral"} {
			publish := func(key, who string, mode centrifuge.KeyMode) bool {
				return !must(node.MapPublish(ctx, channel, key, centrifuge.MapPublishOptions{Data: []byte(who), KeyMode: mode})).Suppressed
			}
			read := func(key string) string {
				for _, p := range must(node.MapStateRead(ctx, channel, centrifuge.MapReadStateOptions{Key: key})).Publications {
					return string(p.Data)
				}
				return "nobody"
			}
			first := publish("lock", "first", centrifuge.KeyModeIfNew)
			second := publish("lock", "second", centrifuge.KeyModeIfNew)
			fmt.Printf("%s, %s: IfNew by the first %v, by the second %v, the lock is of %s; ", broker, channel, first, second, read("lock"))
			renewed := publish("gone", "me", centrifuge.KeyModeIfExists)
			fmt.Printf("IfExists of a key that is gone %v, it is of %s\n", renewed, read("gone"))
		}
		if err := node.Shutdown(ctx); err != nil {
			panic(err)
		}
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 590 go build -o finding . 2>err || cat err
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --dir "$dir" >/dev/null & server=$!
for _ in {1..100}; do redis-cli -s redis.sock ping >/dev/null 2>&1 && break; sleep 0.1; done
timeout 60 ./finding "$dir/redis.sock" 2>&1 | tee seen
diff seen - <<'END'
memory, recoverable: IfNew by the first true, by the second false, the lock is of first; IfExists of a key that is gone false, it is of nobody
memory, ephemeral: IfNew by the first true, by the second false, the lock is of first; IfExists of a key that is gone false, it is of nobody
Redis, recoverable: IfNew by the first true, by the second false, the lock is of first; IfExists of a key that is gone false, it is of nobody
Redis, ephemeral: IfNew by the first true, by the second true, the lock is of second; IfExists of a key that is gone true, it is of me
END
echo "as found: centrifuge v0.40.1"
