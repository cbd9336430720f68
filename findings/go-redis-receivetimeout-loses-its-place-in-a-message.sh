#!/usr/bin/env bash
# github.com/redis/go-redis/v9 v9.23.0 with a redis-server of Debian 12 (7.0.15), Go 1.26.
#
# Guess: PubSub.ReceiveTimeout can be called again after a timeout, as its callers do who look
#        at something else in between: a message that was on its way comes with a later call.
# Seen:  that holds if the timeout passes between two messages. If it passes while a message
#        has come in part, that part is lost and a later call takes the rest for the start of
#        an answer and fails with "can't parse". The message is never delivered.
#
# Whoever needs to do other things beside a subscription should read without a timeout in a
# goroutine of its own and close the PubSub to end it.
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

require github.com/redis/go-redis/v9 v9.23.0
END
cat >main.go <<'END'
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// relay connects to the server, and pauses in the middle of the message "whole".
func relay(ctx context.Context, server string) net.Conn {
	ours, theirs := net.Pipe()
	up, err := new(net.Dialer).DialContext(ctx, "unix", server)
	if err != nil {
		panic(err)
	}
	go io.Copy(up, ours)
	go func() {
		defer ours.Close()
		buffer := make([]byte, 4096)
		for {
			n, err := up.Read(buffer)
			if err != nil {
				return
			}
			rest := buffer[:n]
			if at := bytes.Index(rest, []byte("whole")); at >= 0 {
				ours.Write(rest[:at+2])
				time.Sleep(time.Second)
				rest = rest[at+2:]
			}
			ours.Write(rest)
		}
	}()
	return theirs
}

func main() {
	ctx := context.Background()
	plain := redis.NewClient(&redis.Options{Network: "unix", Addr: os.Args[1]})
	for i, timeout := range []time.Duration{0, 300 * time.Millisecond, 300 * time.Millisecond} {
		client := redis.NewClient(&redis.Options{Protocol: 3 - i/2, MaxRetries: -1, Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return relay(ctx, os.Args[1]), nil
		}})
		sub := client.Subscribe(ctx, "news")
		if _, err := sub.Receive(ctx); err != nil {
			panic(err)
		}
		plain.Publish(ctx, "news", "whole")
		for late := time.Now().Add(3 * time.Second); time.Now().Before(late); {
			message, err := sub.ReceiveTimeout(ctx, timeout)
			var passed net.Error
			if errors.As(err, &passed) && passed.Timeout() {
				continue
			}
			if err != nil {
				fmt.Printf("timeout %v: error, can't parse: %v\n", timeout, strings.Contains(err.Error(), "can't parse"))
			} else {
				fmt.Printf("timeout %v: %v\n", timeout, message)
			}
			break
		}
		sub.Close()
		client.Close()
	}
}
END
GOWORK=off GOFLAGS=-mod=mod go run . "$dir/redis.sock" 2>/dev/null | tee seen
diff seen - <<'END'
timeout 0s: Message<news: whole>
timeout 300ms: error, can't parse: true
timeout 300ms: error, can't parse: true
END
echo "as found: go-redis v9.23.0"
