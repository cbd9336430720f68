#!/usr/bin/env bash
# github.com/zeromicro/go-zero v1.10.3 (core/stores/redis) with a redis-server of Debian 12 (7.0.15), Go 1.26.
#
# Guess: a RedisLock is held until Release, or for the 1500 ms of the documentation, which says "Can reenter, automatic
#        renewal"; who has acquired it twice releases it twice.
# Seen:  nothing renews it. Without SetExpire it ends after 500 ms, with SetExpire(n) after n seconds and a half,
#        while its holder is at work and another takes it. A second Acquire of one object renews it, also if it comes
#        from another goroutine that wants the lock, and there is no count: the first Release frees it for all.
set -euo pipefail
command -v redis-server >/dev/null || { echo "install the Debian package redis-server" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
for _ in 1 2 3 4 5; do # a free port
	port=$((20000 + RANDOM % 10000))
	redis-server --port $port --bind 127.0.0.1 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
	sleep 1
	! kill -0 $server 2>/dev/null || break
done
until [ -S "$dir/redis.sock" ]; do sleep 0.1; done
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/zeromicro/go-zero v1.10.3
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/zeromicro/go-zero/core/logx"
	"github.com/zeromicro/go-zero/core/stores/redis"
)

func must(taken bool, err error) bool {
	if err != nil {
		panic(err)
	}
	return taken
}

func main() {
	logx.Disable()
	store := redis.MustNewRedis(redis.RedisConf{Host: os.Args[1], Type: redis.NodeType})
	for _, seconds := range []int{0, 2} {
		name := fmt.Sprint("lock", seconds)
		mine, other := redis.NewRedisLock(store, name), redis.NewRedisLock(store, name)
		mine.SetExpire(seconds)
		other.SetExpire(60)
		must(mine.Acquire())
		ttl, err := store.Eval("return redis.call('PTTL', KEYS[1])", []string{name})
		if err != nil {
			panic(err)
		}
		fmt.Printf("SetExpire(%d): it ends half a second after that: %v;", seconds, ttl.(int64) <= int64(seconds)*1000+500)
		time.Sleep(time.Duration(seconds)*time.Second + 1400*time.Millisecond)
		fmt.Printf(" another gets it while the first is at work: %v\n", must(other.Acquire()))
	}
	mine, other := redis.NewRedisLock(store, "twice"), redis.NewRedisLock(store, "twice")
	mine.SetExpire(60)
	first, second := must(mine.Acquire()), must(mine.Acquire())
	must(mine.Release())
	fmt.Printf("acquired twice: %v, released once: another gets it: %v\n", first && second, must(other.Acquire()))
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 300 go build -o finding . 2>/dev/null
timeout 60 ./finding "127.0.0.1:$port" 2>/dev/null | tee seen
diff seen - <<'END'
SetExpire(0): it ends half a second after that: true; another gets it while the first is at work: true
SetExpire(2): it ends half a second after that: true; another gets it while the first is at work: true
acquired twice: true, released once: another gets it: true
END
echo "as found: go-zero v1.10.3"
