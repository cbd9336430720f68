#!/usr/bin/env bash
# github.com/go-redsync/redsync/v4 v4.18.1, go-redis v9.23.0 with a redis-server of Debian 12 (7.0.15), Go 1.26.
#
# Guess: after a LockContext that failed, redsync deletes the key that it may have set all the same. It does so if
#        the answer comes later than its own time limit, a part of the expiry.
# Seen:  it sends the deletion with the caller's context. If it is that context which has ended, nothing is sent:
#        a caller that gives up while an answer is late leaves the lock taken for the whole expiry, by nobody.
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
	github.com/go-redsync/redsync/v4 v4.18.1
	github.com/redis/go-redis/v9 v9.23.0
)
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/go-redsync/redsync/v4"
	"github.com/go-redsync/redsync/v4/redis/goredis/v9"
	"github.com/redis/go-redis/v9"
)

func main() {
	ctx := context.Background()
	direct := redis.NewClient(&redis.Options{Network: "unix", Addr: os.Args[1]})
	defer direct.Close()
	for _, limit := range []string{"of redsync", "of the caller"} {
		// The next answer of the server after slow is set takes half a second.
		var slow atomic.Bool
		client := redis.NewClient(&redis.Options{
			ContextTimeoutEnabled: true,
			Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) {
				far, err := new(net.Dialer).DialContext(ctx, "unix", os.Args[1])
				if err != nil {
					return nil, err
				}
				near, ours := net.Pipe()
				go func() {
					io.Copy(far, ours)
					far.Close()
				}()
				go func() {
					defer ours.Close()
					buf := make([]byte, 4096)
					for {
						n, err := far.Read(buf)
						if err != nil {
							return
						}
						if slow.Swap(false) {
							time.Sleep(500 * time.Millisecond)
						}
						if _, err := ours.Write(buf[:n]); err != nil {
							return
						}
					}
				}()
				return near, nil
			},
		})
		if err := client.Ping(ctx).Err(); err != nil {
			panic(err)
		}
		// The script of the deletion is in the server already.
		rs := redsync.New(goredis.NewPool(client))
		if first := rs.NewMutex("first"); first.Lock() != nil {
			panic("no lock")
		} else if ok, err := first.Unlock(); !ok {
			panic(err)
		}
		slow.Store(true)
		options := []redsync.Option{redsync.WithExpiry(time.Minute), redsync.WithTries(1)}
		short, cancel := ctx, context.CancelFunc(func() {})
		if limit == "of redsync" {
			options = append(options, redsync.WithTimeoutFactor(0.2/60))
		} else {
			short, cancel = context.WithTimeout(ctx, 200*time.Millisecond)
		}
		err := rs.NewMutex("job", options...).LockContext(short)
		cancel()
		time.Sleep(1500 * time.Millisecond)
		fmt.Printf("a time limit %s of 200 ms: failed: %v, still locked: %v\n", limit, err != nil, direct.Exists(ctx, "job").Val() == 1)
		client.Close()
		direct.FlushDB(ctx)
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go run . "$dir/redis.sock" 2>/dev/null | tee seen
diff seen - <<'END'
a time limit of redsync of 200 ms: failed: true, still locked: false
a time limit of the caller of 200 ms: failed: true, still locked: true
END
echo "as found: redsync v4.18.1"
