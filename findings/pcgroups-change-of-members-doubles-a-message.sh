#!/usr/bin/env bash
# github.com/synadia-io/orbit.go/pcgroups v0.2.2 with nats-server v2.15.3 and nats.go v1.55.0, Go 1.26.
#
# Guess: an elastic group with MaxAckPending 1 works on one message of a key at a time, also while members are added:
#        "with the guarantee that in no way more than one message for a particular key can be consumed at the same
#        time", says its README.
# Seen:  when a member is added, the message that another is at work on is delivered again at once, long before its
#        AckWait, and is at work twice, even in the one process. Each member deletes its consumer and makes a new one,
#        which knows of no delivery, and does not wait for its handler. The first ack then counts for nothing.
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
	"sync/atomic"
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
	var begun, atWork, most atomic.Int32
	handler := func(msg jetstream.Msg) {
		if msg.Subject() == "orders.a" { // this key stays with m1 when m2 comes
			begun.Add(1)
			most.Store(max(most.Load(), atWork.Add(1)))
			time.Sleep(20 * time.Second)
			atWork.Add(-1)
		}
		msg.Ack()
	}
	config := jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: 1, AckWait: 5 * time.Minute}
	must(pcgroups.ElasticConsume(ctx, js, "orders", "work", "m1", handler, config))
	must(js.Publish(ctx, "orders.a", nil))
	for begun.Load() == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(3 * time.Second)
	fmt.Println("one member: deliveries of the message", begun.Load(), "- at work at once", most.Load())
	must(pcgroups.ElasticConsume(ctx, js, "orders", "work", "m2", handler, config))
	must(pcgroups.AddMembers(ctx, js, "orders", "work", []string{"m2"}))
	time.Sleep(12 * time.Second)
	fmt.Println("m2 is added meanwhile: deliveries of the message", begun.Load(), "- at work at once", most.Load())
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 200 go build -o finding . 2>/dev/null
timeout 70 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
one member: deliveries of the message 1 - at work at once 1
m2 is added meanwhile: deliveries of the message 2 - at work at once 2
END
echo "as found: pcgroups v0.2.2, nats-server v2.15.3"
