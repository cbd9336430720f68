#!/usr/bin/env bash
# github.com/ThreeDotsLabs/watermill-redisstream v1.4.5 with a redis-server of Debian 12 (7.0.15), Go 1.26.
#
# Guess: the only consumer of a group handles each message once if nothing fails, also if a handler takes longer than
#        MaxIdleTime: there is nobody to claim the message, and it is acknowledged.
# Seen:  it handles such a message two or three times. It looks for messages that are idle too long, finds the one that it is at
#        work on, claims it from itself and keeps it for later; that it has been acknowledged by then is not looked at.
#        The message behind it is fetched ahead and grows idle in the hands of its consumer in the same way.
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
	github.com/ThreeDotsLabs/watermill v1.5.1
	github.com/ThreeDotsLabs/watermill-redisstream v1.4.5
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

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func main() {
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: os.Args[1]})
	publisher := must(redisstream.NewPublisher(redisstream.PublisherConfig{Client: client}, watermill.NopLogger{}))
	for _, length := range []time.Duration{0, 9 * time.Second} {
		topic := "orders" + length.String()
		subscriber := must(redisstream.NewSubscriber(redisstream.SubscriberConfig{Client: client, ConsumerGroup: "work",
			Consumer: "one", MaxIdleTime: 3 * time.Second, ClaimInterval: 500 * time.Millisecond, BlockTime: time.Second},
			watermill.NopLogger{}))
		messages := must(subscriber.Subscribe(context.Background(), topic))
		if err := publisher.Publish(topic, message.NewMessage("order 1", nil)); err != nil {
			panic(err)
		}
		handled := 0
		for end := time.After(25 * time.Second); end != nil; {
			select {
			case m := <-messages:
				handled++
				time.Sleep(length)
				m.Ack()
			case <-end:
				end = nil
			}
		}
		pending := must(client.XPending(context.Background(), topic, "work").Result()).Count
		fmt.Printf("MaxIdleTime 3 s, one consumer, handler of %v: the message is handled more than once: %v, unacknowledged are %d\n", length, handled > 1, pending)
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 200 go build -o finding . 2>/dev/null
timeout 85 ./finding "$dir/redis.sock" 2>/dev/null | tee seen
diff seen - <<'END'
MaxIdleTime 3 s, one consumer, handler of 0s: the message is handled more than once: false, unacknowledged are 0
MaxIdleTime 3 s, one consumer, handler of 9s: the message is handled more than once: true, unacknowledged are 0
END
echo "as found: watermill-redisstream v1.4.5"
