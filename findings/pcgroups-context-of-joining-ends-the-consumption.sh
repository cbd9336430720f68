#!/usr/bin/env bash
# github.com/synadia-io/orbit.go/pcgroups v0.2.2 with nats-server v2.15.3 and nats.go v1.55.0, Go 1.26.
#
# Guess: the context given to ElasticConsume may end when it has returned: it "is going to be used only for the operations
#        that are part of joining the consumer group. You must use Stop()".
# Seen:  its end is the end of the consumption, with the error "config watcher has been closed" on Done: a timeout for
#        joining, or a deferred cancel, takes the member out of the group later. The watcher of the group's
#        configuration, which the member listens to as long as it lives, is made with that context.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require (
	github.com/nats-io/nats-server/v2 v2.15.3
	github.com/nats-io/nats.go v1.55.0
	github.com/synadia-io/orbit.go/pcgroups v0.2.2
)
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/pcgroups"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func main() {
	s := must(server.NewServer(&server.Options{DontListen: true, JetStream: true, StoreDir: "data", NoLog: true, NoSigs: true}))
	s.Start()
	defer s.Shutdown()
	js := must(jetstream.New(must(nats.Connect("", nats.InProcessServer(s)))))
	ctx := context.Background()
	must(js.CreateStream(ctx, jetstream.StreamConfig{Name: "orders", Subjects: []string{"orders.*"}}))
	filter := pcgroups.PartitioningFilter{Filter: "orders.*", PartitioningWildcards: []int{1}}
	must(pcgroups.CreateElastic(ctx, js, "orders", "work", 2, []pcgroups.PartitioningFilter{filter}, 0, 0))
	must(pcgroups.AddMembers(ctx, js, "orders", "work", []string{"m1"}))
	for _, end := range []bool{false, true} {
		joining, cancel := context.WithCancel(ctx)
		handled := make(chan string, 10)
		member := must(pcgroups.ElasticConsume(joining, js, "orders", "work", "m1", func(msg jetstream.Msg) {
			handled <- msg.Subject()
			msg.Ack()
		}, jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy, AckWait: 2 * time.Second}))
		must(js.Publish(ctx, "orders.before", nil))
		fmt.Printf("context ended after joining: %v; handled %s,", end, <-handled)
		if end {
			cancel()
			time.Sleep(3 * time.Second)
		}
		must(js.Publish(ctx, "orders.after", nil))
		select {
		case subject := <-handled:
			fmt.Println(" handled", subject)
		case err := <-member.Done():
			fmt.Println(" done with:", err)
		case <-time.After(20 * time.Second):
			fmt.Println(" neither handled anything nor done")
		}
		member.Stop()
		time.Sleep(3 * time.Second)
		cancel()
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 200 go build -o finding . 2>/dev/null
timeout 70 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
context ended after joining: false; handled orders.before, handled orders.after
context ended after joining: true; handled orders.before, done with: the elastic consumer group config watcher has been closed, stopping
END
echo "as found: pcgroups v0.2.2, nats-server v2.15.3"
