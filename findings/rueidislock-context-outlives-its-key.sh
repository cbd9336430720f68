#!/usr/bin/env bash
# github.com/redis/rueidis/rueidislock v1.0.79 with a redis-server of Debian 12 (7.0.15), Go 1.26.
#
# Guess: the context of a lock ends, at the latest, when the key expires in Redis, also if no answer comes from
#        there: the holder knows when it last extended the key, and for how long.
# Seen:  the context ends when an extension has not been answered for KeyValidity. The key was last extended an
#        ExtendInterval before that, so a holder that is cut off works on for an ExtendInterval after the key
#        has expired, beside the next holder.
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
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
	"github.com/redis/rueidis/rueidislock"
)

// cut is a connection that is silent once gone is true.
type cut struct {
	net.Conn
	gone *atomic.Bool
}

func (c cut) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	for err == nil && c.gone.Load() {
		time.Sleep(10 * time.Millisecond)
	}
	return n, err
}

func (c cut) Write(p []byte) (int, error) {
	if c.gone.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func locker(path string, gone *atomic.Bool) rueidislock.Locker {
	l, err := rueidislock.NewLocker(rueidislock.LockerOption{
		ClientOption: rueidis.ClientOption{
			InitAddress: []string{path},
			DialCtxFn: func(ctx context.Context, path string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
				c, err := d.DialContext(ctx, "unix", path)
				return cut{c, gone}, err
			},
		},
		KeyMajority: 1, NoLoopTracking: true, // KeyValidity is 5 s, ExtendInterval half of it
	})
	if err != nil {
		panic(err)
	}
	return l
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var gone, never atomic.Bool
	first, _, err := locker(os.Args[1], &gone).WithContext(ctx, "job")
	fmt.Println("the first has the lock:", err == nil)
	gone.Store(true)
	_, _, err = locker(os.Args[1], &never).WithContext(ctx, "job")
	fmt.Println("the second has the lock:", err == nil)
	for range 2 {
		fmt.Println("context of the first:", first.Err())
		time.Sleep(time.Second)
	}
	<-first.Done()
	fmt.Println("context of the first:", first.Err())
}
END
GOWORK=off GOFLAGS=-mod=mod go run . "$dir/redis.sock" 2>/dev/null | tee seen
diff seen - <<'END'
the first has the lock: true
the second has the lock: true
context of the first: <nil>
context of the first: <nil>
context of the first: context canceled
END
echo "as found: rueidislock v1.0.79"
