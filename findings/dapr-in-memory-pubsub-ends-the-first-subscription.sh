#!/usr/bin/env bash
# github.com/dapr/components-contrib v1.18.0 (pubsub/in-memory), Go 1.26.
#
# Guess: the end of the context of Subscribe ends that subscription, and the others of the topic go on.
# Seen:  it ends the first one of the topic, whichever was cancelled. A worker that leaves makes another deaf, without an
#        error, and goes on being called itself. The bus looks for the handler to remove by the address of its code, and
#        all handlers of Subscribe are closures of the same code.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'EOF'
module finding

go 1.26.0

require github.com/dapr/components-contrib v1.18.0
EOF
cat >main.go <<'EOF'
package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/dapr/components-contrib/pubsub"
	inmemory "github.com/dapr/components-contrib/pubsub/in-memory"
	"github.com/dapr/kit/logger"
)

func main() {
	ctx := context.Background()
	log := logger.NewLogger("finding")
	log.SetOutput(os.Stderr)
	bus := inmemory.New(log)
	if err := bus.Init(ctx, pubsub.Metadata{}); err != nil {
		panic(err)
	}
	called := make(chan string, 99)
	subscribe := func(name string) context.CancelFunc {
		ctx, cancel := context.WithCancel(ctx)
		if err := bus.Subscribe(ctx, pubsub.SubscribeRequest{Topic: "jobs"}, func(context.Context, *pubsub.NewMessage) error {
			called <- name
			return nil
		}); err != nil {
			panic(err)
		}
		return cancel
	}
	publish := func(when string) {
		if err := bus.Publish(ctx, &pubsub.PublishRequest{Topic: "jobs", Data: []byte("job")}); err != nil {
			panic(err)
		}
		time.Sleep(2 * time.Second)
		var names []string
		for len(called) > 0 {
			names = append(names, <-called)
		}
		slices.Sort(names)
		fmt.Printf("%s: called: %q\n", when, names)
	}
	subscribe("first")
	subscribe("second")
	end := subscribe("third")
	publish("three subscriptions")
	end()
	time.Sleep(2 * time.Second)
	publish("the third one's context has ended")
}
EOF
GOWORK=off GOFLAGS=-mod=mod timeout 900 go build -p 2 -o finding . 2>err || { cat err; exit 1; }
timeout 30 ./finding 2>err | tee seen || { cat err; exit 1; }
diff seen - <<'EOF'
three subscriptions: called: ["first" "second" "third"]
the third one's context has ended: called: ["second" "third"]
EOF
echo "as found: dapr/components-contrib v1.18.0"
