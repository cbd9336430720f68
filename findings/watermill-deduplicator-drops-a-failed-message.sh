#!/usr/bin/env bash
# github.com/ThreeDotsLabs/watermill v1.5.1, its in-memory Pub/Sub, Go 1.26.
#
# Guess: the Deduplicator drops a message that has been handled before. One whose handler failed is delivered again
#        and handled again.
# Seen:  it counts as a duplicate when it comes again: it is acknowledged without a call of the handler, and lost for
#        the whole window. With the middleware Retry around it, the retry succeeds at once without doing anything;
#        within Retry the order matters. (The key is recorded before the handler is called, and not taken back.)
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/ThreeDotsLabs/watermill v1.5.1
END
cat >main.go <<'END'
package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	retry := middleware.Retry{MaxRetries: 2, InitialInterval: 10 * time.Millisecond, Logger: watermill.NopLogger{}}.Middleware
	for _, order := range []string{"none", "Deduplicator", "Retry around Deduplicator", "Deduplicator around Retry"} {
		bus := gochannel.NewGoChannel(gochannel.Config{}, watermill.NopLogger{})
		router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
		check(err)
		unique := (&middleware.Deduplicator{KeyFactory: middleware.NewMessageHasherSHA256(middleware.MessageHasherReadLimitMinimum)}).Middleware
		switch order {
		case "Deduplicator":
			router.AddMiddleware(unique)
		case "Retry around Deduplicator":
			router.AddMiddleware(retry, unique)
		case "Deduplicator around Retry":
			router.AddMiddleware(unique, retry)
		}
		var calls, done atomic.Int32
		router.AddNoPublisherHandler("handler", "jobs", bus, func(*message.Message) error {
			if calls.Add(1) == 1 {
				return errors.New("no connection")
			}
			done.Add(1)
			return nil
		})
		go router.Run(context.Background())
		<-router.Running()
		job := message.NewMessage(watermill.NewUUID(), []byte("job 1"))
		check(bus.Publish("jobs", job))
		time.Sleep(3 * time.Second)
		fmt.Printf("%s: %d calls of the handler, done: %d\n", order, calls.Load(), done.Load())
		check(router.Close())
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 200 go build -o finding . 2>/dev/null
timeout 60 ./finding | tee seen
diff seen - <<'END'
none: 2 calls of the handler, done: 1
Deduplicator: 1 calls of the handler, done: 0
Retry around Deduplicator: 1 calls of the handler, done: 0
Deduplicator around Retry: 2 calls of the handler, done: 1
END
echo "as found: watermill v1.5.1"
